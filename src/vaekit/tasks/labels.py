"""Classes that users pass beside their items."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError

__all__ = ["as_classes"]


def as_classes(labels: Any, count: int) -> NDArray[Any] | None:
    """One whole number or text per item, shape (count,); ``None`` stays ``None``.

    Raises:
        DataError: Of another shape or kind.

    Example:
        >>> as_classes([["cat"], ["dog"]], 2).tolist()
        ['cat', 'dog']
    """
    if labels is None:
        return None
    array = np.asarray(labels)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    array = array.astype(str) if array.dtype.kind == "O" else array
    if array.shape != (count,) or array.dtype.kind not in "biuUS":
        raise DataError(
            f"labels must be one class per item, whole numbers or text of shape ({count},); got "
            f"dtype {array.dtype} and shape {array.shape}. Pass one for each item."
        )
    return array
