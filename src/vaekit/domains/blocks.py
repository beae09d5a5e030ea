"""Large arrays a few rows at a time, so that what is computed of them needs no copy of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CELLS = 2**17


def blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield an array some rows at a time: views, of about a hundred thousand cells.

    Example:
        >>> [len(part) for part in blocks(np.zeros((50_000, 4)))]
        [32768, 17232]
    """
    rows = max(1, _CELLS * len(array) // max(1, array.size))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


def deviation(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return the standard deviation of each column, to the bit that of ``array.std(0, float64)``.

    NumPy adds up the rows of an array that lies row by row one after the other, and of one that
    lies column by column each column by itself; both can be done without a copy of the array.

    Args:
        array: Shape (rows, columns), of numbers.

    Example:
        >>> bool((deviation(np.eye(5)) == np.eye(5).std(0)).all())
        True
    """
    mean = array.mean(0, dtype=np.float64)
    if array.ndim == 2 and array.shape[1] > 1 and array.flags.c_contiguous:
        return _by_rows(array, mean)
    if array.ndim == 2 and array.flags.f_contiguous:
        return _by_columns(array, mean)
    return np.asarray(array.std(0, dtype=np.float64))


def _by_rows(array: NDArray[Any], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros((1, array.shape[1]))
    for place, part in enumerate(blocks(array)):
        squares = np.square(part - mean)
        rows = squares if place == 0 else np.concatenate([total, squares])
        total = np.add.reduce(rows, axis=0, dtype=np.float64, keepdims=True)
    return np.asarray(np.sqrt(total[0] / len(array)))


def _by_columns(array: NDArray[Any], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    totals = [
        np.add.reduce(np.square(array[:, place] - mean[place]), dtype=np.float64)
        for place in range(array.shape[1])
    ]
    return np.asarray(np.sqrt(np.asarray(totals) / len(array)))
