"""Scores of how factors are predicted from latents."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from vaekit.metrics.disentanglement.labelled import Labelled

__all__ = ["DCI", "dci", "sap"]

_TREES = 20
_LEAST_LEAF = 5  # smaller leaves fit noise, which would count as importance
_TINY = 1e-11  # constant codes have no importance, and 0 no logarithm


@dataclass(frozen=True)
class DCI:
    """Three views of one matrix of importances, and of the predictions behind it.

    Attributes:
        disentanglement: Whether each latent matters for one factor only, from 0 to 1; latents
            count by their importance.
        completeness: Whether one latent alone matters for each factor, from 0 to 1.
        informativeness: Share of held-out factors predicted correctly, from chance (not 0) to 1.
    """

    disentanglement: float
    completeness: float
    informativeness: float


def dci(
    codes: Float[Tensor, "items latents"], factors: Int[Tensor, "others factors"], seed: int = 0
) -> DCI:
    """Disentanglement, completeness and informativeness, by random forests.

    One forest per factor is trained on half of the items and tested on the other half. Its
    splits choose among all latents, so that one sufficient latent gets all the importance.
    Informativeness is an accuracy, as in Locatello et al. 2019; the paper reports an error.

    Args:
        codes: One row of latents per item, for instance posterior means.
        factors: The factors that made each item: integers.
        seed: Decides the halves and the forests.

    Raises:
        DataError: See `disentanglement`.

    Source: Eastwood & Williams 2018, "A framework for the quantitative evaluation of
    disentangled representations".

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(10), torch.arange(10)).repeat(4, 1)
        >>> dci(factors.float(), factors).disentanglement > 0.99
        True
    """
    labelled = Labelled.of(codes, factors)
    fits = [_forest(labelled, column, seed) for column in labelled.factors.T]
    importance = np.stack([fit[0] for fit in fits], axis=1) + _TINY
    weights = importance.sum(1) / importance.sum()
    return DCI(
        disentanglement=float(weights @ _concentration(importance)),
        completeness=float(_concentration(importance.T).mean()),
        informativeness=float(np.mean([fit[1] for fit in fits])),
    )


def sap(
    codes: Float[Tensor, "items latents"], factors: Int[Tensor, "others factors"], seed: int = 0
) -> float:
    """By how much the latent that predicts a factor best is ahead of the next.

    A latent predicts by thresholds, one fewer than the factor has values, fitted on half of the
    items; its score on the other half is the balanced accuracy, rescaled from chance 0 to 1.
    (The paper does not rescale, so that its score of a perfect code depends on the number of
    values, and takes linear fits for continuous factors.)

    Args:
        codes: One row of latents per item, for instance posterior means.
        factors: The factors that made each item: integers.
        seed: Decides the halves.

    Returns:
        From 0 to 1, averaged over the factors.

    Raises:
        DataError: See `disentanglement`.

    Source: Kumar et al. 2018, "Variational inference of disentangled latent concepts from
    unlabeled observations", section 3.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(10), torch.arange(10)).repeat(4, 1)
        >>> sap(factors.float(), factors) > 0.9
        True
    """
    labelled = Labelled.of(codes, factors)
    scores = [
        [_by_thresholds(labelled, code, factor, seed) for factor in labelled.factors.T]
        for code in labelled.codes.T
    ]
    ranked = np.sort(scores, axis=0)
    return float((ranked[-1] - ranked[-2]).mean())


def _forest(
    labelled: Labelled, factor: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float64], float]:
    """Importance of each latent for a factor, and the accuracy on held-out items."""
    from sklearn.ensemble import RandomForestClassifier  # costs half a second

    train, test = labelled.halves(seed)
    forest = RandomForestClassifier(
        _TREES, min_samples_leaf=_LEAST_LEAF, max_features=None, random_state=seed
    )
    with threadpool_limits(1):
        forest.fit(labelled.codes[train], factor[train])
    return forest.feature_importances_, forest.score(labelled.codes[test], factor[test])


def _concentration(importance: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 for rows with one entry above 0, 0 for rows of equal entries (eq. 2-3)."""
    shares = importance / importance.sum(1, keepdims=True)
    negentropy: NDArray[np.float64] = (shares * np.log(shares)).sum(1)
    return 1 + negentropy / math.log(importance.shape[1])


def _by_thresholds(
    labelled: Labelled, code: NDArray[np.float64], factor: NDArray[np.int64], seed: int
) -> float:
    """How well thresholds on one latent tell the values of one factor apart on held-out items."""
    from sklearn.tree import DecisionTreeClassifier  # costs half a second

    train, test = labelled.halves(seed)
    tree = DecisionTreeClassifier(
        max_leaf_nodes=int(factor.max()) + 1, class_weight="balanced", random_state=seed
    )
    tree.fit(code[train, None], factor[train])
    return _rescaled_recall(factor[test], tree.predict(code[test, None]))


def _rescaled_recall(true: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Mean recall of the values that occur, from 0 (chance) to 1; below 0 if worse than chance."""
    counts = np.bincount(true)
    hits = np.bincount(true[predicted == true], minlength=len(counts))
    occur = counts > 0
    chance = 1 / max(2, occur.sum())
    return float(((hits[occur] / counts[occur]).mean() - chance) / (1 - chance))
