"""What every objective promises, the terms of losses, and weights that change while training."""

import abc
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.distributions import kl_divergence

from vaekit.bounds import Steps
from vaekit.errors import CompositionError, SpecError
from vaekit.models.vae import VAE, Model
from vaekit.registry import name_of
from vaekit.spec import arguments
from vaekit.types import Batch, Draw, Evidence, Schedule, TrainingProgress, Update


@dataclass(frozen=True)
class OptimizerOptions:
    """How the optimiser of a group moves.

    Attributes:
        rate: Share of the training's learning rate.
        betas: Decay of Adam's two averages. Trainings of a few thousand steps gain from forgetting
            old squares within a hundred.
    """

    rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.99)


class Objective(nn.Module, abc.ABC):
    """What training minimises; it owns its critics, so that the model stays clean."""

    @property
    @abc.abstractmethod
    def requires(self) -> frozenset[str]:
        """What the model must provide."""

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """Parameters by group; each group has an optimiser of its own."""
        return {"model": model.parameters()}

    def pace(self, group: str) -> OptimizerOptions:
        """Return how the optimiser of a group moves."""
        return OptimizerOptions()

    @property
    def is_checkpointable(self) -> bool:
        """Whether weights of this moment may be the ones to keep; not during a start."""
        return True

    @abc.abstractmethod
    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield one `Update` for each optimiser update; it has happened when this resumes."""


class Term(abc.ABC):
    """One addend of a `Sum`.

    Attributes:
        name: Its column in the history.
        requires: What it needs of the model.
    """

    name: ClassVar[str]
    requires: ClassVar[frozenset[str]] = frozenset()

    @abc.abstractmethod
    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Nats to minimise, of any shape: the mean over draws and items is taken last."""


def require_vae(model: Model, objective: Objective) -> VAE:
    """Return the model, if it is a VAE.

    Raises:
        CompositionError: It is none.
    """
    if not isinstance(model, VAE):
        raise CompositionError(
            f"{type(objective).__name__} trains a VAE; got {type(model).__name__}."
        )
    return model


_MEANING = {
    "density": "a posterior with a density (DiagonalGaussian, FullGaussian, ...)",
    "factorised": "independent latents (DiagonalGaussian)",
    "path": "a posterior whose parameters can be held fast (DiagonalGaussian, FullGaussian)",
    "components": "a prior of components (LearnedMixture)",
    "context": "a model fitted with a context (fit(X, context=...))",
    "codes": "a posterior over codes (VectorQuantized, FiniteScalar, Categorical)",
    "generator": "a model that decodes noise (GAN)",
    "velocity": "a model of velocities (Diffusion)",
    "smooth": "a likelihood whose point moves smoothly (Gaussian, Bernoulli; not codes)",
    "normalised": "a likelihood that is a density (Gaussian, Bernoulli, ...)",
}


def check_composition(model: Model, objective: Objective) -> None:
    """Compare what the objective requires with what the model provides.

    Raises:
        CompositionError: Something is missing; names it and what would fit.
    """
    missing = objective.requires - model.provides
    if missing:
        cures = "; ".join(_MEANING.get(need, need) for need in sorted(missing))
        raise CompositionError(
            f"{objective!r} requires {sorted(missing)}, which this {type(model).__name__} does "
            f"not provide (it provides {sorted(model.provides)}). What fits: {cures}."
        )


@dataclass(frozen=True)
class Reconstruction(Term):
    """-E_q[log p(x | z)], the expected cost of describing x given z."""

    name: ClassVar[str] = "reconstruction"

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one cost per draw and item."""
        return -evidence.log_px


@dataclass(frozen=True)
class KL(Term):
    """KL(q(z | x) || p(z)), the information that z holds about x."""

    name: ClassVar[str] = "kl"
    requires: ClassVar[frozenset[str]] = frozenset({"density"})

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """In closed form where there is one, else estimated from the draws."""
        return kl_of(evidence.draw)


@dataclass(frozen=True)
class CapacityKL(Term):
    """|KL - C|: holds the mean KL of the batch at a capacity that grows.

    Attributes:
        capacity: C in nats, usually a `Linear` schedule from 0 up.

    Source: Burgess et al. 2018, "Understanding disentangling in beta-VAE", eq. 8.
    """

    name: ClassVar[str] = "capacity_kl"
    requires: ClassVar[frozenset[str]] = frozenset({"density"})

    capacity: Schedule

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Distance of the batch's mean KL from the capacity now."""
        return (kl_of(evidence.draw).mean() - self.capacity(progress)).abs()


