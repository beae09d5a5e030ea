"""Columns of dates and times, and of durations."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.bounds import Amount
from vaekit.domains.stored import StoredFields
from vaekit.errors import DataError
from vaekit.tables.columns import Cell, Column, Floats, refuse_other_kind
from vaekit.tables.constraints import Allowed, Condition
from vaekit.tables.numbers import NumericColumn

_UNITS = (86_400, 3600, 60)  # seconds


@dataclass(frozen=True)
class DatetimeColumn(Column):
    """Dates and times or durations, learned as a number of days, hours, minutes or seconds.

    Attributes:
        count: That number, since 1970 for dates.
        unit: Seconds of one: the longest unit of which all training values are whole numbers.
    """

    count: NumericColumn = field(
        default_factory=lambda: NumericColumn("", "float64", has_missing=False)
    )
    unit: Amount = 1

    def check_stored(self, fields: StoredFields) -> None:
        """Refuse those of the number, and a unit of nothing."""
        fields.require(self.unit > 0, "unit", "be at least 1", self.unit)
        self.count.check_stored(StoredFields(f"{fields.place}.args.count"))

    @property
    def num_codes(self) -> int:
        """Those of the number."""
        return self.count.num_codes

    @property
    def number_code(self) -> int:
        """That of the number."""
        return self.count.number_code

    def bins(self, most: int) -> Sequence[float]:
        """Return those of the number."""
        return self.count.bins(most)

    @property
    def kind(self) -> str:
        """``"datetime"``."""
        return "datetime"

    @property
    def summary(self) -> str:
        """First and last."""
        import pandas as pd

        known = [self.unit * value for value in (*self.count.masses, *self.count.scale.values)]
        duration = self.dtype.startswith("timedelta")
        first, last = (
            pd.to_timedelta(t, unit="s") if duration else _to_datetime(t)
            for t in (min(known), max(known))
        )
        return f"{'durations' if duration else 'times'} from {first} to {last}"

    def adapt(self, values: Any) -> Any:
        """Return dates and durations that come as text or as objects as what they are."""
        import pandas as pd
        import pandas.api.types as kinds

        duration = self.dtype.startswith("timedelta")
        is_kind = kinds.is_timedelta64_dtype if duration else kinds.is_datetime64_any_dtype
        if is_kind(values.dtype) or not values.notna().any():
            return values.astype(self.dtype)
        if kinds.is_numeric_dtype(values.dtype):
            return values  # encode says what is wrong
        read: Any = pd.to_timedelta if duration else pd.to_datetime
        options = {} if duration else {"format": "mixed", "utc": "," in self.dtype}
        found: Any = pd.Series(read(values, errors="coerce", **options), values.index)
        what = "durations" if duration else "times"
        refuse_other_kind(self, values, found.notna().to_numpy(), f"held {what}")
        return found.astype(self.dtype).rename(values.name)

    def knows(self, values: Any) -> NDArray[np.bool_]:
        """As of the number."""
        return self.count.knows(self._counted(values))

    def encode(self, values: Any) -> Cell:
        """Codes and normal scores of the number."""
        return self.count.encode(self._counted(values))

    def _counted(self, values: Any) -> Any:
        """Times as numbers of the unit."""
        import pandas.api.types as kinds

        duration = self.dtype.startswith("timedelta")
        is_kind = kinds.is_timedelta64_dtype if duration else kinds.is_datetime64_any_dtype
        if not is_kind(values.dtype) and values.notna().any():
            what = "durations" if duration else "times"
            first = values.dropna().iloc[0]
            raise DataError(
                f"column {self.name!r} held {what} in training and is of dtype {values.dtype} here "
                f"(first value {first!r}). Convert it, for instance with pandas.to_"
                f"{'timedelta' if duration else 'datetime'}."
            )
        return seconds_of(values.astype(self.dtype)) / self.unit

    def allow(self, condition: Condition) -> Allowed:
        """As of the number, with dates and durations read from text as well."""
        counted = Condition(
            None if condition.values is None else tuple(map(self._count, condition.values)),
            self._count(condition.low),
            self._count(condition.high),
        )
        return self.count.allow(counted)

    def _count(self, moment: Any) -> float | None:
        import pandas as pd

        if moment is None:
            return None
        read = pd.to_timedelta if self.dtype.startswith("timedelta") else pd.to_datetime
        try:
            values: Any = pd.Series(read([moment]))
            if "," in self.dtype and values.dt.tz is None:
                values = values.dt.tz_localize(self.dtype.rstrip("]").split(", ")[1])
            return float(seconds_of(values).iloc[0] / self.unit)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"column {self.count.name!r} holds moments; {moment!r} is none: {error}."
            ) from error

    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """Times of the same kind, resolution and time zone."""
        import pandas as pd

        seconds = self.unit * pd.Series(self.count.decode(codes, numbers))
        made: Any = pd.to_timedelta(seconds, unit="s")
        if not self.dtype.startswith("timedelta"):
            made = _to_datetimes(seconds, utc="," in self.dtype)
        return made.astype(self.dtype).array


_MOST_SECONDS = 9.2e9  # since 1970, which nanoseconds in 64 bits can hold


def _to_datetimes(seconds: Any, *, utc: bool) -> Any:
    """Return a series of times; those that nanoseconds cannot hold in microseconds."""
    import pandas as pd

    if not (seconds.abs() > _MOST_SECONDS).any():
        return pd.to_datetime(seconds, unit="s", utc=utc)
    counts = np.where(seconds.isna(), 0, seconds * 1e6).round().astype(np.int64)
    made = pd.Series(counts.astype("datetime64[us]"), seconds.index).where(seconds.notna(), pd.NaT)
    return made.dt.tz_localize("UTC") if utc else made


def _to_datetime(seconds: float) -> Any:
    return np.datetime64(round(seconds), "s").item()


def unit_of(seconds: Floats) -> int:
    """Return the longest of day, hour, minute and second of which all are whole numbers."""
    return next((u for u in _UNITS if not np.mod(seconds[~np.isnan(seconds)], u).any()), 1)


def seconds_of(values: Any) -> Any:
    """Return a series of times or durations as seconds, NaN where missing."""
    import pandas as pd

    if str(values.dtype).startswith("timedelta"):
        return values.dt.total_seconds()
    start = pd.Timestamp(0, unit="s", tz=values.dt.tz)
    return (values - start).dt.total_seconds()


def read_times(columns: Sequence[Column], frame: Any) -> Any:
    """Return a data frame with times that came as text read as such, as in training.

    Raises:
        DataError: Cells that are no times.
    """
    for column in columns:
        if isinstance(column, DatetimeColumn) and column.name in frame.columns:
            frame[column.name] = column.adapt(frame[column.name])
    return frame
