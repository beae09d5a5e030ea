"""The score that fixes a factor and asks which latent moves least."""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import DataError
from vaekit.metrics.disentanglement.labelled import Labelled

__all__ = ["factor_vae_score"]

_GROUP = 64
_LEAST_GROUP = 8
_VOTES = 800


def factor_vae_score(
    codes: Float[Tensor, "items latents"], factors: Int[Tensor, "others factors"], seed: int = 0
) -> float:
    """How surely the latent that varies least tells which factor was held fixed.

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
    labelled = Labelled.of(codes, factors)
    spread = labelled.codes.std(0)
    if not spread.any():
        return 1 / len(labelled.factors.T)
    scaled = labelled.codes[:, spread > 0] / spread[spread > 0]
    groups = [_groups(factor, index) for index, factor in enumerate(labelled.factors.T)]
    generator = np.random.default_rng(seed)
    learnt, tested = (_votes(scaled, groups, generator) for _ in range(2))
    majority = learnt.argmax(1)
    return float(tested[np.arange(len(tested)), majority].sum()) / _VOTES


def _groups(factor: NDArray[np.int64], index: int) -> list[NDArray[np.int64]]:
    """The rows that share each value, where they are enough to take a variance."""
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
