"""How numbers of a column become what the networks see, and back."""

import abc
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["FARTHEST", "Scale"]

FARTHEST = 6.0
"""Standard deviations beyond which no number is sent to the networks."""

Floats = NDArray[np.float64]


class Scale(abc.ABC):
    """From numbers to scores, which the likelihood takes for about standard normal.

    Attributes:
        values: Some of the training values, rising, the smallest and the largest among them.
        snaps: Whether these are all values, so that there is nothing between them.
    """

    values: Sequence[float]
    snaps: bool

    @abc.abstractmethod
    def scores(self, numbers: Floats) -> Floats:
        """What the networks see of numbers, those beyond the training range included."""

    @abc.abstractmethod
    def numbers(self, scores: Floats) -> Floats:
        """The numbers that have these scores, within the training range."""

    @abc.abstractmethod
    def range(self, low: float, high: float) -> tuple[float, float] | None:
        """The scores of numbers from low to high; ``None`` if there are none."""

    @abc.abstractmethod
    def bins(self, most: int) -> tuple[float, ...]:
        """Ends of bins of scores, as shares of the standard normal distribution.

        Args:
            most: Bins, at most.
        """
