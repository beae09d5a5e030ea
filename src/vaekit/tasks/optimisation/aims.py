"""What is wanted of a number: more of it, less of it, or a range."""

import abc
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import SpecError

__all__ = ["Aim", "Towards", "Within"]

Floats = NDArray[np.float64]

_ROOM = 1.0  # above the best start, in widths of what the starts cover


class Aim(abc.ABC):
    """Turns values of one objective into how welcome they are."""

    @abc.abstractmethod
    def fitted(self, values: Floats) -> Self:
        """The same with its open ends chosen by the values of the first molecules."""

    @abc.abstractmethod
    def welcome(self, values: Floats) -> Floats:
        """The larger the better, in the unit of the values; without bound."""

    @abc.abstractmethod
    def desirability(self, values: Floats) -> Floats:
        """From 0, not acceptable, to 1, as good as can be asked for.

        Source: Derringer & Suich 1980, "Simultaneous optimization of several response variables".
        """

    @abc.abstractmethod
    def words(self, name: str) -> str:
        """What is wanted, for people."""


@dataclass(frozen=True)
class Towards(Aim):
    """As high as possible, or as low.

    Attributes:
        sign: 1 for high, -1 for low.
        worst: The value of desirability 0; ``None`` for the worst of the first molecules.
        best: The value of desirability 1, where more is not asked for; ``None`` for as far beyond
            the best of the first molecules as these differ.

    Example:
        >>> Towards(1, 0.0, 10.0).desirability(np.array([-1.0, 5.0, 20.0]))
        array([0. , 0.5, 1. ])
    """

    sign: int = 1
    worst: float | None = None
    best: float | None = None

    def __post_init__(self) -> None:
        if self.worst is not None and self.best is not None:
            _check_order(self.sign * self.worst, self.sign * self.best, "worst", "best")

    def fitted(self, values: Floats) -> Self:
        """Put the ends where they are open."""
        ends = self.sign * values
        least, most = (ends.min(), ends.max()) if len(ends) else (0.0, 1.0)
        worst = least if self.worst is None else self.sign * self.worst
        best = most + _ROOM * max(most - worst, 1e-9)
        best = max(best, worst + 1e-9) if self.best is None else self.sign * self.best
        worst = min(worst, best - 1e-9)
        return replace(self, worst=self.sign * float(worst), best=self.sign * float(best))

    def welcome(self, values: Floats) -> Floats:
        """The values, or minus them."""
        return self.sign * values

    def desirability(self, values: Floats) -> Floats:
        """In a straight line between the ends."""
        if self.worst is None or self.best is None:
            raise SpecError("the ends must be known; call fitted(values) first.")
        share: Floats = np.clip((values - self.worst) / (self.best - self.worst), 0.0, 1.0)
        return share

    def words(self, name: str) -> str:
        """As ``highest qed``."""
        return f"{'highest' if self.sign > 0 else 'lowest'} {name}"


@dataclass(frozen=True)
class Within(Aim):
    """Inside a range; outside, desirability falls off exponentially, so that nearer is better.

    This keeps apart what Derringer & Suich's straight sides would make all 0.

    Attributes:
        low: The lower end.
        high: The upper end; the same for a single target.
        tolerance: How far outside it is 1/e; ``None`` for half of the range's width, and for a
            single target half of the standard deviation of the first molecules.

    Example:
        >>> Within(2.0, 3.0, tolerance=1.0).desirability(np.array([2.5, 4.0])).round(3)
        array([1.   , 0.368])
    """

    low: float
    high: float
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            _check_order(self.low, self.high, "low", "high")
        if self.tolerance is not None and not self.tolerance > 0:
            raise SpecError(f"tolerance must be above 0; got {self.tolerance}.")

    def fitted(self, values: Floats) -> Self:
        """Choose the tolerance where it is open."""
        if self.tolerance is not None:
            return self
        width = self.high - self.low or (float(values.std()) if len(values) else 0.0)
        return replace(self, tolerance=width / 2 or 1.0)

    def welcome(self, values: Floats) -> Floats:
        """Minus the distance to the range."""
        outside: Floats = np.maximum(np.maximum(self.low - values, values - self.high), 0.0)
        return -outside

    def desirability(self, values: Floats) -> Floats:
        """1 inside."""
        if self.tolerance is None:
            raise SpecError("the tolerance must be known; call fitted(values) first.")
        fallen: Floats = np.exp(self.welcome(values) / self.tolerance)
        return fallen

    def words(self, name: str) -> str:
        """As ``logp from 2 to 3``."""
        return f"{name} from {self.low:g} to {self.high:g}"


def _check_order(first: float, second: float, *names: str) -> None:
    if not first < second:
        raise SpecError(
            f"{names[1]} must lie beyond {names[0]}; got {names[0]}={first:g}, "
            f"{names[1]}={second:g}."
        )
