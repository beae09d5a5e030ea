"""The ways to find clusters in latents, by name."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from vaekit.errors import CompositionError, SpecError
from vaekit.metrics.clustering import NOISE
from vaekit.tasks.clustering.choice import best_of, candidates, silhouette
from vaekit.tasks.clustering.encoded import Encoded
from vaekit.tasks.clustering.graph import graph
from vaekit.tasks.clustering.partition import Assigned, Found, Partition, largest_first

__all__ = ["METHODS", "find_clusters"]

_STARTS = 10  # of k-means
_RIDGE = 1e-4  # keeps covariances of latents that hardly vary invertible
_SMALLEST_SHARE = 0.01  # of the items, that HDBSCAN calls a cluster


def find_clusters(items: Encoded, method: str, k: int | None, seed: int) -> Found:
    """Find clusters by a method of `METHODS`.

    Args:
        items: What to look in.
        method: Its name.
        k: How many; ``None`` chooses by the method's criterion.
        seed: Of everything random.
    """
    # On latents, threads cost more than they bring: six times the CPU time.
    with threadpool_limits(1), warnings.catch_warnings():
        # Fewer distinct latents than clusters, and EM at its limit: both still are partitions.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return METHODS[method](items, k, seed)


@dataclass(frozen=True, eq=False)
class _ByEstimator(Partition):
    """Asks an estimator of scikit-learn."""

    estimator: Any
    has_probabilities: bool

    def assign(self, items: Encoded) -> Assigned:
        """Predict."""
        p = self.estimator.predict_proba(items.z) if self.has_probabilities else None
        return Assigned(self.estimator.predict(items.z).astype(np.int64), p)


def _kmeans(items: Encoded, k: int | None, seed: int) -> Found:
    def fit(count: int) -> Any:
        return KMeans(count, n_init=_STARTS, random_state=seed).fit(items.z)

    def score(fitted: Any) -> float:
        return silhouette(items.z, fitted.labels_, seed)

    return _counted(items, k, fit, score, "silhouette", has_probabilities=False)


def _gmm(items: Encoded, k: int | None, seed: int) -> Found:
    def fit(count: int) -> Any:
        return GaussianMixture(count, reg_covar=_RIDGE, random_state=seed).fit(items.z)

    def score(fitted: Any) -> float:
        return -float(fitted.bic(items.z)) / len(items)

    return _counted(items, k, fit, score, "-BIC per item", has_probabilities=True)


def _counted(
    items: Encoded,
    k: int | None,
    fit: Callable[[int], Any],
    score: Callable[[Any], float],
    criterion: str,
    *,
    has_probabilities: bool,
) -> Found:
    """Fit for so many clusters, or for each number worth a try, and keep the best."""
    fit = cache(fit)
    counts = candidates(len(items))
    scores = {} if k else dict(best_of(counts, lambda count: score(fit(count))))
    chosen = k or next(iter(scores))
    partition = _ByEstimator(fit(chosen), has_probabilities)
    reason = criterion if scores else "given"
    return largest_first(Found(partition.assign(items), partition, chosen, scores, reason))


@dataclass(frozen=True, eq=False)
class _ByNearest(Partition):
    """Gives an item the cluster of the nearest training item, unless that is too far.

    Attributes:
        neighbours: Finds the nearest training item.
        clusters: Of the training items.
        reach: For each cluster, how far its loneliest item is from the next item.
    """

    neighbours: NearestNeighbors
    clusters: NDArray[np.int64]
    reach: NDArray[np.float64]

    @classmethod
    def of(cls, z: NDArray[np.float64], clusters: NDArray[np.int64]) -> "_ByNearest":
        """Learn how far items of each cluster are apart."""
        neighbours = NearestNeighbors(n_neighbors=1).fit(z)
        apart = neighbours.kneighbors()[0][:, 0]
        numbers = range(clusters.max() + 1)
        reach = [apart[clusters == number].max() for number in numbers]
        return cls(neighbours, clusters, np.array([*reach, 0.0]))  # the last is that of noise

    def assign(self, items: Encoded) -> Assigned:
        """The cluster of the nearest, or none."""
        distance, nearest = (a[:, 0] for a in self.neighbours.kneighbors(items.z, 1))
        own = self.clusters[nearest]
        return Assigned(np.where(distance <= self.reach[own], own, NOISE))


def _hdbscan(items: Encoded, k: int | None, seed: int) -> Found:
    """Dense regions, of any number and shape (Campello et al. 2013); nothing in it is random."""
    if k is not None:
        raise SpecError(
            f"method 'hdbscan' finds the number of clusters itself, so k must be None; got {k}. "
            "Leave k out, or use method 'auto', 'gmm' or 'kmeans'."
        )
    smallest = max(5, int(len(items) * _SMALLEST_SHARE))
    fitted = HDBSCAN(min_cluster_size=smallest, min_samples=5, copy=True).fit(items.z)
    clusters = fitted.labels_.astype(np.int64)
    count = int(clusters.max()) + 1
    p = np.zeros((len(items), count))
    inside = clusters != NOISE
    p[inside, clusters[inside]] = fitted.probabilities_[inside]
    partition = _ByNearest.of(items.z, clusters)
    found = Found(Assigned(clusters, p), partition, count, {}, "density")
    return largest_first(found)


@dataclass(frozen=True, eq=False)
class _ByModel(Partition):
    """The most probable component of the model's prior."""

    def assign(self, items: Encoded) -> Assigned:
        """Where q(c | x) is largest."""
        q = _responsibilities(items)
        return Assigned(q.argmax(1).astype(np.int64), q)


def _model(items: Encoded, k: int | None, seed: int) -> Found:
    count = _responsibilities(items).shape[1]
    if k not in (None, count):
        raise SpecError(
            f"k must be the number of the model's components, {count}, or None for method "
            f"'model'; got {k}. Train with preset option components={k}, or use method 'auto'."
        )
    return Found(_ByModel().assign(items), _ByModel(), count, {}, "the model's components")


def _responsibilities(items: Encoded) -> NDArray[np.float64]:
    if items.responsibilities is None:
        raise CompositionError("method 'model' needs items encoded with components=True.")
    return items.responsibilities


METHODS: dict[str, Callable[[Encoded, int | None, int], Found]] = {
    "auto": graph,
    "graph": graph,
    "gmm": _gmm,
    "hdbscan": _hdbscan,
    "kmeans": _kmeans,
    "model": _model,
}
"""By name. ``"auto"`` is the neighbour graph, which had the highest mutual information with classes
on every set and model measured (benchmarks/RESULTS.md); the numbers of ``"model"`` are those of the
components."""
