"""Whether clusters agree with classes that are known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError

__all__ = ["NOISE", "Agreement", "agreement"]

NOISE = -1
"""The number of the cluster of items that belong to none."""


@dataclass(frozen=True)
class Agreement:
    """How well clusters and classes agree; 1 is perfect in all three.

    Attributes:
        nmi: Mutual information of the two, over the mean of their entropies; from 0 to 1.
        ari: Rand index, adjusted so that random clusters of the same sizes give 0 on average.
        accuracy: Share of the items that are in their class's cluster, where each class gets at
            most one cluster and each cluster at most one class, in the best way.
    """

    nmi: float
    ari: float
    accuracy: float


def agreement(assignments: Any, labels: Any) -> Agreement:
    """Compare clusters with classes.

    Items in no cluster, which have the number -1, count as a cluster of their own in `nmi` and
    `ari`, and as wrong in `accuracy`.

    Args:
        assignments: The cluster of each item, whole numbers of shape (items,).
        labels: The class of each item, whole numbers or text of the same shape.

    Raises:
        DataError: Not one label per assignment, or only one class.

    Source: Strehl & Ghosh 2002, "Cluster ensembles", section 2 (here with the mean of the
    entropies, as scikit-learn has it); Hubert & Arabie 1985, "Comparing partitions"; Kuhn 1955,
    "The Hungarian method for the assignment problem".

    Example:
        >>> agreement([0, 0, 1, 1, -1], ["a", "a", "b", "b", "b"]).accuracy
        0.8
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    clusters, classes = np.asarray(assignments), np.asarray(labels)
    _check(clusters, classes)
    return Agreement(
        float(normalized_mutual_info_score(classes, clusters)),
        float(adjusted_rand_score(classes, clusters)),
        _accuracy(clusters, classes),
    )


def _check(clusters: NDArray[Any], classes: NDArray[Any]) -> None:
    if clusters.ndim != 1 or clusters.shape != classes.shape or clusters.dtype.kind not in "iu":
        raise DataError(
            "assignments must be whole numbers and labels one class for each; got dtype "
            f"{clusters.dtype} of shape {clusters.shape} and labels of shape {classes.shape}. "
            "Pass both for the same items."
        )
    if len(kinds := np.unique(classes)) < 2:
        raise DataError(
            "labels must be of at least 2 classes, or there is nothing to agree with; got "
            f"{kinds.tolist()}. Leave them out."
        )


def _accuracy(clusters: NDArray[Any], classes: NDArray[Any]) -> float:
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics.cluster import contingency_matrix

    in_one = clusters != NOISE
    if not in_one.any():
        return 0.0
    counts = contingency_matrix(classes[in_one], clusters[in_one])
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(classes))
