"""Choosing the number of clusters, where the user does not."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_of", "candidates", "silhouette"]

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
    """The score of each number of clusters, the best first; of equals the fewest clusters.

    Example:
        >>> list(best_of(range(2, 5), lambda k: -abs(k - 3)))
        [3, 2, 4]
    """
    scores = {k: float(score(k)) for k in counts}
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))


def silhouette(z: NDArray[np.float64], clusters: NDArray[np.int64], seed: int) -> float:
    """How much closer items are to their own cluster than to the next, from -1 to 1.

    Source: Rousseeuw 1987, "Silhouettes".
    """
    from sklearn.metrics import silhouette_score

    rows = np.random.default_rng(seed).permutation(len(z))[:_ROWS]
    found = len(np.unique(clusters[rows]))
    if not 1 < found < len(rows):
        return -1.0  # undefined, and no clusters
    return float(silhouette_score(z[rows], clusters[rows]))
