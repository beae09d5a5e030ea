"""Codes with the factors that are known to have made their items, checked once for all scores."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import DataError

__all__ = ["Labelled"]

_LEAST_ITEMS = 100


@dataclass(frozen=True, eq=False)
class Labelled:
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
