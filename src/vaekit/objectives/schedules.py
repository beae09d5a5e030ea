"""Schedules: weights that change while training, as functions of the `Clock` alone."""

import math
from dataclasses import dataclass

from vaekit.errors import SpecError
from vaekit.types import Clock

__all__ = ["Cosine", "Cyclical", "Linear", "WarmUpCosine"]


@dataclass(frozen=True)
class Linear:
    """From start to end in a straight line, then constant.

    Attributes:
        start: Value at step 0.
        end: Value from ``share`` of the training on.
        share: Share of all steps that the way takes, in (0, 1].
        steps: How many steps the way takes, instead of a share of all.

    Source: Bowman et al. 2016, "Generating sentences from a continuous space" (KL annealing).

    Example:
        >>> Linear(0.0, 1.0, share=0.5)(Clock(step=25, total=100, items=1))
        0.5
    """

    start: float
    end: float
    share: float = 1.0
    steps: int | None = None

    def __post_init__(self) -> None:
        _check_share(self.share)
        _check_steps(self.steps)

    def __call__(self, clock: Clock) -> float:
        """The value now."""
        return self.start + (self.end - self.start) * _progress(clock, self.share, self.steps)


@dataclass(frozen=True)
class Cosine:
    """From start to end along half a cosine, then constant.

    Attributes:
        start: Value at step 0.
        end: Value from ``share`` of the training on.
        share: Share of all steps that the way takes, in (0, 1].
        steps: How many steps the way takes, instead of a share of all.

    Source: Loshchilov & Hutter 2017, "SGDR", eq. 5.

    Example:
        >>> round(Cosine(0.0, 1.0)(Clock(step=25, total=100, items=1)), 4)
        0.1464
    """

    start: float
    end: float
    share: float = 1.0
    steps: int | None = None

    def __post_init__(self) -> None:
        _check_share(self.share)
        _check_steps(self.steps)

    def __call__(self, clock: Clock) -> float:
        """The value now."""
        bend = (1 - math.cos(math.pi * _progress(clock, self.share, self.steps))) / 2
        return self.start + (self.end - self.start) * bend


@dataclass(frozen=True)
class Cyclical:
    """Again and again from start to end in a straight line, then a rest at end.

    Attributes:
        start: Value at the start of each cycle.
        end: Value from ``ramp`` of each cycle on.
        cycles: Number of cycles, at least 1.
        ramp: Share of a cycle that the rise takes, in (0, 1].

    Source: Fu et al. 2019, "Cyclical annealing schedule", eq. 6.

    Example:
        >>> schedule = Cyclical(0.0, 1.0, cycles=2, ramp=0.5)
        >>> [schedule(Clock(step, 100, 1)) for step in (0, 25, 49, 50)]
        [0.0, 1.0, 1.0, 0.0]
    """

    start: float
    end: float
    cycles: int = 4
    ramp: float = 0.5

    def __post_init__(self) -> None:
        _check_share(self.ramp)
        if self.cycles < 1:
            raise SpecError(f"cycles must be at least 1; got {self.cycles}.")

    def __call__(self, clock: Clock) -> float:
        """The value now."""
        place = (clock.step * self.cycles / clock.total) % 1.0
        return self.start + (self.end - self.start) * min(1.0, place / self.ramp)


@dataclass(frozen=True)
class WarmUpCosine:
    """The learning rate: up in a straight line, then down along a cosine to almost nothing.

    Attributes:
        peak: Largest value.
        warm_up: Share of all steps until the peak, in [0, 1).
        final: Value at the end, as a share of the peak.

    Source: Loshchilov & Hutter 2017; Goyal et al. 2017, section 2.2 (gradual warm-up).

    Example:
        >>> schedule = WarmUpCosine(1.0, warm_up=0.1)
        >>> [round(schedule(Clock(step, 100, 1)), 3) for step in (0, 9, 10, 55, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
    """

    peak: float
    warm_up: float = 0.05
    final: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.warm_up < 1:
            raise SpecError(f"warm_up must be in [0, 1); got {self.warm_up}.")

    def __call__(self, clock: Clock) -> float:
        """The value now."""
        rise = self.warm_up * clock.total
        if clock.step < rise:
            return self.peak * min(1.0, (clock.step + 1) / rise)
        place = min(1.0, (clock.step - rise) / max(1.0, clock.total - rise))
        return self.peak * (self.final + (1 - self.final) * (1 + math.cos(math.pi * place)) / 2)


def _progress(clock: Clock, share: float, steps: int | None) -> float:
    way = share * clock.total if steps is None else steps
    return min(1.0, clock.step / max(1.0, way))


def _check_steps(steps: int | None) -> None:
    if steps is not None and steps < 1:
        raise SpecError(f"steps must be None or at least 1; got {steps}.")


def _check_share(share: float) -> None:
    if not 0 < share <= 1:
        raise SpecError(f"a share of the training must be in (0, 1]; got {share}.")
