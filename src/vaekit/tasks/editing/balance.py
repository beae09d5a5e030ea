"""Weights under which items with an attribute and items without are alike in all others."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["balanced_weights"]

_ROUNDS = 50
_LARGEST = 20.0  # times the mean: no single item may speak for a whole class


def balanced_weights(
    positive: NDArray[np.bool_], others: Sequence[NDArray[np.str_]]
) -> NDArray[np.float64]:
    """Weigh items so that no other attribute tells the positive ones from the rest.

    Each side gets half of the weight, and in each the labels of every other attribute get the
    shares that they have among all items, as far as the items allow: raking, or iterative
    proportional fitting.

    Args:
        positive: Whether each item has the attribute.
        others: The labels of each other attribute.

    Returns:
        Weights with mean 1.

    Source: Deming & Stephan 1940, "On a least squares adjustment of a sampled frequency table".

    Example:
        >>> positive = np.array([True, True, True, False, False, False])
        >>> hair = np.array(["long", "long", "short", "long", "short", "short"])
        >>> balanced_weights(positive, [hair]).round(2).tolist()
        [0.75, 0.75, 1.5, 1.5, 0.75, 0.75]
    """
    weights = np.ones(len(positive))
    sides = [positive, ~positive]
    cells = [(side, labels) for labels in others for side in sides]
    for _ in range(_ROUNDS):
        before = weights.copy()
        for side, labels in cells:
            _rake(weights, side, labels)
        for side in sides:
            weights[side] *= len(weights) / 2 / weights[side].sum()
        weights = np.minimum(weights, _LARGEST)
        if np.abs(weights - before).max() < 1e-6:
            break
    balanced: NDArray[np.float64] = weights / weights.mean()
    return balanced


def _rake(weights: NDArray[np.float64], side: NDArray[np.bool_], labels: NDArray[np.str_]) -> None:
    """Give each label, within a side, its share among all items; in place."""
    total = weights[side].sum()
    for label in np.unique(labels[side]):
        chosen = side & (labels == label)
        weights[chosen] *= total * (labels == label).mean() / weights[chosen].sum()
