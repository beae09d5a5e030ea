"""Rows between neighbouring rows: what synthetic rows must be better than."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.metrics.tables.columns import Floats, is_number, numbers_of, text_of

__all__ = ["blended_neighbours"]

_NEIGHBOURS = 5


def blended_neighbours(rows: Any, n: int, seed: int = 0) -> Any:
    """Make rows that lie between a row and one of its five nearest, as SMOTE does.

    Numbers are blended; labels are those that most of the neighbours have. Distances are those of
    SMOTE-NC: numbers by their spread, and a label that differs counts as the median spread, which
    is 1. Such rows look right column by column and are near copies of those that they come from.

    Args:
        rows: A pandas data frame of at least 2 rows.
        n: How many rows to make.
        seed: Of the choices.

    Raises:
        DataError: Fewer than 2 rows.

    Source: Chawla et al. 2002, "SMOTE: synthetic minority over-sampling technique", section 6.1.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"size": [1.0, 2.0, 3.0], "kind": ["a", "a", "b"]})
        >>> blended_neighbours(rows, 4)["size"].between(1, 3).all()
        np.True_
    """
    if len(rows) < 2:
        raise DataError(f"blends need at least 2 rows; got {len(rows)}.")
    rng = np.random.default_rng(seed)
    near = _neighbours(rows, min(_NEIGHBOURS, len(rows) - 1))
    first = rng.integers(len(rows), size=n)
    second = near[first, rng.integers(near.shape[1], size=n)]
    share = rng.random(n)
    made = {
        name: _blended(rows[name], first, second, share)
        if is_number(rows[name])
        else _voted(rows[name], near[first])
        for name in rows
    }
    return type(rows)(made)


def _neighbours(rows: Any, count: int) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    points = np.concatenate([_coordinates(rows[name]) for name in rows], axis=1)
    finder = NearestNeighbors(n_neighbors=count + 1).fit(points)
    places: NDArray[np.int64] = finder.kneighbors(points, return_distance=False)
    own = places == np.arange(len(rows))[:, None]
    own[~own.any(1), -1] = True  # of rows with many twins, which need not find themselves
    others: NDArray[np.int64] = places[~own].reshape(len(rows), count)
    return others


def _coordinates(values: Any) -> Floats:
    """A column as coordinates, in which two different labels are 1 apart."""
    if not is_number(values):
        text = text_of(values).to_numpy(dtype=str)
        return np.where(text[:, None] == np.unique(text), np.sqrt(0.5), 0.0)
    numbers = numbers_of(values)
    known = numbers[~np.isnan(numbers)]
    middle, spread = (known.mean(), known.std()) if len(known) else (0.0, 1.0)
    return np.nan_to_num((numbers - middle) / (spread or 1.0))[:, None]


def _blended(
    values: Any, first: NDArray[np.int64], second: NDArray[np.int64], share: Floats
) -> Any:
    """Between two numbers or times, in the column's precision; missing where the first one is."""
    import pandas as pd

    start, end = (values.iloc[places].reset_index(drop=True) for places in (first, second))
    end = end.where(end.notna(), start)
    numbers = numbers_of(start) + share * (numbers_of(end) - numbers_of(start))
    if values.dtype.kind == "f":
        return pd.Series(numbers).astype(values.dtype)
    whole = pd.Series(np.round(np.nan_to_num(numbers)).astype(np.int64))
    return whole.astype(values.dtype).where(start.notna())


def _voted(values: Any, near: NDArray[np.int64]) -> Any:
    """The most frequent label of some rows each; of several the first."""
    import pandas as pd

    codes, labels = pd.factorize(values, use_na_sentinel=False)
    votes = (codes[near][:, :, None] == codes[near][:, None, :]).sum(2)
    chosen = np.take_along_axis(codes[near], votes.argmax(1)[:, None], 1).squeeze(1)
    return pd.Series(labels.take(chosen)).astype(values.dtype)
