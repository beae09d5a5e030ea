"""Several series at once: lists of pandas' series and frames, tables with a row for each step."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import as_numbers, is_frame
from vaekit.errors import DataError, DataTypeError, SpecError, unknown_name
from vaekit.series.reading import (
    Floats,
    Read,
    check_columns,
    check_times,
    checked,
    float_type,
    pad,
    same_interval,
    time_column,
    time_numbers,
)

_IDS = frozenset({"id", "ids", "series_id", "unique_id", "item_id", "instance", "unit_id"})
_SHOWN = 3

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
