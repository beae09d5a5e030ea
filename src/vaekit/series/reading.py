"""Raw data to arrays of series: times, gaps, periods."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vaekit.domains.checks import as_numbers, check_column_names, is_frame
from vaekit.errors import DataError, DataTypeError, unknown_name

Floats = NDArray[np.float64]

_LEAST_PERIOD, _LEAST_CORRELATION = 4, 0.2
_SHORTEST, _LONGEST = 128, 256
_WINDOWS = 4  # so many, side by side, must fit into the series


def dominant_period(series: Floats) -> int | None:
    """Return the lag of the highest peak of the autocorrelation.

    Args:
        series: Shape (time, channels), NaN where missing; the channels' correlations are averaged.

    Returns:
        Steps, from 4 to a third of the series; ``None`` where no peak reaches a correlation of .2.

    Example:
        >>> dominant_period(np.sin(np.arange(300) * 2 * np.pi / 25)[:, None])
        25
    """
    correlation = np.mean([_autocorrelation(channel) for channel in series.T], axis=0)
    lags = np.arange(_LEAST_PERIOD, len(series) // 3)
    if len(lags) == 0:
        return None
    inner = correlation[lags]
    peaks = (inner > correlation[lags - 1]) & (inner >= correlation[lags + 1])
    high = np.where(peaks, inner, -1.0)
    return int(lags[high.argmax()]) if high.max() >= _LEAST_CORRELATION else None


def _autocorrelation(channel: Floats) -> Floats:
    """By lag; what is missing counts as the mean. 0 for a constant."""
    centerd = np.nan_to_num(channel - np.nanmean(channel))
    power = np.abs(np.fft.rfft(centerd, 2 * len(centerd))) ** 2
    products: Floats = np.fft.irfft(power)[: len(centerd)]
    return products / products[0] if products[0] > 0 else np.zeros(len(centerd))


def auto_window(series: Floats) -> int:
    """As many dominant periods as make at least 128 steps, and at most 256; 128 without a period.

    A quarter of the series at most, so that there are some windows that do not overlap.
    """
    period = dominant_period(series) or 1
    wanted = period * -(-_SHORTEST // period)
    return max(2, min(wanted, _LONGEST, len(series) // _WINDOWS))


_UNEVEN, _TOLERANCE = 0.1, 0.01
_SHOWN = 3


def time_column(frame: Any, chosen: str | None) -> tuple[Any, Any]:
    """Return the times of the rows as they are, ``None`` without, and the frame without them.

    They are the column that was chosen, else the only one of moments, also as text (ISO 8601, what
    a .csv file has), else an index of moments.

    Raises:
        DataError: More than one column of moments.
        SpecError: No column has the chosen name.
    """
    import pandas.api.types as kinds

    if chosen is not None:
        if chosen not in frame.columns:
            raise unknown_name("column", chosen, [str(name) for name in frame.columns])
        return frame[chosen], frame.drop(columns=chosen)
    moments = [name for name in frame.columns if _are_moments(frame[name])]
    if len(moments) > 1:
        raise DataError(
            f"a series must have one column of times; got {moments}. Choose one, "
            f"SeriesDomain(window=..., time={moments[0]!r}), and drop the others."
        )
    if moments:
        return frame[moments[0]], frame.drop(columns=moments)
    if kinds.is_datetime64_any_dtype(frame.index):
        return frame.index.to_series(), frame
    return None, frame


def _are_moments(column: Any) -> bool:
    import pandas as pd
    import pandas.api.types as kinds

    if kinds.is_datetime64_any_dtype(column) or not kinds.is_string_dtype(column):
        return bool(kinds.is_datetime64_any_dtype(column))
    return bool(pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601").notna().all())


def time_numbers(column: Any) -> Floats:
    """Return times in seconds since the first, if they are moments, else as they are.

    Raises:
        DataError: One is missing or unreadable; names it.
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        values: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
        missing = np.isnan(values)
    else:
        moments = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
        missing = moments.isna().to_numpy()
        values = (moments - moments.min()).dt.total_seconds().to_numpy(dtype=np.float64)
    if missing.any():
        place = int(missing.argmax())
        raise DataError(
            "times must be numbers or moments as 2024-01-31 12:00 (ISO 8601); got "
            f"{column.iloc[place]!r} in row {place} of {column.name!r}. Correct or drop that row."
        )
    return values


