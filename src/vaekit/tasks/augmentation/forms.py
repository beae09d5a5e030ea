"""Items in the form in which they come: data frames, arrays of numbers, images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import is_frame

__all__ = ["as_frame", "is_numeric_target", "joined", "part"]

_MOST_CLASSES = 20


def as_frame(X: Any) -> Any:
    """An array of numbers as a data frame; anything else as it is."""
    if is_frame(X) or np.ndim(X) != 2:
        return X
    import pandas as pd

    array = np.asarray(X)
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])


def part(X: Any, places: NDArray[np.int64]) -> Any:
    """Some of the items, in the form of the data."""
    return X.iloc[places] if is_frame(X) else np.asarray(X)[places]


def joined(old: Any, new: Any) -> Any:
    """Items one behind the other, in the form of the first."""
    if not is_frame(old):
        return np.concatenate([np.asarray(old), np.asarray(new)])
    import pandas as pd

    return pd.concat([old, new.astype(dict(old.dtypes))], ignore_index=True)


def is_numeric_target(y: Any) -> bool:
    """Whether targets are numbers to be told, not classes: fractions, or many whole numbers.

    Example:
        >>> is_numeric_target([0, 1, 1]), is_numeric_target([0.5, 1.2]), is_numeric_target(["a"])
        (False, True, False)
    """
    array = np.asarray(y)
    if array.dtype.kind not in "iuf":
        return False
    values = np.unique(array)
    return bool(len(values) > _MOST_CLASSES or (values != np.round(values)).any())
