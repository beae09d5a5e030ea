"""Data frames in and out: types of columns that come back as they went in, and dates."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.bounds import Amount
from vaekit.domains.checks import check_column_names, is_frame
from vaekit.domains.stored import StoredFields
from vaekit.errors import DataError, DataTypeError
from vaekit.reading.records import as_pandas, nullable_dtype
from vaekit.tables.columns import Cell, Column, Floats, refuse_other_kind
from vaekit.tables.constraints import Allowed, Condition
from vaekit.tables.numbers import NumericColumn

_INTERVAL = re.compile(r"^([\[(])(.+), (.+)([\])])$")
_DIGITS = 12  # after the point of decimal numbers, at most


def to_plain(values: Any) -> tuple[Any, str]:
    """Return a column of a type that can be learned, and what it was; empty for as it is.

    Args:
        values: A pandas series.

    Raises:
        DataTypeError: Complex numbers.

    Example:
        >>> import pandas as pd
        >>> plain, was = to_plain(pd.Series(pd.period_range("2021-01", periods=2, freq="M")))
        >>> str(plain.iloc[1]), was
        ('2021-02-01 00:00:00', 'period[M]')
    """
    import pandas as pd

    dtype = values.dtype
    if getattr(dtype, "kind", "") == "c":
        raise DataTypeError(
            f"column {values.name!r} must not hold complex numbers; got {dtype}. Pass real and "
            "imaginary parts as columns."
        )
    if isinstance(dtype, pd.PeriodDtype):
        return values.dt.to_timestamp(), str(dtype)
    if isinstance(dtype, pd.IntervalDtype):
        return _as_text(values), f"interval {dtype.subtype}"
    if isinstance(dtype, pd.CategoricalDtype) and isinstance(
        dtype.categories.dtype, pd.IntervalDtype
    ):
        return (
            values.cat.rename_categories([str(c) for c in dtype.categories]),
            f"bins {dtype.categories.dtype.subtype}",
        )
    if isinstance(dtype, pd.ArrowDtype):
        return _from_arrow(values), str(dtype)
    return _from_objects(values) if str(dtype) == "object" else (values, "")


def _as_text(values: Any) -> Any:
    return values.astype(object).where(values.notna(), None).map(str, na_action="ignore")


def _from_arrow(values: Any) -> Any:
    """Return a column of Arrow's as the type of pandas that is next to it."""
    import pandas as pd
    import pyarrow as pa

    kind = values.dtype.pyarrow_dtype
    gaps = bool(values.isna().any())
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        zone = getattr(kind, "tz", None)
        wanted = "datetime64[us]" if zone is None else f"datetime64[us, {zone}]"
    elif pa.types.is_duration(kind):
        wanted = "timedelta64[us]"
    elif pa.types.is_dictionary(kind):
        wanted = "category"
    elif pa.types.is_boolean(kind):
        wanted = "boolean" if gaps else "bool"
    elif pa.types.is_integer(kind):
        wanted = nullable_dtype(str(kind)) if gaps else str(kind)
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        wanted = "float64"
    else:
        return pd.Series(values.astype(object), values.index, name=values.name)
    return values.astype(wanted)


def _from_objects(values: Any) -> tuple[Any, str]:
    import pandas as pd

    known = values.dropna()
    if not len(known):
        return values, ""
    types = set(map(type, known))
    if types == {dt.date}:
        days = np.full(len(values), "NaT", dtype="datetime64[D]")
        days[values.notna().to_numpy()] = known.to_numpy().astype("datetime64[D]")
        return pd.Series(days.astype("datetime64[s]"), values.index, name=values.name), "date"
    if types <= {dt.datetime, pd.Timestamp}:
        return pd.Series(pd.to_datetime(values), values.index, name=values.name), ""
    if types == {Decimal}:
        digits = max(max(0, -int(v.as_tuple().exponent)) for v in known if v.is_finite())
        numbers = values.map(float, na_action="ignore").astype("float64")
        return numbers, f"decimal {min(digits, _DIGITS)}"
    return values, ""