def kl_of(draw: Draw) -> Tensor:
    """KL(q || p) of each item, shape (batch,).

    In closed form where the draw or ``torch.distributions`` has one, else the mean over the draws
    of log q - log p.
    """
    if draw.kl is not None:
        return draw.kl.mean(0)
    try:
        return kl_divergence(draw.q, draw.p)
    except NotImplementedError:
        if draw.log_q is None or draw.log_p is None:
            raise
        return (draw.log_q - draw.log_p).mean(0)


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
        >>> Linear(0.0, 1.0, share=0.5)(TrainingProgress(step=25, total=100, items=1))
        0.5
    """

    start: float
    end: float
    share: float = 1.0
    steps: Steps | None = None

    def __post_init__(self) -> None:
        _check_share(self.share)
        _check_steps(self.steps)

    def __call__(self, progress: TrainingProgress) -> float:
        """Return the value now."""
        return self.start + (self.end - self.start) * _progress(progress, self.share, self.steps)


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
        >>> round(Cosine(0.0, 1.0)(TrainingProgress(step=25, total=100, items=1)), 4)
        0.1464
    """

    start: float
    end: float
    share: float = 1.0
    steps: Steps | None = None

    def __post_init__(self) -> None:
        _check_share(self.share)
        _check_steps(self.steps)

    def __call__(self, progress: TrainingProgress) -> float:
        """Return the value now."""
        bend = (1 - math.cos(math.pi * _progress(progress, self.share, self.steps))) / 2
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
        >>> [schedule(TrainingProgress(step, 100, 1)) for step in (0, 25, 49, 50)]
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

    def __call__(self, progress: TrainingProgress) -> float:
        """Return the value now."""
        place = (progress.step * self.cycles / progress.total) % 1.0
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
        >>> [round(schedule(TrainingProgress(step, 100, 1)), 3) for step in (0, 9, 10, 55, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
    """

    peak: float
    warm_up: float = 0.05
    final: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.warm_up < 1:
            raise SpecError(f"warm_up must be in [0, 1); got {self.warm_up}.")

    def __call__(self, progress: TrainingProgress) -> float:
        """Return the value now."""
        rise = self.warm_up * progress.total
        if progress.step < rise:
            return self.peak * min(1.0, (progress.step + 1) / rise)
        place = min(1.0, (progress.step - rise) / max(1.0, progress.total - rise))
        return self.peak * (self.final + (1 - self.final) * (1 + math.cos(math.pi * place)) / 2)


def _progress(progress: TrainingProgress, share: float, steps: int | None) -> float:
    span = share * progress.total if steps is None else steps
    return min(1.0, progress.step / max(1.0, span))


def _check_steps(steps: int | None) -> None:
    if steps is not None and steps < 1:
        raise SpecError(f"steps must be None or at least 1; got {steps}.")


def _check_share(share: float) -> None:
    if not 0 < share <= 1:
        raise SpecError(f"a share of the training must be in (0, 1]; got {share}.")


class FixedSchedule(Objective):
    """Another objective whose schedules all stand where they end.

    A weight of the KL that rises from 0 lets new latents come to life; latents that are alive
    would lose the shape that they were given.

    Args:
        objective: The other one.

    Example:
        >>> from vaekit.objectives import Linear, elbo
        >>> FixedSchedule(elbo(Linear(0.0, 0.5)))
        Arrived(Sum(reconstruction + Linear(start=0.0, end=0.5, share=1.0, steps=None) * kl))
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    @property
    def requires(self) -> frozenset[str]:
        """What the other one does."""
        return self.objective.requires

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """Return those of the other one."""
        return self.objective.groups(model)

    def pace(self, group: str) -> OptimizerOptions:
        """That of the other one."""
        return self.objective.pace(group)

    @property
    def is_checkpointable(self) -> bool:
        """Whether the other one is."""
        return self.objective.is_checkpointable

    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Return those of the other one at the end of its time."""
        return self.objective.losses(model, batch, replace(progress, step=progress.total))

    def __repr__(self) -> str:
        """Name what it wraps."""
        return f"Arrived({self.objective!r})"


def overrunning(objective: Any, total: int) -> list[Linear | Cosine]:
    """Return the schedules anywhere in an objective whose way takes more steps than there are.

    Args:
        objective: An objective, or a part of one.
        total: Optimiser steps planned.

    Example:
        >>> from vaekit.objectives import elbo
        >>> overrunning(elbo(Linear(0.0, 1.0, steps=500)), total=100)
        [Linear(start=0.0, end=1.0, share=1.0, steps=500)]
    """
    return [s for s in _schedules(objective) if s.steps is not None and s.steps > total]


def _schedules(part: Any) -> Iterator[Linear | Cosine]:
    if isinstance(part, Linear | Cosine):
        yield part
    elif isinstance(part, tuple | list):
        for item in part:
            yield from _schedules(item)
    elif name_of(type(part)) is not None:
        yield from _schedules(list(arguments(part).values()))
