"""Weights of items: an item of weight 2 is trained on as if it were there twice."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.errors import DataError


def item_weights(sample_weight: Any, count: int, least: int = 2) -> Tensor | None:
    """Check the weights of items.

    Args:
        sample_weight: One number for each item, at least 0; ``None`` for none.
        count: How many items there are.
        least: How many of them must count at all.

    Returns:
        Shape (count,), in double precision.

    Raises:
        DataError: Not one number for each item; negative, not finite; too few above 0.

    Example:
        >>> item_weights([1, 2.5], 2)
        tensor([1.0000, 2.5000], dtype=torch.float64)
    """
    if sample_weight is None:
        return None
    array = np.asarray(sample_weight)
    if array.shape != (count,) or array.dtype.kind not in "biuf":
        raise DataError(
            f"sample_weight must be one number for each item, of shape ({count},); got shape "
            f"{array.shape} and dtype {array.dtype}. Pass as many as there are items."
        )
    weights = array.astype(np.float64)
    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any():
        place = int(np.argmax(bad))
        raise DataError(
            f"sample_weight must be finite and at least 0; got {weights[place]} for item {place}. "
            "Give items that are to be left out the weight 0."
        )
    counting = int((weights > 0).sum())
    if counting < least:
        raise DataError(
            f"sample_weight must be above zero for at least {least} items; it is for {counting} of "
            f"{count}. Let more of them count."
        )
    return torch.from_numpy(weights)


def weighted_places(weights: Tensor, offset: float) -> Tensor:
    """Return as many places as there are weights, each as often as its weight says.

    That is how often up to the next whole number, and with an offset drawn at random it is so in
    expectation. Equal weights give each place once, in order.

    Args:
        weights: Positive, shape (items,).
        offset: From 0 to 1.

    Source: Systematic resampling; Kitagawa 1996, "Monte Carlo filter and smoother for non-Gaussian
    nonlinear state space models", appendix.

    Example:
        >>> weighted_places(torch.tensor([1.0, 2.0, 1.0, 0.5]), 0.5)
        tensor([0, 1, 1, 2])
    """
    heights = weights.double().cumsum(0)
    levels = (torch.arange(len(weights), dtype=torch.float64) + offset) / len(weights) * heights[-1]
    return torch.searchsorted(heights, levels, right=True).clamp_max(len(weights) - 1)
