"""The ways to find clusters in latents, by name."""

import abc
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.distributions import MixtureSameFamily

from vaekit.errors import CompositionError, SpecError
from vaekit.fitting.trained import TrainedModel, batches_of
from vaekit.metrics.clusters import NOISE
from vaekit.models.vae import VAE
from vaekit.randomness import seeded
from vaekit.training.config import Items
from vaekit.types import Batch

_DRAWS = 16


@dataclass(frozen=True, eq=False)
class Encoded:
    """What clusters are looked for in.

    Attributes:
        z: The posterior mean of each item, shape (items, latents).
        responsibilities: q(c | x) of the components of the model's prior, shape
            (items, components); ``None`` where they were not asked for.
    """

    z: NDArray[np.float64]
    responsibilities: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self.z)

    def rows(self, index: Any) -> "Encoded":
        """Return some of the items."""
        q = self.responsibilities
        return Encoded(self.z[index], None if q is None else q[index])


@torch.no_grad()
def encode(trained: TrainedModel, items: Items, seed: int, *, components: bool) -> Encoded:
    """Encode items, in bounded memory.

    Args:
        trained: The model.
        items: What to encode.
        seed: Of the draws that `components` need.
        components: Whether to ask the model for q(c | x), too.

    Raises:
        CompositionError: The model has no latents, or, when asked for, no components.
    """
    vae = trained.vae
    with seeded(seed):
        parts = [_encoded(vae, b, components) for b in batches_of(items, trained.device)]
    z, q = zip(*parts, strict=True)
    return Encoded(_array(torch.cat(z)), _array(torch.cat(q)) if components else None)


def _encoded(vae: VAE, batch: Batch, components: bool) -> tuple[Tensor, Tensor]:
    z = vae.encode(batch.x, batch.context).flatten(1)
    return z, _responsibilities(vae, batch) if components else z


def _responsibilities(vae: VAE, batch: Batch) -> Float[Tensor, "batch components"]:
    """q(c | x), the mean of p(c | z) over draws of q(z | x) (Jiang et al. 2017, eq. 16)."""
    draw = vae.infer(batch, _DRAWS)
    if not isinstance(draw.p, MixtureSameFamily):
        raise CompositionError(
            "method 'model' needs a prior made of components; this model's has none. Use preset "
            "'vade', 'mixture_vae' or 'vamp', or method 'auto'."
        )
    log_p = draw.p.component_distribution.log_prob(draw.z.unsqueeze(-2))
    logits = draw.p.mixture_distribution.logits + log_p
    return logits.softmax(-1).mean(0)


def _array(values: Tensor) -> NDArray[np.float64]:
    return values.cpu().double().numpy()


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
        """Return the clusters of items, those of the training or new ones."""


@dataclass(frozen=True, eq=False)
class ClusterSolution:
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


def largest_first(found: ClusterSolution) -> ClusterSolution:
    """Return the same clusters, numbered from the largest on, so that numbers mean something."""
    clusters = found.assigned.clusters
    sizes = np.bincount(clusters[clusters != NOISE], minlength=found.k)
    order = np.argsort(-sizes, kind="stable")
    return replace(
        found,
        assigned=found.assigned.numbered(order),
        partition=_Numbered(found.partition, order),
    )


_MOST_CLUSTERS = 20
_LEAST_PER_CLUSTER = 5
_ROWS = 5_000  # silhouettes compare all pairs of rows; more rows change them in the third digit


