"""Scores of anomalies: the higher, the less like the training items."""

import abc
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.anomalies.seen import Seen

__all__ = [
    "SCORES",
    "Bound",
    "CodeCost",
    "Isolation",
    "Margins",
    "Neighbours",
    "Score",
    "Surprise",
]

Floats = NDArray[np.float64]

_BINS, _FLOOR, _TREES = 10, 0.1, 200


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


class _Said(Score, abc.ABC):
    """A score that the model says by itself."""

    def fit(self, training: Seen) -> Self:
        """Nothing to learn."""
        return self

    def of_training(self, training: Seen) -> Floats:
        """As of any items."""
        return self.of(training)


class Bound(_Said):
    """The negative evidence lower bound: how many nats it takes to describe an item.

    Source: An & Cho 2015, "Variational autoencoder based anomaly detection using reconstruction
    probability", with the bound in place of its second half.
    """

    def of(self, seen: Seen) -> Floats:
        """Nats."""
        return seen.bound


class CodeCost(_Said):
    """The KL of the posterior: how far from the usual the code of an item is.

    Where anomalies are among the training items, a model learns to give them back; what they cost
    is then in the code.
    """

    def of(self, seen: Seen) -> Floats:
        """Nats."""
        return seen.code_cost


class Surprise(_Said):
    """Reconstruction error, each value in units of its learned noise: -log p(x | z).

    Source: An & Cho 2015, "Variational autoencoder based anomaly detection using reconstruction
    probability".
    """

    def of(self, seen: Seen) -> Floats:
        """Nats."""
        return seen.surprise


@dataclass(frozen=True)
class Neighbours(Score):
    """Distance to the k-th nearest training item.

    Attributes:
        k: Which neighbour.
        where: ``"points"``, all coordinates, or ``"codes"``, the latents.
        known: What was learnt.

    Source: Ramaswamy et al. 2000, "Efficient algorithms for mining outliers from large data sets".
    """

    k: int = 1
    where: str = "points"
    known: Any = field(default=None, repr=False)

    def fit(self, training: Seen) -> Self:
        """Index the training items."""
        from sklearn.neighbors import NearestNeighbors

        places: Floats = getattr(training, self.where)
        count = min(self.k + 1, len(places))
        return type(self)(self.k, self.where, NearestNeighbors(n_neighbors=count).fit(places))

    def of(self, seen: Seen) -> Floats:
        """Distances."""
        count = min(self.k, self.known.n_neighbors)
        return self._distances(getattr(seen, self.where), count)

    def of_training(self, training: Seen) -> Floats:
        """Each is its own nearest neighbour, which does not count."""
        return self._distances(getattr(training, self.where), self.known.n_neighbors)

    def _distances(self, places: Floats, count: int) -> Floats:
        found: Floats = self.known.kneighbors(places, count)[0]
        return found[:, -1]


@dataclass(frozen=True)
class Isolation(Score):
    """How few random cuts part an item from the rest.

    Attributes:
        forest: What was learnt.

    Source: Liu, Ting & Zhou 2008, "Isolation forest".
    """

    forest: Any = field(default=None, repr=False)

    def fit(self, training: Seen) -> Self:
        """Grow the trees."""
        from sklearn.ensemble import IsolationForest

        return type(self)(IsolationForest(n_estimators=_TREES, random_state=0).fit(training.points))

    def of(self, seen: Seen) -> Floats:
        """From 0 to 1."""
        found: Floats = -self.forest.score_samples(seen.points)
        return found

    def of_training(self, training: Seen) -> Floats:
        """As of any items: each tree saw 256 of them at most."""
        return self.of(training)


@dataclass(frozen=True)
class Margins(Score):
    """How rare the values of each column are by themselves, in histograms of ten bins.

    Attributes:
        edges: Of the bins, shape (columns, bins + 1).
        cost: Of each bin, and of none, shape (columns, bins + 1).

    Source: Goldstein & Dengel 2012, "Histogram-based outlier score (HBOS)".
    """

    edges: Floats | None = field(default=None, repr=False)
    cost: Floats | None = field(default=None, repr=False)

    def fit(self, training: Seen) -> Self:
        """Count."""
        counted = [np.histogram(column, _BINS) for column in training.points.T]
        shares = np.array([counts / counts.max() for counts, _ in counted])
        beyond = np.zeros((len(shares), 1))
        cost = -np.log(np.concatenate([shares, beyond], 1) + _FLOOR)
        return type(self)(np.array([edges for _, edges in counted]), cost)

    def of(self, seen: Seen) -> Floats:
        """Sum over the columns."""
        total: Floats = self.by_column(seen.points).sum(1)
        return total

    def of_training(self, training: Seen) -> Floats:
        """As of any items."""
        return self.of(training)

    def by_column(self, points: Floats) -> Floats:
        """Of each column, shape (items, columns)."""
        if self.edges is None or self.cost is None:
            raise ValueError("fit before scoring")
        found = np.empty(points.shape)
        for j, (edges, cost) in enumerate(zip(self.edges, self.cost, strict=True)):
            place = np.searchsorted(edges, points[:, j], side="right") - 1
            place = np.where(points[:, j] == edges[-1], _BINS - 1, place)
            outside = (place < 0) | (place >= _BINS)
            found[:, j] = cost[np.where(outside, _BINS, place)]
        return found


SCORES: dict[str, tuple[Score, ...]] = {
    "contaminated": (Bound(), CodeCost(), Margins(), Isolation()),
    "novelty": (Bound(), Neighbours(5), Neighbours(1)),
    "series_contaminated": (Bound(), CodeCost(), Isolation(), Neighbours(5, "codes")),
    "series_novelty": (Bound(), CodeCost(), Neighbours(1), Neighbours(5, "codes")),
    "bound": (Bound(),),
    "code": (CodeCost(),),
    "surprise": (Surprise(),),
    "neighbours": (Neighbours(5),),
    "latent_neighbours": (Neighbours(5, "codes"),),
    "isolation": (Isolation(),),
    "margins": (Margins(),),
}
"""Scores by name: of several, the mean of how rare each is among the training items."""
