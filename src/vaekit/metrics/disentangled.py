"""Disentanglement: how latents relate to the factors that made the items."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from vaekit.errors import DataError

_LEAST_ITEMS = 100


@dataclass(frozen=True, eq=False)
class Labeled:
    """Codes and factors as arrays.

    Attributes:
        codes: float64, shape (items, latents).
        factors: int64, shape (items, factors), each column numbered from 0 without gaps.
    """

    codes: NDArray[np.float64]
    factors: NDArray[np.int64]

    @classmethod
    def of(cls, codes: Tensor, factors: Tensor) -> Self:
        """Check codes and factors, and number the values of each factor.

        Args:
            codes: One row of latents per item, for instance posterior means.
            factors: One row of factors' values per item, integers.

        Raises:
            DataError: Not two matrices of equal length with at least 100 rows and 2 columns
                each; codes that are not finite; factors that are not integers, or constant.
        """
        _check_shapes(codes, factors)
        if not codes.isfinite().all():
            raise DataError("codes must be finite; got NaN or infinity. Check the model.")
        columns = [column.unique(return_inverse=True)[1] for column in factors.unbind(1)]
        constant = [index for index, column in enumerate(columns) if not column.any()]
        if constant:
            raise DataError(
                f"each factor must take at least two values; got one in factors {constant}. "
                "Leave constant factors out."
            )
        numbered = torch.stack(columns, dim=1).cpu().numpy()
        return cls(codes.detach().double().cpu().numpy(), numbered)

    def halves(self, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Two disjoint random halves of the rows."""
        order = np.random.default_rng(seed).permutation(len(self.codes))
        return order[: len(order) // 2], order[len(order) // 2 :]


def _check_shapes(codes: Tensor, factors: Tensor) -> None:
    matrices = codes.ndim == factors.ndim == 2 and len(codes) == len(factors)
    if not matrices or len(codes) < _LEAST_ITEMS or min(codes.shape[1], factors.shape[1]) < 2:
        raise DataError(
            "codes and factors must be matrices of equal length, with at least "
            f"{_LEAST_ITEMS} items, 2 latents and 2 factors; got {tuple(codes.shape)} and "
            f"{tuple(factors.shape)}. With one factor or latent there is nothing to disentangle."
        )
    if factors.is_floating_point() or factors.is_complex():
        raise DataError(
            f"factors must be integers; got {factors.dtype}. Number their values, or bin them."
        )


_GROUP = 64
_LEAST_GROUP = 8
_VOTES = 800


def factor_vae_score(
    codes: Float[Tensor, "items latents"], factors: Int[Tensor, "others factors"], seed: int = 0
) -> float:
    """Return how surely the latent that varies least tells which factor was held fixed.

    The paper generates groups of items with one factor fixed; here they are drawn from the given
    items: up to 64 that share one value of one factor. Each latent's variance in the group is
    divided by its variance over all items, and the index of the smallest is a vote. 800 votes
    decide which factor each latent stands for, another 800 test it. Constant latents are left out.

    Args:
        codes: One row of latents per item, for instance posterior means.
        factors: The factors that made each item: integers.
        seed: Decides the groups.

    Returns:
        Accuracy of the votes, from about 1 / factors for codes without information to 1.

    Raises:
        DataError: See `disentanglement`; a factor without a value that 8 items share.

    Source: Kim & Mnih 2018, "Disentangling by factorising", section 4.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(10), torch.arange(10))
        >>> factor_vae_score(factors.float(), factors)
        1.0
    """
    labeled = Labeled.of(codes, factors)
    spread = labeled.codes.std(0)
    if not spread.any():
        return 1 / len(labeled.factors.T)
    scaled = labeled.codes[:, spread > 0] / spread[spread > 0]
    groups = [_groups(factor, index) for index, factor in enumerate(labeled.factors.T)]
    generator = np.random.default_rng(seed)
    learned, tested = (_votes(scaled, groups, generator) for _ in range(2))
    majority = learned.argmax(1)
    return float(tested[np.arange(len(tested)), majority].sum()) / _VOTES


def _groups(factor: NDArray[np.int64], index: int) -> list[NDArray[np.int64]]:
    """Return the rows that share each value, where they are enough to take a variance."""
    rows = [np.flatnonzero(factor == value) for value in range(factor.max() + 1)]
    large = [group for group in rows if len(group) >= _LEAST_GROUP]
    if not large:
        raise DataError(
            f"each factor must have a value that at least {_LEAST_GROUP} items share; got at most "
            f"{max(map(len, rows))} for factor {index}. Pass more items, or bin the factor."
        )
    return large


def _votes(
    codes: NDArray[np.float64],
    groups: list[list[NDArray[np.int64]]],
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """How often each latent varied least while each factor was fixed, shape (latents, factors)."""
    votes = np.zeros((codes.shape[1], len(groups)), np.int64)
    for factor in generator.integers(len(groups), size=_VOTES):
        rows = groups[factor][generator.integers(len(groups[factor]))]
        some = generator.choice(rows, min(_GROUP, len(rows)), replace=False)
        votes[codes[some].var(0).argmin(), factor] += 1
    return votes


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
    labeled = Labeled.of(codes, factors)
    fits = [_forest(labeled, column, seed) for column in labeled.factors.T]
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
    labeled = Labeled.of(codes, factors)
    scores = [
        [_by_thresholds(labeled, code, factor, seed) for factor in labeled.factors.T]
        for code in labeled.codes.T
    ]
    ranked = np.sort(scores, axis=0)
    return float((ranked[-1] - ranked[-2]).mean())


def _forest(
    labeled: Labeled, factor: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float64], float]:
    """Importance of each latent for a factor, and the accuracy on held-out items."""
    from sklearn.ensemble import RandomForestClassifier  # costs half a second

    train, test = labeled.halves(seed)
    forest = RandomForestClassifier(
        _TREES, min_samples_leaf=_LEAST_LEAF, max_features=None, random_state=seed
    )
    with threadpool_limits(1):
        forest.fit(labeled.codes[train], factor[train])
    return forest.feature_importances_, forest.score(labeled.codes[test], factor[test])


def _concentration(importance: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 for rows with one entry above 0, 0 for rows of equal entries (eq. 2-3)."""
    shares = importance / importance.sum(1, keepdims=True)
    negentropy: NDArray[np.float64] = (shares * np.log(shares)).sum(1)
    return 1 + negentropy / math.log(importance.shape[1])


def _by_thresholds(
    labeled: Labeled, code: NDArray[np.float64], factor: NDArray[np.int64], seed: int
) -> float:
    """How well thresholds on one latent tell the values of one factor apart on held-out items."""
    from sklearn.tree import DecisionTreeClassifier  # costs half a second

    train, test = labeled.halves(seed)
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


_BINS = 20


def mutual_information_gap(
    codes: Float[Tensor, "items latents"], factors: Int[Tensor, "others factors"]
) -> float:
    """By how much the latent that knows most of a factor is ahead of the next, over its entropy.

    Information is measured between the factor and the latent in 20 bins of equal width, as usual
    since Locatello et al. 2019; the paper itself takes it from the posterior's density.

    Args:
        codes: One row of latents per item, for instance posterior means.
        factors: The factors that made each item: integers.

    Returns:
        From 0 to 1, averaged over the factors. 1 where one latent alone knows each.

    Raises:
        DataError: See `disentanglement`.

    Source: Chen et al. 2018, "Isolating sources of disentanglement in variational autoencoders",
    eq. 6.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(10), torch.arange(10))
        >>> round(mutual_information_gap(factors.float(), factors), 6)
        1.0
    """
    labeled = Labeled.of(codes, factors)
    ranked = np.sort(_information(labeled), axis=0)
    gaps = ranked[-1] - ranked[-2]
    return float((gaps / _entropies(labeled)).mean())


def modularity(
    codes: Float[Tensor, "items latents"], factors: Int[Tensor, "others factors"]
) -> float:
    """Return whether each latent knows of one factor only.

    Latents that know of none count by the noise of their estimates, and constant ones not at all.

    Args:
        codes: One row of latents per item, for instance posterior means.
        factors: The factors that made each item: integers.

    Returns:
        From 0 to 1, averaged over the latents. 1 where each knows one factor, even if none knows
        it completely or several know the same; 0 where all latents are constant.

    Raises:
        DataError: See `disentanglement`.

    Source: Ridgeway & Mozer 2018, "Learning deep disentangled embeddings with the f-statistic
    loss", section 2.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(10), torch.arange(10))
        >>> round(modularity(factors.float(), factors), 6)
        1.0
    """
    information = _information(Labeled.of(codes, factors))
    most = information.max(1)
    squares = np.square(information[most > 0] / most[most > 0, None])
    deviation = (squares.sum(1) - 1) / (information.shape[1] - 1)
    return float((1 - deviation).mean()) if len(deviation) else 0.0


def _information(labeled: Labeled) -> NDArray[np.float64]:
    """Mutual information in nats, shape (latents, factors)."""
    from sklearn.metrics import mutual_info_score  # costs half a second

    bins = [_binned(column) for column in labeled.codes.T]
    scores = [[mutual_info_score(f, b) for f in labeled.factors.T] for b in bins]
    # Rounding leaves 1e-16 between a constant and anything.
    return np.where(np.array(scores) > 1e-12, scores, 0.0)


def _binned(column: NDArray[np.float64]) -> NDArray[np.int64]:
    edges = np.histogram_bin_edges(column, _BINS)
    return np.digitize(column, edges[1:-1])


def _entropies(labeled: Labeled) -> NDArray[np.float64]:
    """Entropy of each factor in nats."""
    from sklearn.metrics import mutual_info_score

    return np.array([mutual_info_score(column, column) for column in labeled.factors.T])


@dataclass(frozen=True)
class Disentanglement:
    """Scores from 0 to 1; more is better.

    They disagree by design: report all, over several seeds of training.

    Attributes:
        mutual_information_gap: See `mutual_information_gap`; 0 for codes without information.
        disentanglement: See `DCI`; near 0 for codes without information.
        completeness: See `DCI`; near 0 for codes without information.
        informativeness: See `DCI`; chance for codes without information.
        sap: See `sap`; near 0 for codes without information.
        modularity: See `modularity`; high for latents that know little, but of one factor.
        factor_vae: See `factor_vae_score`; about 1 / factors for codes without information.
        items: Items it was measured on.
    """

    mutual_information_gap: float
    disentanglement: float
    completeness: float
    informativeness: float
    sap: float
    modularity: float
    factor_vae: float
    items: int


def disentanglement(
    codes: Float[Tensor, "items latents"], factors: Int[Tensor, "others factors"], seed: int = 0
) -> Disentanglement:
    """Measure how latents relate to the factors that are known to have made the items.

    Args:
        codes: One row of latents per item, for instance posterior means.
        factors: The factors that made each item: integers, as in `vaekit.datasets.images`.
        seed: Decides splits, forests and groups.

    Raises:
        DataError: Not two matrices of equal length with at least 100 items, 2 latents and 2
            factors; codes that are not finite; factors that are not integers, or constant, or
            without a value that 8 items share.

    Source: the study of all of them by Locatello et al. 2019, "Challenging common assumptions in
    the unsupervised learning of disentangled representations".

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(10), torch.arange(10)).repeat(4, 1)
        >>> scores = disentanglement(factors.float() @ torch.tensor([[1.0, 1], [1, -1]]), factors)
        >>> scores.mutual_information_gap < 0.1 < scores.informativeness
        True
    """
    importance = dci(codes, factors, seed)
    return Disentanglement(
        mutual_information_gap=mutual_information_gap(codes, factors),
        disentanglement=importance.disentanglement,
        completeness=importance.completeness,
        informativeness=importance.informativeness,
        sap=sap(codes, factors, seed),
        modularity=modularity(codes, factors),
        factor_vae=factor_vae_score(codes, factors, seed),
        items=len(codes),
    )
