"""From numbers to their ranks among those of training, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from vaekit.domains.tables.scale import FARTHEST, Scale

__all__ = ["Ranks"]

Floats = NDArray[np.float64]

_KNOTS = 1000
_TIED = 3  # rows from which a value is one that others share
_TAIL = 0.1
_INSET = 1e-6  # of a range, so that its ends do not fall to the values next to it


@dataclass(frozen=True)
class Ranks(Scale):
    """The distribution function of a column, with steps where rows share a value.

    A rank is the share of smaller values, from 0 to 1. A value that rows share has a range of
    ranks, and comes back from each of them; between values, ranks are interpolated.

    Attributes:
        values: Some values, rising, at most 1,000.
        lows: The share of values below each.
        highs: The share of values up to each; the same as below for values that are not shared.
        snaps: Whether these are all values, so that there is nothing between them.

    Example:
        >>> ranks = Ranks.of(np.array([1.0, 1.0, 1.0, 2.0, 3.0, 4.0]))
        >>> ranks.value(np.array([0.1, 0.4, 0.75])).tolist()
        [1.0, 1.0, 3.0]
    """

    values: Sequence[float] = ()
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()
    snaps: bool = False

    @classmethod
    def of(cls, numbers: Floats) -> Self:
        """Learn from numbers, none of them missing."""
        values, counts = np.unique(numbers, return_counts=True)
        if not len(values):
            return cls()
        snaps = bool(len(values) <= min(_KNOTS, len(numbers) / 2))
        highs = counts.cumsum() / counts.sum()
        lows = np.concatenate([[0.0], highs[:-1]])
        alone = (counts < _TIED) & (not snaps)
        lows[alone] = highs[alone] = (lows[alone] + highs[alone]) / 2
        kept = _kept(counts)
        found, below, up_to = (tuple(part[kept].tolist()) for part in (values, lows, highs))
        return cls(found, below, up_to, snaps)

    @property
    def middles(self) -> Floats:
        """The rank of each value: the middle of its range."""
        middles: Floats = (np.asarray(self.lows) + np.asarray(self.highs)) / 2
        return middles

    def scores(self, numbers: Floats) -> Floats:
        """Normal scores of ranks; beyond the training range they go on with the tail's slope."""
        scores = ndtri(self.rank(numbers))
        for end, inner in ((0, _TAIL), (-1, 1 - _TAIL)):
            edge, score = self.values[end], ndtri(self.middles[end])
            slope = (score - ndtri(inner)) / _apart(edge - float(self.value(np.array(inner))))
            beyond = numbers < edge if end == 0 else numbers > edge
            scores = np.where(beyond, score + slope * (numbers - edge), scores)
        bounded: Floats = np.clip(scores, -FARTHEST, FARTHEST)
        return bounded

    def numbers(self, scores: Floats) -> Floats:
        """The numbers of these normal scores."""
        return self.value(ndtr(scores))

    def rank(self, numbers: Any) -> Floats:
        """Ranks of numbers; those beyond the first and last have theirs."""
        ranks: Floats = np.interp(numbers, self.values, self.middles)
        return ranks

    def value(self, ranks: Floats) -> Floats:
        """The numbers that have these ranks."""
        if self.snaps:
            found: Floats = np.asarray(self.values)[np.searchsorted(self.highs[:-1], ranks)]
            return found
        ends = np.stack([self.lows, self.highs], 1).ravel()
        between: Floats = np.interp(ranks, ends, np.repeat(self.values, 2))
        return between

    def range(self, low: float, high: float) -> tuple[float, float] | None:
        """The normal scores of numbers from low to high; ``None`` if there are none."""
        if (ranks := self.between(low, high)) is None:
            return None
        lowest, highest = ndtri(ranks).tolist()
        return lowest, highest

    def between(self, low: float, high: float) -> tuple[float, float] | None:
        """The ranks of numbers from low to high; ``None`` if there are none."""
        values = np.asarray(self.values)
        nothing = low > values[-1] or high < values[0]
        if nothing or (self.snaps and not ((values >= low) & (values <= high)).any()):
            return None
        first = int(np.searchsorted(values, low))
        last = int(np.searchsorted(values, high, side="right")) - 1
        start = 0.0 if low <= values[0] else self._at(first - 1, first, low)[0]
        end = 1.0 if high >= values[-1] else self._at(last, last + 1, high)[1]
        inner = _INSET * (end - start)
        return start + inner * (start > 0), end - inner * (end < 1)

    def _at(self, below: int, above: int, number: float) -> tuple[float, float]:
        """The range of ranks of a number that is one of two neighbouring values, or between."""
        for place in (below, above):
            if self.values[place] == number:
                return self.lows[place], self.highs[place]
        share = (number - self.values[below]) / (self.values[above] - self.values[below])
        rank = self.highs[below] + share * (self.lows[above] - self.highs[below])
        return rank, rank

    def bins(self, most: int) -> tuple[float, ...]:
        """Ends of bins of equal probability, moved where they would part a shared value.

        Args:
            most: Bins, at most.
        """
        ends = np.linspace(0, 1, most + 1)
        lows, highs = np.asarray(self.lows), np.asarray(self.highs)
        place = np.searchsorted(lows, ends, side="right") - 1
        low, high = lows[place.clip(0)], highs[place.clip(0)]
        inside = (place >= 0) & (low < ends) & (ends < high)
        nearest = np.where(ends - low < high - ends, low, high)
        return tuple(np.unique([0.0, *np.where(inside, nearest, ends)[1:-1], 1.0]).tolist())


def _kept(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The values to keep: evenly spaced ones, and those that most rows share."""
    if len(counts) <= _KNOTS:
        return np.arange(len(counts))
    heavy = np.argsort(counts, kind="stable")[::-1][: _KNOTS // 2]
    heavy = heavy[counts[heavy] >= _TIED]
    spaced = np.linspace(0, len(counts) - 1, _KNOTS - len(heavy)).round().astype(np.int64)
    return np.union1d(spaced, heavy)


def _apart(difference: float) -> float:
    return difference if abs(difference) > 1e-12 else float("inf")
