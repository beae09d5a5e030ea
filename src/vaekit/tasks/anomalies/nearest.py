"""The distances to the nearest of many points."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

__all__ = ["nearest", "smallest", "usual_distance"]

Floats = NDArray[np.float64]

_SPARE = 4  # more candidates than are asked for: single precision may swap the last ones
_FEW = 8  # so many minima one after the other take less time than one partition
_ENOUGH = 100
_MANY = 16  # rows from which on products take less time


def nearest(asked: Floats, known: Floats, count: int, metric: str = "euclidean") -> Floats:
    """The distances to the nearest known points.

    Args:
        asked: Shape (asked, coordinates).
        known: Shape (known, coordinates).
        count: How many, at least 1; infinite ones follow where fewer are known.
        metric: ``"euclidean"`` or ``"cityblock"``.

    Returns:
        Shape (asked, count); of each row the least comes first and the largest last.

    Example:
        >>> nearest(np.zeros((1, 1)), np.array([[3.0], [-1.0]]), 3).tolist()
        [[1.0, 3.0, inf]]
    """
    there = min(count, len(known))
    if metric == "euclidean" and there + _SPARE < len(known) and len(asked) >= _MANY:
        found = _exact(asked, known, _candidates(asked, known, there + _SPARE))[:, :there]
    else:
        found = smallest(cdist(asked, known, metric), there)
    beyond = np.full((len(asked), count - there), np.inf)
    return np.concatenate([found, beyond], axis=1)


def usual_distance(asked: Floats, known: Floats, metric: str = "euclidean") -> Floats:
    """The mean distance to known points, by some hundred of them; shape (asked,)."""
    some = known[:: max(1, len(known) // _ENOUGH)]
    mean: Floats = cdist(asked, some, metric).mean(1)
    return mean


def _candidates(asked: Floats, known: Floats, count: int) -> NDArray[np.int64]:
    """Places of points that are near: squares multiplied out, a quarter of the time of differences.

    Around the middle of the known points, where products lose least.
    """
    middle = known.mean(0)
    a, b = (torch.from_numpy(points - middle).float() for points in (asked, known))
    nearness = torch.addmm(b.square().sum(1) / 2, a, b.T, alpha=-1)
    return nearness.topk(count, largest=False, sorted=False).indices.numpy()


def _exact(asked: Floats, known: Floats, places: NDArray[np.int64]) -> Floats:
    """The distances to some known points each, rising."""
    apart = known[places]
    apart -= asked[:, None]
    return np.sort(np.sqrt(np.einsum("ijk,ijk->ij", apart, apart)), axis=1)


def smallest(distances: Floats, count: int) -> Floats:
    """Of each row, the least first and the largest last; the distances are spoilt."""
    if count > _FEW:
        distances.partition((0, count - 1), axis=1)
        return distances[:, :count]
    rows, found = np.arange(len(distances)), np.empty((len(distances), count))
    for place in range(count):
        least = distances.argmin(1)
        found[:, place] = distances[rows, least]
        distances[rows, least] = np.inf
    return found
