"""Measures of clusters against known classes, and of the use of a codebook."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import DataError

NOISE = -1
"""The number of the cluster of items that belong to none."""


@dataclass(frozen=True)
class ClusterAgreement:
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


def agreement(assignments: Any, labels: Any) -> ClusterAgreement:
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
    return ClusterAgreement(
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


@dataclass(frozen=True)
class CodebookUsage:
    """The use of a codebook by some items.

    Attributes:
        used: Share of the codes that occur at all, from 0 to 1.
        perplexity: exp(entropy) of the codes, all tokens together: from 1 (one code serves all)
            to `num_codes` (all equally frequent).
        used_per_token: The same share at each token's place.
        perplexity_per_token: The same perplexity at each token's place.
        num_codes: Size of the codebook.
        items: Items it was measured on.
    """

    used: float
    perplexity: float
    used_per_token: tuple[float, ...]
    perplexity_per_token: tuple[float, ...]
    num_codes: int
    items: int


def codebook_usage(indices: Int[Tensor, "items tokens"], num_codes: int) -> CodebookUsage:
    """Count how often each code occurs.

    Few items cannot use many codes: both figures are at most the number of codes drawn.

    Args:
        indices: The code of each token of each item, from 0 to num_codes - 1.
        num_codes: Size of the codebook.

    Raises:
        DataError: No items, or codes outside the codebook.

    Source: Shannon's entropy, usual for codebooks since van den Oord et al. 2017, "Neural discrete
    representation learning".

    Example:
        >>> codebook_usage(torch.tensor([[0, 1], [0, 2]]), num_codes=4).used_per_token
        (0.25, 0.5)
    """
    _check_indices(indices, num_codes)
    counts = torch.stack([torch.bincount(token, minlength=num_codes) for token in indices.T])
    total = counts.sum(0, keepdim=True)
    return CodebookUsage(
        used=_used(total).item(),
        perplexity=_perplexity(total).item(),
        used_per_token=tuple(_used(counts).tolist()),
        perplexity_per_token=tuple(_perplexity(counts).tolist()),
        num_codes=num_codes,
        items=len(indices),
    )


def _check_indices(indices: Tensor, num_codes: int) -> None:
    if not indices.numel():
        raise DataError(
            f"indices must name at least one code; got shape {tuple(indices.shape)}. Pass items."
        )
    least, most = indices.min().item(), indices.max().item()
    if least < 0 or most >= num_codes:
        raise DataError(
            f"indices must be from 0 to {num_codes - 1}; got {least} to {most}. "
            "Pass num_codes of the codebook that they come from."
        )


def _used(counts: Int[Tensor, "tokens codes"]) -> Float[Tensor, "tokens"]:
    return (counts > 0).double().mean(-1)


def _perplexity(counts: Int[Tensor, "tokens codes"]) -> Float[Tensor, "tokens"]:
    shares = counts.double() / counts.sum(-1, keepdim=True)
    entropy: Tensor = torch.special.entr(shares).sum(-1)
    return entropy.exp()
