"""Telling what kind of column it is."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, unknown_name
from vaekit.tables.columns import (
    CategoricalColumn,
    Column,
    ConstantColumn,
    TextColumn,
    key_of,
    refuse,
)
from vaekit.tables.dates import DatetimeColumn, seconds_of, unit_of
from vaekit.tables.numbers import NumericColumn

KINDS = ("category", "number", "datetime", "key", "text")
"""What a user may say that a column is."""

FEWEST_KEYS = 20  # rows below which different values may be different by chance


class _About(NamedTuple):
    """What is known of a column before its kind."""

    name: str
    dtype: str
    has_missing: bool
    scale: str


def learn_column(values: Any, kind: str | None = None, scale: str = "quantiles") -> Column:
    """Learn a column from its training values.

    Args:
        values: A pandas series with a name.
        kind: One of `KINDS`, where the user knows better; ``None`` tells it from the values.
        scale: Of numbers and moments; one of `SCALES`.

    Raises:
        DataError: Values of several types, infinite ones, or none that are of the kind.
        SpecError: An unknown kind.

    Example:
        >>> import pandas as pd
        >>> learn_column(pd.Series([3.5, 7.25, 3.5] * 9, name="size")).summary
        'numbers from 3.5 to 7.25, 2 values of their own'
    """
    if kind is not None and kind not in KINDS:
        raise unknown_name("kind of column", kind, KINDS)
    known = values.dropna()
    if kind == "text":  # left out by choice, without a word
        return TextColumn(str(values.name), str(values.dtype), len(known) < len(values))
    name, dtype, has_missing = str(values.name), str(values.dtype), len(known) < len(values)
    if kind is None and _distinct(known) <= 1 and not (has_missing and len(known)):
        return ConstantColumn(
            name, dtype, has_missing, plain_value(known.iloc[0]) if len(known) else None
        )
    make = _MAKERS[kind or _kind(values, known)]
    return make(values, known, _About(name, dtype, has_missing, scale))


def _kind(values: Any, known: Any) -> str:
    import pandas.api.types as kinds

    if kinds.is_bool_dtype(values.dtype) or isinstance(values.dtype, _categorical()):
        return "category"
    if kinds.is_datetime64_any_dtype(values.dtype) or kinds.is_timedelta64_dtype(values.dtype):
        return "datetime"
    if kinds.is_numeric_dtype(values.dtype):
        if _is_large(known) and _distinct(known) > len(values) / 2 and _spread(known) > len(values):
            return "key"  # identifiers, such as hashes
        return "key" if _counts_rows(values) else "number"
    check_types(known)
    if not isinstance(known.iloc[0], str):
        return "category" if isinstance(known.iloc[0], bool) else "number"
    return _kind_of_text(known, len(values))


def _kind_of_text(known: Any, rows: int) -> str:
    distinct = _distinct(known)
    if rows < FEWEST_KEYS or distinct <= rows / 2:
        return "category"
    if distinct == len(known) == rows and key_of("", "", known.tolist()):
        return "key"
    return "text"


EXACT = 2**53  # beyond, numbers of 64 bits do not tell integers apart


def _is_large(known: Any) -> bool:
    """Return whether integers have more bits than floating-point numbers can hold."""
    import pandas.api.types as kinds

    is_whole = kinds.is_integer_dtype(known.dtype) and len(known) > 0
    return is_whole and max(abs(int(known.min())), abs(int(known.max()))) > EXACT


def _spread(known: Any) -> int:
    return int(known.max()) - int(known.min())


def _counts_rows(values: Any) -> bool:
    """Whole numbers that are all different and leave out fewer than they hold."""
    import pandas.api.types as kinds

    if not kinds.is_integer_dtype(values.dtype) or len(values) < FEWEST_KEYS:
        return False
    span = int(values.max()) - int(values.min()) + 1
    return values.is_unique and span <= 2 * len(values)


def check_types(known: Any) -> None:
    """Refuse a column of objects that are not all of one type."""
    types = known.map(_type_of).to_numpy()
    names, counts = np.unique(types, return_counts=True)
    if len(names) < 2:
        return
    main = names[counts.argmax()]
    row = int(np.argmax(types != main))
    raise DataError(
        f"column {known.name!r} must hold values of one type; most are {main}, and "
        f"{known.iloc[row]!r} at index {known.index[row]!r} is {types[row]} "
        f"({int((types != main).sum())} such cells). Clean it, or turn all into text with "
        f"astype(str)."
    )


def _type_of(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "a truth value"
    if isinstance(value, str):
        return "text"
    try:
        float(value)
    except (TypeError, ValueError):
        return f"of type {type(value).__name__}"
    return "a number"


def _category(values: Any, known: Any, about: _About) -> Column:
    if isinstance(values.dtype, _categorical()):
        used = set(known.unique())
        labels = [plain_value(label) for label in values.cat.categories if label in used]
        ordered = bool(values.cat.ordered)
        return CategoricalColumn(about.name, "category", about.has_missing, tuple(labels), ordered)
    labels = sorted((plain_value(label) for label in known.unique()), key=in_order)
    return CategoricalColumn(about.name, about.dtype, about.has_missing, tuple(labels))


def _number(values: Any, known: Any, about: _About) -> Column:
    import pandas as pd

    numbers = pd.to_numeric(known, errors="coerce")
    dtype = about.dtype if about.dtype not in _OF_TEXT else "float64"
    offset = int(numbers.min()) if _is_large(numbers) else 0
    learned = NumericColumn(about.name, dtype, about.has_missing, offset=offset)
    bad: NDArray[np.bool_] = numbers.isna().to_numpy()
    refuse(learned, known, bad, "must hold numbers", "Clean it, or use the kind 'category'.")
    array = learned.read(known) if offset else numbers.to_numpy(dtype=np.float64)
    refuse(learned, known, np.isinf(array), "must hold finite numbers", "Clean it.")
    padded = np.concatenate([array, np.full(len(values) - len(known), np.nan)])
    return learned.fit(padded, about.scale)


def _datetime(values: Any, known: Any, about: _About) -> Column:
    import pandas as pd

    if about.dtype in _OF_TEXT:
        try:
            values = pd.to_datetime(values)
        except (ValueError, TypeError) as error:
            raise DataError(f"column {about.name!r} must hold dates; {error}.") from error
    seconds = seconds_of(values).to_numpy(dtype=np.float64)
    unit = unit_of(seconds)
    count = NumericColumn(about.name, "float64", about.has_missing).fit(seconds / unit, about.scale)
    return DatetimeColumn(about.name, str(values.dtype), about.has_missing, count, unit)


def _key(values: Any, known: Any, about: _About) -> Column:
    found = key_of(about.name, about.dtype, known.astype(str).tolist())
    return _text(values, known, about) if found is None else found


def _text(values: Any, known: Any, about: _About) -> Column:
    warn_of_text(about.name, _distinct(known), len(values))
    return TextColumn(about.name, about.dtype, about.has_missing)


def warn_of_text(name: str, distinct: int, rows: int) -> None:
    """Warn that a column of text is left out."""
    warnings.warn(
        f"column {name!r} is left out: {distinct} different values in {rows} rows tell nothing "
        "that a model could learn. New rows have it empty. If it is a category all the same, say "
        f"so: TableDomain(kinds={{{name!r}: 'category'}}), or --kind {name}=category; to leave it "
        f"out without a word, --kind {name}=text.",
        stacklevel=3,
    )


_MAKERS = {
    "category": _category,
    "number": _number,
    "datetime": _datetime,
    "key": _key,
    "text": _text,
}
_OF_TEXT = ("object", "str", "string")


def _categorical() -> type:
    import pandas as pd

    return pd.CategoricalDtype


def _distinct(known: Any) -> int:
    try:
        return int(known.nunique())
    except TypeError as error:
        raise DataError(
            f"column {known.name!r} must hold plain values; got {type(known.iloc[0]).__name__}, "
            "which cannot be compared. Split it into columns, or drop it."
        ) from error


def plain_value(value: Any) -> Any:
    """Return a value as JSON has it."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str | bool | int | float) else str(value)


def in_order(label: Any) -> tuple[str, Any]:
    """Return what labels are sorted by: numbers before text."""
    return ("" if isinstance(label, int | float) else "text", label)