def candidates(items: int) -> range:
    """The numbers of clusters that are worth a try: from 2 to 20, of at least 5 items on average.

    Example:
        >>> candidates(30)
        range(2, 7)
    """
    return range(2, 1 + max(2, min(_MOST_CLUSTERS, items // _LEAST_PER_CLUSTER)))


def best_of(counts: range, score: Callable[[int], float]) -> Mapping[int, float]:
    """Return the score of each number of clusters, the best first; of equals the fewest clusters.

    Example:
        >>> list(best_of(range(2, 5), lambda k: -abs(k - 3)))
        [3, 2, 4]
    """
    scores = {k: float(score(k)) for k in counts}
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))


def silhouette(z: NDArray[np.float64], clusters: NDArray[np.int64], seed: int) -> float:
    """Return how much closer items are to their own cluster than to the next, from -1 to 1.

    Source: Rousseeuw 1987, "Silhouettes".
    """
    from sklearn.metrics import silhouette_score

    rows = np.random.default_rng(seed).permutation(len(z))[:_ROWS]
    found = len(np.unique(clusters[rows]))
    if not 1 < found < len(rows):
        return -1.0  # undefined, and no clusters
    return float(silhouette_score(z[rows], clusters[rows]))


_NEIGHBOURS = 10
_SCALE_NEIGHBOUR = 7  # Zelnik-Manor & Perona 2004, section 2
_FAINTEST = 1e-6  # so that no item is alone, however far its neighbours are
_MOST_ROWS = 50_000  # of further items each takes the cluster of its neighbours
_DENSE_ROWS = 500  # up to here finding all eigenvectors is the cheaper way
_STARTS = 10
# Added to both eigenvalues of a ratio. Those below it are as good as 0: parts that hardly touch.
_SMALL = 0.005


def graph(items: Encoded, k: int | None, seed: int) -> ClusterSolution:
    """Cut the graph of nearest neighbours where it is thin.

    Items are joined to their 10 nearest neighbours, by weights that adapt to how dense latents are
    there. K-means then looks at the first k eigenvectors of the normalised Laplacian, each row
    scaled to length 1. Where k is ``None`` it is that of the largest relative gap between
    eigenvalues, (l[k+1] + 0.005) / (l[k] + 0.005): cutting into k parts is cheap, into one more
    it is not. Further items are put where the majority of their neighbours is, weighted by 1 over
    the distance.

    Args:
        items: What to look in; at most 50,000, chosen at random, make the graph.
        k: How many clusters; ``None`` chooses from 2 to 20.
        seed: Of the choice of rows, of the eigenvectors' start and of k-means.

    Source: Ng, Jordan & Weiss 2001, "On spectral clustering"; Zelnik-Manor & Perona 2004,
    "Self-tuning spectral clustering", eq. 3; von Luxburg 2007, "A tutorial on spectral
    clustering", section 8.3 (the gap, here relative).
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(items))[:_MOST_ROWS])
    weights = _weights(items.z[rows])
    counts = candidates(len(rows))
    values, vectors = _lowest(weights, max(k or 0, counts[-1] + 1), seed)
    scores = {} if k else dict(best_of(counts, lambda count: _gap(values, count)))
    chosen = k or next(iter(scores))
    clusters = _by_directions(items.z[rows], vectors[:, :chosen], chosen, seed)
    voters = KNeighborsClassifier(min(_NEIGHBOURS, len(rows)), weights="distance")
    partition = _Voted(voters.fit(items.z[rows], clusters), chosen)
    if len(rows) == len(items):
        assigned = Assigned(clusters, _shares(weights, clusters, chosen))
    else:
        assigned = partition.assign(items)
    criterion = "relative eigengap" if scores else "given"
    return largest_first(ClusterSolution(assigned, partition, chosen, scores, criterion))


@dataclass(frozen=True, eq=False)
class _Voted(Partition):
    """Lets the nearest training items vote.

    Attributes:
        voters: The training items and their clusters.
        k: How many clusters there are.
    """

    voters: KNeighborsClassifier
    k: int

    def assign(self, items: Encoded) -> Assigned:
        """The cluster with most votes, and the share of each; an item seen before votes alone."""
        p = np.zeros((len(items), self.k))
        p[:, self.voters.classes_] = self.voters.predict_proba(items.z)
        return Assigned(p.argmax(1).astype(np.int64), p)


def _weights(z: NDArray[np.float64]) -> Any:
    """Symmetric affinities of the nearest neighbours, sparse, shape (items, items)."""
    count = min(_NEIGHBOURS, len(z) - 1)
    distance, nearest = NearestNeighbors(n_neighbors=count).fit(z).kneighbors()
    scale = distance[:, min(_SCALE_NEIGHBOUR, count) - 1]
    # Where many items coincide the local scale is 0.
    scale = np.maximum(scale, 1e-3 * distance.mean() + np.finfo(float).tiny)
    values = np.exp(-((distance / scale[:, None]) * (distance / scale[nearest])))
    positions = (np.arange(len(z)).repeat(count), nearest.ravel())
    one_way = sparse.csr_array(((values + _FAINTEST).ravel(), positions), shape=(len(z),) * 2)
    return (one_way + one_way.T) / 2


def _lowest(weights: Any, count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the smallest eigenvalues of the normalised Laplacian, from 0 up, and their vectors.

    Those of eigenvalue 0 are known: one for each part of the graph that touches no other. They
    are taken out before the others are looked for, because an iterative solver finds an
    eigenvalue that occurs several times only once or twice.
    """
    root = np.sqrt(weights.sum(1))
    separate = _separate(weights, root, count)
    missing = count - separate.shape[1]
    values = np.zeros(separate.shape[1])
    if missing == 0:
        return values, separate
    affinity = weights / root[:, None] / root[None, :]
    largest, vectors = _largest(affinity, separate, missing, seed)
    return np.append(values, np.maximum(1 - largest, 0)), np.hstack([separate, vectors])


def _separate(weights: Any, root: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Unit eigenvectors of separate parts, the largest part first, shape (items, parts)."""
    part = sparse.csgraph.connected_components(weights, directed=False)[1]
    order = np.argsort(-np.bincount(part), kind="stable")[:most]
    vectors = root[:, None] * (part[:, None] == order)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=0), dtype=np.float64)


def _largest(
    affinity: Any, known: NDArray[np.float64], count: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The largest eigenvalues but for the known ones, in falling order, and their vectors."""
    size = affinity.shape[0]
    if size <= _DENSE_ROWS:
        values, vectors = np.linalg.eigh(affinity.toarray() - 2 * known @ known.T)
    else:
        rest = LinearOperator((size, size), lambda v: affinity @ v - 2 * known @ (known.T @ v))
        start = np.random.default_rng(seed).standard_normal(size)
        values, vectors = eigsh(rest, min(count, size - 2), which="LA", v0=start)
    order = np.argsort(-values)[:count]
    return values[order], vectors[:, order]


def _gap(values: NDArray[np.float64], k: int) -> float:
    return float((values[k] + _SMALL) / (values[k - 1] + _SMALL))


def _by_directions(
    z: NDArray[np.float64], vectors: NDArray[np.float64], k: int, seed: int
) -> NDArray[np.int64]:
    """K-means of directions; items of parts beyond the k largest go where the nearest item is."""
    length = np.linalg.norm(vectors, axis=1)
    placed = length > 0
    directions = vectors[placed] / length[placed, None]
    clusters = np.empty(len(z), dtype=np.int64)
    clusters[placed] = KMeans(k, n_init=_STARTS, random_state=seed).fit(directions).labels_
    if not placed.all():
        nearest = KNeighborsClassifier(1).fit(z[placed], clusters[placed])
        clusters[~placed] = nearest.predict(z[~placed])
    return clusters


def _shares(weights: Any, clusters: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Return how much of each item's weight goes to each cluster."""
    shares = np.asarray(weights @ np.eye(k)[clusters], dtype=np.float64)
    shares /= shares.sum(1, keepdims=True)
    return shares


_RIDGE = 1e-4  # keeps covariances of latents that hardly vary invertible
_SMALLEST_SHARE = 0.01  # of the items, that HDBSCAN calls a cluster


def find_clusters(items: Encoded, method: str, k: int | None, seed: int) -> ClusterSolution:
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


def _kmeans(items: Encoded, k: int | None, seed: int) -> ClusterSolution:
    def fit(count: int) -> Any:
        return KMeans(count, n_init=_STARTS, random_state=seed).fit(items.z)

    def score(fitted: Any) -> float:
        return silhouette(items.z, fitted.labels_, seed)

    return _counted(items, k, fit, score, "silhouette", has_probabilities=False)


def _gmm(items: Encoded, k: int | None, seed: int) -> ClusterSolution:
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
) -> ClusterSolution:
    """Fit for so many clusters, or for each number worth a try, and keep the best."""
    fit = cache(fit)
    counts = candidates(len(items))
    scores = {} if k else dict(best_of(counts, lambda count: score(fit(count))))
    chosen = k or next(iter(scores))
    partition = _ByEstimator(fit(chosen), has_probabilities)
    reason = criterion if scores else "given"
    return largest_first(
        ClusterSolution(partition.assign(items), partition, chosen, scores, reason)
    )


@dataclass(frozen=True, eq=False)
class _ByNearest(Partition):
    """Gives an item the cluster of the nearest training item, unless that is too far.

    Attributes:
        neighbors: Finds the nearest training item.
        clusters: Of the training items.
        reach: For each cluster, how far its loneliest item is from the next item.
    """

    neighbors: NearestNeighbors
    clusters: NDArray[np.int64]
    reach: NDArray[np.float64]

    @classmethod
    def of(cls, z: NDArray[np.float64], clusters: NDArray[np.int64]) -> "_ByNearest":
        """Learn how far items of each cluster are apart."""
        neighbors = NearestNeighbors(n_neighbors=1).fit(z)
        apart = neighbors.kneighbors()[0][:, 0]
        numbers = range(clusters.max() + 1)
        reach = [apart[clusters == number].max() for number in numbers]
        return cls(neighbors, clusters, np.array([*reach, 0.0]))  # the last is that of noise

    def assign(self, items: Encoded) -> Assigned:
        """Return the cluster of the nearest, or none."""
        distance, nearest = (a[:, 0] for a in self.neighbors.kneighbors(items.z, 1))
        own = self.clusters[nearest]
        return Assigned(np.where(distance <= self.reach[own], own, NOISE))


def _hdbscan(items: Encoded, k: int | None, seed: int) -> ClusterSolution:
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
    found = ClusterSolution(Assigned(clusters, p), partition, count, {}, "density")
    return largest_first(found)


@dataclass(frozen=True, eq=False)
class _ByModel(Partition):
    """The most probable component of the model's prior."""

    def assign(self, items: Encoded) -> Assigned:
        """Return where q(c | x) is largest."""
        q = _mixture_responsibilities(items)
        return Assigned(q.argmax(1).astype(np.int64), q)


def _model(items: Encoded, k: int | None, seed: int) -> ClusterSolution:
    count = _mixture_responsibilities(items).shape[1]
    if k not in (None, count):
        raise SpecError(
            f"k must be the number of the model's components, {count}, or None for method "
            f"'model'; got {k}. Train with preset option components={k}, or use method 'auto'."
        )
    return ClusterSolution(
        _ByModel().assign(items), _ByModel(), count, {}, "the model's components"
    )


def _mixture_responsibilities(items: Encoded) -> NDArray[np.float64]:
    if items.responsibilities is None:
        raise CompositionError("method 'model' needs items encoded with components=True.")
    return items.responsibilities


METHODS: dict[str, Callable[[Encoded, int | None, int], ClusterSolution]] = {
    "auto": graph,
    "graph": graph,
    "gmm": _gmm,
    "hdbscan": _hdbscan,
    "kmeans": _kmeans,
    "model": _model,
}
"""By name. ``"auto"`` is the neighbour graph, which had the highest mutual information with classes
on every set and model measured (docs/results); the numbers of ``"model"`` are those of the
components."""
