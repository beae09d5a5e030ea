"""The times of a data frame's rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, unknown_name

__all__ = ["check_times", "same_interval", "times_of"]

Floats = NDArray[np.float64]

_UNEVEN, _TOLERANCE = 0.1, 0.01


def times_of(frame: Any, chosen: str | None) -> tuple[Floats | None, Any]:
    """Times of the rows in seconds, or as the numbers that they are, and the frame without them.

    They are the column that was chosen, else the only one of moments, also as text (ISO 8601, what
    a .csv file has), else an index of moments.

    Raises:
        DataError: More than one column of moments, or times that cannot be read.
        SpecError: No column has the chosen name.
    """
    import pandas.api.types as kinds

    if chosen is not None:
        if chosen not in frame.columns:
            raise unknown_name("column", chosen, [str(name) for name in frame.columns])
        return _numbers(frame[chosen]), frame.drop(columns=chosen)
    moments = [name for name in frame.columns if _are_moments(frame[name])]
    if len(moments) > 1:
        raise DataError(
            f"a series must have one column of times; got {moments}. Choose one, "
            f"SeriesDomain(window=..., time={moments[0]!r}), and drop the others."
        )
    if moments:
        return _numbers(frame[moments[0]]), frame.drop(columns=moments)
    if kinds.is_datetime64_any_dtype(frame.index):
        return _numbers(frame.index.to_series()), frame
    return None, frame


def _are_moments(column: Any) -> bool:
    import pandas as pd
    import pandas.api.types as kinds

    if kinds.is_datetime64_any_dtype(column) or not kinds.is_string_dtype(column):
        return bool(kinds.is_datetime64_any_dtype(column))
    return bool(pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601").notna().all())


def _numbers(column: Any) -> Floats:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        values: Floats = column.to_numpy(dtype=np.float64)
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


def check_times(times: Floats) -> float | None:
    """The usual time between steps; ``None`` of a single step.

    A few gaps are let be: the steps on both sides count as neighbours.

    Raises:
        DataError: Times that do not rise, or are not even.
    """
    gaps = np.diff(times)
    if len(gaps) == 0:
        return None
    if (gaps <= 0).any():
        place = int((gaps <= 0).argmax()) + 1
        what = "the same time as" if gaps[place - 1] == 0 else "an earlier time than"
        raise DataError(
            f"times must rise; row {place} has {what} the row before. Sort the rows by time, and "
            "keep one row of each: frame.sort_values(time).drop_duplicates(time)."
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


def same_interval(learnt: float | None, found: float | None) -> None:
    """Refuse steps of another length.

    Raises:
        DataError: Says both.
    """
    if learnt is None or found is None or np.isclose(learnt, found, rtol=_TOLERANCE):
        return
    raise DataError(
        f"steps must be as long as in training, {learnt:g} (seconds, if times are moments); got "
        f"{found:g}. Resample to the interval of training."
    )
