"""Raw data to arrays of shape (time, channels) or (series, steps, channels), NaN where missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vaekit.domains.checks import as_numbers, is_frame
from vaekit.domains.series.times import check_times, times_of
from vaekit.errors import DataError, DataTypeError

__all__ = ["Read", "is_ragged", "pad", "read_long", "read_set"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Read:
    """What was found.

    Attributes:
        values: Shape (time, channels) or (series, steps, channels), NaN where missing.
        is_flat: Whether the data had no axis of channels.
        columns: Names of the channels, of data frames.
        interval: Usual time between steps, in seconds of moments, else as given; ``None``
            without times.
        dtype: ``"float32"`` or ``"float64"``.
    """

    values: Floats
    is_flat: bool
    columns: tuple[str, ...] | None = None
    interval: float | None = None
    dtype: str = "float64"


def read_long(raw: Any, time: str | None) -> Read:
    """One long series.

    Raises:
        DataError: Wrong axes, infinity, a channel without values, or times that break a rule.
        DataTypeError: Values that are no numbers.
    """
    columns, interval = None, None
    if is_frame(raw):
        moments, raw = times_of(raw, time)
        interval = None if moments is None else check_times(moments)
        _check_columns(raw)
        columns = tuple(str(name) for name in raw.columns)
    elif time is not None:
        raise DataError(f"time={time!r} names a column of a data frame; got {type(raw).__name__}.")
    array = as_numbers(raw)
    if array.ndim not in (1, 2):
        raise DataError(
            "one long series must have shape (time,) or (time, channels); got shape "
            f"{array.shape}. For a set of series leave the window out: SeriesDomain()."
        )
    values = array.reshape(len(array), -1).astype(np.float64)
    return Read(_checked(values), array.ndim == 1, columns, interval, _dtype(array))


def read_set(raw: Any) -> Read:
    """A set of series.

    Raises:
        DataError: Wrong axes, infinity, or a channel without values.
        DataTypeError: Values that are no numbers.
    """
    columns = None
    if is_frame(raw):
        _check_columns(raw)
        columns = tuple(str(name) for name in raw.columns)
    array = as_numbers(raw)
    if array.ndim not in (2, 3):
        raise DataError(
            "a set of series must have shape (series, steps) or (series, steps, channels); got "
            f"shape {array.shape}. For one long series say how many steps an item is to have: "
            "SeriesDomain(window=64)."
        )
    values = array.astype(np.float64)
    values = values[..., None] if array.ndim == 2 else values
    return Read(_checked(values), array.ndim == 2, columns, None, _dtype(array))


def is_ragged(raw: Any) -> bool:
    """Whether this is a list of series that differ in length."""
    if not isinstance(raw, list | tuple) or not all(isinstance(s, _SEQUENCES) for s in raw):
        return False
    return len({len(series) for series in raw}) > 1


def pad(raw: Sequence[Any]) -> Floats:
    """Series of different lengths as one array, NaN beyond the end of each.

    Raises:
        DataError: A series that is empty, or has other axes or channels than the first.
    """
    arrays = [as_numbers(series) for series in raw]
    first = arrays[0]
    for place, array in enumerate(arrays):
        if array.ndim not in (1, 2) or array.shape[1:] != first.shape[1:] or not len(array):
            raise DataError(
                "every series of a list must have shape (steps,) or (steps, channels), with as "
                f"many channels as the first and at least one step; got shape {array.shape} at "
                f"place {place}, and {first.shape} first."
            )
    out = np.full((len(arrays), max(map(len, arrays)), *first.shape[1:]), np.nan)
    for place, array in enumerate(arrays):
        out[place, : len(array)] = array
    return out


def _check_columns(frame: Any) -> None:
    import pandas.api.types as kinds

    for name, dtype in frame.dtypes.items():
        if not (kinds.is_numeric_dtype(dtype) or kinds.is_bool_dtype(dtype)):
            raise DataTypeError(
                f"columns of series must be numbers; column {name!r} is {dtype}. If it holds the "
                f"times of a long series, pass SeriesDomain(window=..., time={name!r}); else drop "
                "or encode it."
            )


def _checked(values: Floats) -> Floats:
    if values.size == 0:
        raise DataError(
            "series must have at least one value; got an empty set: 0 sample(s) (shape="
            f"{values.shape}) while a minimum of 1 is required."
        )
    if (bad := np.isinf(values)).any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"series must be finite or missing (NaN); got infinity at {place} ({int(bad.sum())} "
            "such values). Replace it by NaN, which is left out."
        )
    return values


def _dtype(array: NDArray[Any]) -> str:
    return "float32" if array.dtype in (np.float32, np.float16) else "float64"


_SEQUENCES = (list, tuple, np.ndarray, torch.Tensor)
