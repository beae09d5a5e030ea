"""What a clustering says."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.metrics import Agreement
from vaekit.metrics.clustering import NOISE
from vaekit.tasks.clustering.partition import Partition
from vaekit.tasks.clustering.traits import Trait

__all__ = ["Cluster", "Clustering"]


@dataclass(frozen=True)
class Cluster:
    """One cluster.

    Attributes:
        number: Its number, from 0.
        size: How many items it has; 0 for a component of a model that no item belongs to.
        representatives: The items closest to the mean of its latents, the closest first.
        traits: What sets it apart from all other items, the largest difference first: columns of
            a table, or else latents.
        latents: The latents that do, in the same way.
    """

    number: int
    size: int
    representatives: tuple[int, ...]
    traits: tuple[Trait, ...]
    latents: tuple[Trait, ...]

    def summary(self, most: int = 3) -> str:
        """The first traits in one line."""
        return ", ".join(str(trait) for trait in self.traits[:most])


@dataclass(frozen=True, eq=False)
class Clustering:
    """What `cluster` finds.

    Attributes:
        assignments: The number of each item's cluster, int64 of shape (items,); -1 for items in
            none, which only method ``"hdbscan"`` leaves over.
        probabilities: Shape (items, clusters), where the method gives any: of the mixture's
            components, of the neighbours' votes, or how firmly an item is in a dense region.
        clusters: The clusters, by number.
        method: The method used: a key of `METHODS`.
        criterion: What chose the number of clusters; ``"given"`` where you did.
        scores: The criterion for each number of clusters that was tried, the best first.
        agreement: Agreement with the labels; ``None`` without labels.
        z: The latents that were clustered, shape (items, latents).
        seed: Of everything random.
        partition: Puts further items into these clusters; see `assign`.
    """

    assignments: NDArray[np.int64] = field(repr=False)
    probabilities: NDArray[np.float64] | None = field(repr=False)
    clusters: tuple[Cluster, ...] = field(repr=False)
    method: str
    criterion: str
    scores: Mapping[int, float] = field(repr=False)
    agreement: Agreement | None
    z: NDArray[np.float64] = field(repr=False)
    seed: int
    partition: Partition = field(repr=False)

    @property
    def k(self) -> int:
        """How many clusters there are, without the items in none."""
        return len(self.clusters)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many items each cluster has."""
        return tuple(cluster.size for cluster in self.clusters)

    @property
    def noise(self) -> int:
        """How many items are in no cluster."""
        return int((self.assignments == NOISE).sum())

    @property
    def confidence(self) -> NDArray[np.float64] | None:
        """The probability of each item's own cluster, 0 for items in none, or ``None``."""
        if self.probabilities is None:
            return None
        inside = self.assignments != NOISE
        own = np.zeros(len(self.assignments))
        own[inside] = self.probabilities[inside, self.assignments[inside]]
        return own

    def to_json(self) -> dict[str, Any]:
        """Everything but what there is one of for each item, as plain values."""
        return {
            "items": len(self.assignments),
            "k": self.k,
            "noise": self.noise,
            "method": self.method,
            "criterion": self.criterion,
            "scores": {str(k): score for k, score in self.scores.items()},
            "agreement": None if self.agreement is None else asdict(self.agreement),
            "seed": self.seed,
            "clusters": [asdict(cluster) for cluster in self.clusters],
        }
