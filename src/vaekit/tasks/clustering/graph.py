"""Clusters as parts of a graph of neighbours that few edges join: spectral clustering.

Latents lie on bent sheets, of which the straight distances of k-means and the ellipsoids of a
Gaussian mixture see little; neighbours follow the sheets.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from vaekit.tasks.clustering.choice import best_of, candidates
from vaekit.tasks.clustering.encoded import Encoded
from vaekit.tasks.clustering.partition import Assigned, Found, Partition, largest_first

__all__ = ["graph"]

_NEIGHBOURS = 10
_SCALE_NEIGHBOUR = 7  # Zelnik-Manor & Perona 2004, section 2
_FAINTEST = 1e-6  # so that no item is alone, however far its neighbours are
_MOST_ROWS = 50_000  # of further items each takes the cluster of its neighbours
_DENSE_ROWS = 500  # up to here finding all eigenvectors is the cheaper way
_STARTS = 10
# Added to both eigenvalues of a ratio. Those below it are as good as 0: parts that hardly touch.
_SMALL = 0.005


def graph(items: Encoded, k: int | None, seed: int) -> Found:
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
    return largest_first(Found(assigned, partition, chosen, scores, criterion))


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
    places = (np.arange(len(z)).repeat(count), nearest.ravel())
    one_way = sparse.csr_array(((values + _FAINTEST).ravel(), places), shape=(len(z),) * 2)
    return (one_way + one_way.T) / 2


def _lowest(weights: Any, count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The smallest eigenvalues of the normalised Laplacian, from 0 up, and their vectors.

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
    """How much of each item's weight goes to each cluster."""
    shares = np.asarray(weights @ np.eye(k)[clusters], dtype=np.float64)
    shares /= shares.sum(1, keepdims=True)
    return shares
