"""Raw data to arrays of series, one or several at once: times, gaps, periods."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vaekit.domains.checks import as_numbers, check_column_names, is_frame
from vaekit.errors import DataError, DataTypeError, SpecError, unknown_name

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


_IDS = frozenset({"id", "ids", "series_id", "unique_id", "item_id", "instance", "unit_id"})

_Columns = tuple[str, ...] | None


def is_pandas_series(raw: Any) -> bool:
    """Return whether this is a series of pandas, which need not be installed to ask."""
    return type(raw).__module__.startswith("pandas") and type(raw).__name__ == "Series"


def is_panel(raw: Any, id: str | None) -> bool:
    """Return whether these are several series of pandas: a list, or a table with a row a step.

    Args:
        raw: The data.
        id: The column that tells series apart; ``None`` where there is none.
    """
    if isinstance(raw, list | tuple):
        return bool(raw) and all(is_frame(one) or is_pandas_series(one) for one in raw)
    if not (is_frame(raw) or is_pandas_series(raw)):
        return False
    return id is not None or raw.index.nlevels > 1


def refuse_unnamed_ids(frame: Any) -> None:
    """Refuse a table whose rows seem to be steps, where they would be read as series.

    Raises:
        DataError: A column is called as ids are; says what to pass.
    """
    found = [name for name in frame.columns if str(name).lower() in _IDS]
    if found:
        raise DataError(
            f"a table is read with a series in each row; column {found[0]!r} looks as if it told "
            f"series apart that have a row for each step. Pass SeriesDomain(id={found[0]!r}, "
            "time=...), or drop or rename the column."
        )


@dataclass(frozen=True)
class _OneSeries:
    """One series, sorted.

    Attributes:
        name: Of the series, for messages.
        values: Shape (steps,) or (steps, channels).
        times: Of the steps; ``None`` without.
        was_sorted: Whether it came in order.
    """

    name: Any
    values: NDArray[Any]
    times: Floats | None
    was_sorted: bool


def read_panel(raw: Any, id: str | None, time: str | None) -> Read:
    """Return a set of series, the shorter ones NaN beyond their ends.

    Series come in the order in which their ids first appear. Steps are sorted by time, with a
    warning if they were not.

    Args:
        raw: A list of series or frames of pandas, each with a row a step; or a frame with a column
            of ids, or with ids and times for its index.
        id: The column of ids, or the level of the index.
        time: The column or level of times; ``None`` takes the only one of moments, or an index of
            moments, and else the order of the rows.

    Raises:
        DataError: An id is missing, a time stands twice or is uneven, or frames have different
            columns.
        DataTypeError: Columns that are no numbers.
        SpecError: No column has that name.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"id": [7, 7, 9], "at": [0, 1, 0], "load": [1.0, 2.0, 3.0]})
        >>> read_panel(frame, "id", "at").values[..., 0]
        array([[ 1.,  2.],
               [ 3., nan]])
    """
    if isinstance(raw, list | tuple):
        parts, columns = _of_list(raw, time)
    else:
        parts, columns = _of_table(raw, id, time)
    shuffled = [part.name for part in parts if not part.was_sorted]
    if shuffled:
        warnings.warn(
            f"the steps of {len(shuffled)} of {len(parts)} series were not in the order of their "
            f"times, and are sorted: {_some(shuffled)}.",
            stacklevel=5,
        )
    interval = _common_interval(parts)
    values = pad([part.values for part in parts])
    kinds = {float_type(part.values) for part in parts}
    is_flat = values.ndim == 2
    values = values[..., None] if is_flat else values
    return Read(
        checked(values), is_flat, columns, interval, kinds.pop() if len(kinds) == 1 else "float64"
    )


def _of_list(
    raw: Sequence[Any], time: str | None
) -> tuple[list[_OneSeries], tuple[str, ...] | None]:
    parts, first = [], None
    for place, one in enumerate(raw):
        frame = one if is_frame(one) else one.to_frame("value")
        if frame.index.nlevels > 1:
            raise DataError(
                f"a series of a list must have a single index; that at place {place} has "
                f"{frame.index.nlevels} levels. Pass one frame with ids and times for its index."
            )
        times, rest = time_column(frame, time)
        columns = tuple(str(name) for name in rest.columns)
        first = columns if first is None else first
        if columns != first:
            raise DataError(
                f"frames of a list must have the same columns in the same order; got "
                f"{list(columns)} at place {place}, and {list(first)} first."
            )
        values = _numbers_of(rest)
        values = values if is_frame(one) else values[:, 0]
        parts.append(_sorted(f"place {place}", values, times, np.arange(len(values))))
    return parts, first if is_frame(raw[0]) else None


def _of_table(raw: Any, id: str | None, time: str | None) -> tuple[list[_OneSeries], _Columns]:
    import pandas as pd

    frame = raw if is_frame(raw) else raw.to_frame("value" if raw.name is None else raw.name)
    if frame.index.nlevels > 1:
        frame, id, time = _without_index(frame, id, time)
    if id not in frame.columns:
        raise unknown_name("column", id, [str(name) for name in frame.columns])
    codes, names = pd.factorize(frame[id])
    if (codes < 0).any():
        raise DataError(
            f"every step must belong to a series; {int((codes < 0).sum())} have no {id!r}, the "
            f"first in row {int((codes < 0).argmax())}. Name it, or drop those rows."
        )
    times, rest = time_column(frame.drop(columns=id), time)
    if rest.shape[1] == 0:
        raise DataError(
            f"series must have a column of values beside {id!r} and their times; got none."
        )
    columns = tuple(str(name) for name in rest.columns)
    values = _numbers_of(rest)
    values = values if len(columns) > 1 else values[:, 0]
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    parts = [
        _sorted(f"{id} {name}", values[rows], None if times is None else times.iloc[rows], rows)
        for name, rows in zip(names, groups, strict=True)
    ]
    return parts, columns


def _without_index(frame: Any, id: str | None, time: str | None) -> tuple[Any, str, str]:
    """Return ids and times as columns, and their names; of an unnamed pair the first are ids."""
    import pandas.api.types as kinds

    levels = frame.index.nlevels
    names = [f"level_{i}" if n is None else str(n) for i, n in enumerate(frame.index.names)]
    if levels != 2:
        raise DataError(
            f"an index of series must have two levels, ids and times; got {levels}: {names}. Join "
            "or drop the others."
        )
    for chosen in (id, time):
        if chosen is not None and chosen not in names:
            raise unknown_name("level of the index", chosen, names)
    found = frame.set_axis(frame.index.set_names(names), axis=0).reset_index()
    if id is None and time is None:
        are_moments = [kinds.is_datetime64_any_dtype(found[name]) for name in names]
        id, time = names[::-1] if are_moments == [True, False] else names
    elif id is None:
        id = next(name for name in names if name != time)
    elif time is None:
        time = next(name for name in names if name != id)
    if id == time:
        raise SpecError(f"id and time must be two levels of the index; got {id!r} for both.")
    return found, str(id), str(time)


def _numbers_of(frame: Any) -> NDArray[Any]:
    try:
        check_columns(frame)
    except DataTypeError as error:
        raise DataTypeError(
            f"{error} Of a table with a row for each step name the columns that are no values: "
            "SeriesDomain(id=..., time=...)."
        ) from error
    return as_numbers(frame)


def _sorted(name: Any, values: NDArray[Any], column: Any, rows: NDArray[np.int64]) -> _OneSeries:
    """Return a series in the order of its times."""
    if column is None:
        return _OneSeries(name, values, None, True)
    try:
        times = time_numbers(column)
        order = np.argsort(times, kind="stable")
        check_times(times[order], column.iloc[order], rows[order])
    except DataError as error:
        raise DataError(f"in the series of {name}: {error}") from error
    return _OneSeries(name, values[order], times[order], bool((np.diff(order) > 0).all()))


def _common_interval(parts: Sequence[_OneSeries]) -> float | None:
    """Return the usual time between steps, which must be that of all series."""
    usual = [
        (part.name, float(np.median(np.diff(part.times))))
        for part in parts
        if part.times is not None and len(part.times) > 1
    ]
    if not usual:
        return None
    first = usual[0][1]
    for name, interval in usual:
        try:
            same_interval(first, interval)
        except DataError as error:
            raise DataError(
                f"all series must have steps of one length; those of {usual[0][0]} are {first:g} "
                f"long, and those of {name} {interval:g}. Resample them to one interval."
            ) from error
    return first


def _some(names: Sequence[Any]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{', '.join(map(str, names[:_SHOWN]))}{more}"
