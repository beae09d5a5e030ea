"""How a search came along, call by call."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["area_of_best", "best_so_far", "mean_of_best"]

Floats = NDArray[np.float64]

_EVERY = 100


def best_so_far(scores: Floats) -> Floats:
    """The highest score up to each call; NaN before the first that did not fail.

    Example:
        >>> best_so_far(np.array([np.nan, 1.0, 0.5, 2.0]))
        array([nan,  1.,  1.,  2.])
    """
    best: Floats = np.fmax.accumulate(scores) if len(scores) else scores
    return best


def mean_of_best(scores: Floats, k: int = 10) -> float:
    """Mean of the k highest scores, or of all where there are fewer; NaN of none.

    Example:
        >>> mean_of_best(np.array([1.0, 3.0, np.nan, 2.0]), 2)
        2.5
    """
    there = np.sort(scores[np.isfinite(scores)])[-k:]
    return float(there.mean()) if len(there) else float("nan")


def area_of_best(scores: Floats, budget: int, k: int = 10) -> float:
    """Mean over a budget of calls of the mean of the k best so far, read every 100 calls.

    A search that stops early keeps what it had. Failed calls count.

    Args:
        scores: In the order of the calls; NaN where one failed.
        budget: Calls that there were to spend, at least as many as scores.
        k: How many of the best.

    Source: Gao et al. 2022, "Sample efficiency matters: a benchmark for practical molecular
    optimization", section 3.3 (area under the curve of the ten best).

    Example:
        >>> area_of_best(np.ones(100), 200)
        0.75
    """
    if not len(scores):
        return float("nan")
    marks = [*range(_EVERY, len(scores), _EVERY), len(scores)]
    heights = [mean_of_best(scores[:mark], k) for mark in marks]
    heights = [0.0 if np.isnan(height) else height for height in heights]
    area = float(np.trapezoid([0.0, *heights], [0, *marks]))
    return (area + heights[-1] * (budget - len(scores))) / budget
