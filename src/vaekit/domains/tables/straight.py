"""From numbers to what they would be in a normal distribution, along a straight line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.tables.scale import FARTHEST, Scale

__all__ = ["Straight"]

Floats = NDArray[np.float64]

_MOST = 1000


@dataclass(frozen=True)
class Straight(Scale):
    """Numbers in standard deviations from their mean.

    What is linear between columns stays so, which ranks bend; in return the column is normal only
    if it was.

    Attributes:
        values: All values if there are at most 1,000 and rows share them, else the two ends.
        mean: Of the training numbers.
        spread: Their standard deviation.
        snaps: Whether these are all values.

    Example:
        >>> scale = Straight.of(np.array([1.0, 2.0, 3.0]))
        >>> scale.numbers(scale.scores(np.array([1.0, 2.5]))).tolist()
        [1.0, 2.5]
    """

    values: Sequence[float] = ()
    mean: float = 0.0
    spread: float = 1.0
    snaps: bool = False

    @classmethod
    def of(cls, numbers: Floats) -> Self:
        """Learn from numbers, none of them missing."""
        values = np.unique(numbers)
        if not len(values):
            return cls()
        snaps = bool(len(values) <= min(_MOST, len(numbers) / 2))
        kept = values if snaps else values[[0, -1]]
        spread = float(numbers.std()) or 1.0
        return cls(tuple(kept.tolist()), float(numbers.mean()), spread, snaps)

    def scores(self, numbers: Floats) -> Floats:
        """Standard deviations from the mean, 6 at most."""
        scores: Floats = np.clip((numbers - self.mean) / self.spread, -FARTHEST, FARTHEST)
        return scores

    def numbers(self, scores: Floats) -> Floats:
        """The number, or the nearest value where all are known."""
        numbers, values = self.mean + self.spread * scores, np.asarray(self.values)
        if self.snaps:
            between = (values[1:] + values[:-1]) / 2
            nearest: Floats = values[np.searchsorted(between, numbers)]
            return nearest
        bounded: Floats = np.clip(numbers, values[0], values[-1])
        return bounded

    def range(self, low: float, high: float) -> tuple[float, float] | None:
        """The scores of numbers from low to high, of whole values where all are known."""
        values = np.asarray(self.values)
        if low > values[-1] or high < values[0]:
            return None
        if self.snaps:
            inside = np.flatnonzero((values >= low) & (values <= high))
            if not len(inside):
                return None
            ends = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
            low, high = ends[inside[0]], ends[inside[-1] + 1]
        start = -np.inf if low <= values[0] else (low - self.mean) / self.spread
        end = np.inf if high >= values[-1] else (high - self.mean) / self.spread
        return float(start), float(end)

    def bins(self, most: int) -> tuple[float, ...]:
        """Ends of bins of equal probability."""
        return tuple(np.linspace(0, 1, most + 1).tolist())
