"""Clusters that were found, and into which new items can be put."""

import abc
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vaekit.metrics.clustering import NOISE
from vaekit.tasks.clustering.encoded import Encoded

__all__ = ["Assigned", "Found", "Partition", "largest_first"]


@dataclass(frozen=True, eq=False)
class Assigned:
    """The clusters of some items.

    Attributes:
        clusters: The number of each item's cluster, shape (items,); -1 for none.
        probabilities: Shape (items, clusters); ``None`` where the method knows none.
    """

    clusters: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None = None

    def numbered(self, order: NDArray[np.int64]) -> "Assigned":
        """With other numbers: cluster ``order[i]`` becomes i."""
        rank = np.append(np.argsort(order), NOISE)  # the last one is what -1 points to
        p = self.probabilities
        return Assigned(rank[self.clusters], None if p is None else p[:, order])


class Partition(abc.ABC):
    """Puts items into the clusters that a method has found."""

    @abc.abstractmethod
    def assign(self, items: Encoded) -> Assigned:
        """The clusters of items, those of the training or new ones."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a method finds.

    Attributes:
        assigned: The clusters of the items that it looked at.
        partition: For further items.
        k: How many clusters there are.
        scores: The criterion for each number of clusters that was tried; empty where it was given.
        criterion: What chose the number of clusters, in words.
    """

    assigned: Assigned
    partition: Partition
    k: int
    scores: dict[int, float]
    criterion: str


@dataclass(frozen=True, eq=False)
class _Numbered(Partition):
    """A partition whose clusters have other numbers."""

    inner: Partition
    order: NDArray[np.int64]

    def assign(self, items: Encoded) -> Assigned:
        """As the inner one does, renumbered."""
        return self.inner.assign(items).numbered(self.order)


def largest_first(found: Found) -> Found:
    """The same clusters, numbered from the largest on, so that numbers mean something."""
    clusters = found.assigned.clusters
    sizes = np.bincount(clusters[clusters != NOISE], minlength=found.k)
    order = np.argsort(-sizes, kind="stable")
    return replace(
        found,
        assigned=found.assigned.numbered(order),
        partition=_Numbered(found.partition, order),
    )