def check_times(times: Floats, labels: Any = None, rows: Any = None) -> float | None:
    """Return the usual time between steps; ``None`` of a single step.

    A few gaps are let be: the steps on both sides count as neighbours.

    Args:
        times: Of the steps, as numbers.
        labels: The times as they were given, for messages.
        rows: Where each step stood, for messages; ``None`` where they are in that order.

    Raises:
        DataError: Times that stand twice, do not rise, or are not even.
    """
    gaps = np.diff(times)
    if len(gaps) == 0:
        return None
    rows = np.arange(len(times)) if rows is None else rows
    _check_once(times, list(times if labels is None else labels), rows)
    if (gaps < 0).any():
        place = int((gaps < 0).argmax()) + 1
        raise DataError(
            f"times must rise; row {place} has an earlier time than the row before. Sort the rows "
            "by time: frame.sort_values(time)."
        )
    usual = float(np.median(gaps))
    uneven = ~np.isclose(gaps, usual, rtol=_TOLERANCE)
    if uneven.mean() > _UNEVEN:
        raise DataError(
            f"times must be even, but for a few gaps; {uneven.mean():.0%} of the steps differ from "
            f"the usual {usual:g} by more than {_TOLERANCE:.0%}. Bring them onto a grid, for "
            "instance by frame.resample('5min').mean(); steps without a value may stay empty."
        )
    return usual


def _check_once(times: Floats, labels: Sequence[Any], rows: NDArray[np.int64]) -> None:
    order = np.argsort(times, kind="stable")
    again = np.flatnonzero(np.diff(times[order]) == 0) + 1
    if not len(again):
        return
    one, other = (int(rows[order[place]]) for place in (again[0] - 1, again[0]))
    before = "the row before" if other == one + 1 else f"row {one}"
    shown = ", ".join(dict.fromkeys(str(labels[order[place]]) for place in again[:_SHOWN]))
    more = ", ..." if len(again) > _SHOWN else ""
    raise DataError(
        f"times must rise, each once; row {other} has the same time as {before} ({len(again)} such "
        f"rows, at {shown}{more}). Keep one row of each: frame.drop_duplicates(time); or if they "
        "are of several series, name the column that tells these apart: SeriesDomain(id=...)."
    )


def same_interval(learned: float | None, found: float | None) -> None:
    """Refuse steps of another length.

    Raises:
        DataError: Says both.
    """
    if learned is None or found is None or np.isclose(learned, found, rtol=_TOLERANCE):
        return
    raise DataError(
        f"steps must be as long as in training, {learned:g} (seconds, if times are moments); got "
        f"{found:g}. Resample to the interval of training."
    )


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
    """Return one long series.

    Raises:
        DataError: Wrong axes, infinity, a channel without values, or times that break a rule.
        DataTypeError: Values that are no numbers.
    """
    columns, interval = None, None
    if type(raw).__module__.startswith("pandas") and raw.index.nlevels > 1:
        raise DataError(
            f"one long series must have a single index; got {raw.index.nlevels} levels, as of "
            "several series. Take one, frame.xs(id), or leave the window out, and each of them is "
            "an item."
        )
    if is_frame(raw):
        moments, raw = time_column(raw, time)
        interval = None if moments is None else check_times(time_numbers(moments), moments)
        check_columns(raw)
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
    return Read(checked(values), array.ndim == 1, columns, interval, float_type(array))


def read_set(raw: Any) -> Read:
    """Return a set of series.

    Raises:
        DataError: Wrong axes, infinity, or a channel without values.
        DataTypeError: Values that are no numbers.
    """
    columns = None
    if is_frame(raw):
        check_columns(raw)
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
    return Read(checked(values), array.ndim == 2, columns, None, float_type(array))


def is_ragged(raw: Any) -> bool:
    """Return whether this is a list of series that differ in length."""
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


def check_columns(frame: Any) -> None:
    """Refuse columns that are no numbers.

    Raises:
        DataTypeError: Names the first.
    """
    import pandas.api.types as kinds

    check_column_names(frame)
    for name, dtype in frame.dtypes.items():
        if not (kinds.is_numeric_dtype(dtype) or kinds.is_bool_dtype(dtype)):
            raise DataTypeError(
                f"columns of series must be numbers; column {name!r} is {dtype}. If it holds the "
                f"times of a long series, pass SeriesDomain(window=..., time={name!r}); else drop "
                "or encode it."
            )


def checked(values: Floats) -> Floats:
    """Return values, of which there is one at least, and none is infinite.

    Raises:
        DataError: Says where.
    """
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


def float_type(array: NDArray[Any]) -> str:
    """Return the float type that items of an array come back in."""
    return "float32" if array.dtype in (np.float32, np.float16) else "float64"


_SEQUENCES = (list, tuple, np.ndarray, torch.Tensor)
