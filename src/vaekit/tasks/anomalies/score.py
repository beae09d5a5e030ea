"""What every score of anomalies promises."""

import abc
from collections.abc import Mapping
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import NotFittedError
from vaekit.tasks.anomalies.seen import Seen

__all__ = ["Arrays", "Score", "learnt"]

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]
T = TypeVar("T")


class Score(abc.ABC):
    """One way to tell how unusual items are."""

    @abc.abstractmethod
    def fit(self, training: Seen) -> Self:
        """Learn from training items."""

    @abc.abstractmethod
    def of(self, seen: Seen) -> Floats:
        """Of items."""

    @abc.abstractmethod
    def of_training(self, training: Seen) -> Floats:
        """Of the training items themselves, as if each had not been one of them."""

    @property
    @abc.abstractmethod
    def arrays(self) -> Arrays:
        """All that was learnt, by name: what `restored` takes."""

    @abc.abstractmethod
    def restored(self, arrays: Arrays) -> Self:
        """The same score with what another had learnt."""


def learnt(value: T | None) -> T:
    """What a score has learnt.

    Raises:
        NotFittedError: Nothing yet.
    """
    if value is None:
        raise NotFittedError("this score has learnt nothing yet; call fit first.")
    return value
