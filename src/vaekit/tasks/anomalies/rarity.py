"""Scores of different kinds on one scale: how rare they are among training items."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rarity", "Standing"]

Floats = NDArray[np.float64]

_TO_DEVIATION = 1.4826  # of the median absolute deviation, if normal


@dataclass(frozen=True)
class Rarity:
    """Minus the log of the share of training scores that are at least as high, in nats.

    Between training scores it is interpolated: what differs by rounding hardly differs in rarity.
    Beyond the highest it goes on with the logarithm of the distance in standard deviations, so
    that what is farther away stays more unusual.

    Attributes:
        known: The training scores, rising.
        spread: Their standard deviation; 1 if they are all the same.

    Example:
        >>> rarity = Rarity.of([1.0, 2.0, 3.0])
        >>> rarity(np.array([0.0, 3.0, 9.0])).round(2).tolist()
        [0.13, 0.98, 3.1]
    """

    known: Floats = field(repr=False)
    spread: float = 1.0

    @classmethod
    def of(cls, training: Any) -> Self:
        """Learn from training scores."""
        known = np.sort(np.asarray(training, dtype=np.float64))
        return cls(known, float(known.std()) or 1.0)

    def __call__(self, scores: Floats) -> Floats:
        """In nats, from about 0."""
        values, first = np.unique(self.known, return_index=True)
        count = len(self.known)
        as_high = np.interp(scores, values, count - first)
        beyond = np.maximum(scores - values[-1], 0.0) / self.spread
        nats: Floats = -np.log((as_high + 0.5) / (count + 1)) + np.log1p(beyond)
        return nats


@dataclass(frozen=True)
class Standing:
    """How many robust standard deviations scores are above the median of training scores.

    Where training items are known to be normal and few, how far beyond them something is tells
    more than how rare it is among them.

    Attributes:
        known: The training scores, rising.

    Example:
        >>> Standing.of([1.0, 2.0, 9.0])(np.array([2.0, 4.0])).round(2).tolist()
        [0.0, 1.35]
    """

    known: Floats = field(repr=False)

    @classmethod
    def of(cls, training: Any) -> Self:
        """Learn from training scores."""
        return cls(np.sort(np.asarray(training, dtype=np.float64)))

    def __call__(self, scores: Floats) -> Floats:
        """In robust standard deviations; in plain ones where half of the known scores are equal."""
        middle = np.median(self.known)
        spread = _TO_DEVIATION * float(np.median(np.abs(self.known - middle)))
        standing: Floats = (scores - middle) / (spread or float(self.known.std()) or 1.0)
        return standing