def from_plain(values: Any, was: str) -> Any:
    """Return a column as the type that it had.

    Args:
        values: A pandas series.
        was: From `to_plain`.

    Example:
        >>> import pandas as pd
        >>> from_plain(pd.Series([1.5, 2.0]), "decimal 2").tolist()
        [Decimal('1.50'), Decimal('2.00')]
    """
    import pandas as pd

    if was.startswith("period["):
        return values.dt.to_period(was.removeprefix("period[").removesuffix("]"))
    kind, _, subtype = was.partition(" ")
    if kind == "interval":
        made = pd.arrays.IntervalArray([_interval(value, subtype) for value in values])
        return pd.Series(made, values.index, name=values.name)
    if kind == "bins":
        bins = [_interval(category, subtype) for category in values.cat.categories]
        return values.cat.rename_categories(pd.IntervalIndex(bins))
    if was == "date":
        known = values.dt.date
        return known.astype(object).where(values.notna(), None)
    if was.startswith("decimal "):
        digits = int(was.removeprefix("decimal "))
        return values.map(lambda v: Decimal(f"{v:.{digits}f}"), na_action="ignore").astype(object)
    return values.astype(was)


def _interval(text: Any, subtype: str) -> Any:
    import pandas as pd

    match = _INTERVAL.match(text) if isinstance(text, str) else None
    if match is None:
        return np.nan
    left, low, high, right = match.groups()
    closed = {"[]": "both", "[)": "left", "(]": "right", "()": "neither"}[left + right]
    read: Any = float if subtype.startswith("float") else pd.Timestamp
    read = (lambda end: int(float(end))) if "int" in subtype else read
    ends: list[Any] = [read(end) for end in (low, high)]
    made: Any = pd.Interval
    return made(*ends, closed=closed)


def plain_columns(frame: Any) -> tuple[Any, dict[str, str]]:
    """Return a table whose columns can be learned, and what those were that are changed."""
    changed, originals = dict[str, Any](), dict[str, str]()
    for name, values in frame.items():
        plain, was = to_plain(values)
        if plain is not values:  # else all would be copied, one by one
            changed[str(name)] = plain
        if was:
            originals[str(name)] = was
    attrs = frame.attrs
    frame = frame.assign(**changed) if changed else frame
    frame.attrs = attrs
    return frame, originals


def possible_dtypes(frame: Any, dtypes: Mapping[str, str]) -> dict[str, str]:
    """Return the dtypes, but for whole numbers and truth values of which some are missing now."""
    plain = ("int", "uint", "bool")
    return {
        name: dtype
        for name, dtype in dtypes.items()
        if not (dtype.startswith(plain) and frame[name].isna().any())
    }


def checked_frame(raw: Any) -> Any:
    """Return a data frame with names that are text and differ."""
    frame = _as_frame(raw)
    names = list(frame.columns)
    if not names:
        raise DataError("a table must have at least one column; got none.")
    check_column_names(frame)
    odd = next((name for name in names if not isinstance(name, str)), None)
    if odd is not None:
        raise DataError(
            f"names of columns must be text; got {odd!r}. Rename them with "
            "frame.columns = frame.columns.astype(str)."
        )
    return frame


def _as_frame(raw: Any) -> Any:
    """Return a pandas data frame, from one of polars or pyarrow as well."""
    raw = as_pandas(raw)
    if isinstance(raw, np.ndarray) and raw.dtype.names:
        import pandas as pd

        return pd.DataFrame.from_records(raw)
    if not is_frame(raw):
        raise DataError(f"a table must be a data frame; got {type(raw).__name__}.")
    return raw


def all_numbers(frame: Any) -> bool:
    """Return whether all columns of a data frame are numbers without gaps."""
    import pandas.api.types as kinds

    dtypes = frame.dtypes
    plain = all(kinds.is_numeric_dtype(t) and not kinds.is_bool_dtype(t) for t in dtypes)
    return plain and not frame.isna().any(axis=None)


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
