"""Types of columns that are learned as others, and come back as they went in."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import numpy as np

from vaekit.errors import DataTypeError
from vaekit.reading.records import nullable_dtype

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
