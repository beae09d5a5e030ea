"""Telling what kind of column it is, also from summaries of columns of any length."""

import warnings
from typing import Any, NamedTuple, Self, final

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
from vaekit.tables.dtypes import DatetimeColumn, seconds_of, unit_of
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


Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_FREQUENT = 1000  # values among which the frequent ones are found, where there are too many


@final
class QuantileSketch:
    """Some of the numbers of a column, each with how many it stands for.

    Numbers are kept in buffers of one weight. A full buffer is sorted and every second of its
    numbers moves to the buffer of twice the weight, the even and the odd ones in turn (Manku,
    Rajagopalan & Lindsay 1998; Agarwal et al. 2012).

    Example:
        >>> sketch = QuantileSketch(64)
        >>> sketch.update(np.arange(100_000.0))
        >>> values, counts, _ = sketch.counted()
        >>> median = values[np.searchsorted(counts.cumsum(), 50_000)]
        >>> bool(abs(median - 50_000) <= sketch.rank_error * 100_000)
        True
    """

    def __init__(self, size: int = 8192) -> None:
        self.size = size
        self._levels: list[list[Floats]] = []
        self._turns: list[int] = []
        self._compactions: list[int] = []

    def update(self, numbers: Floats) -> None:
        """Add numbers, none of them missing."""
        self._add(0, numbers)

    def merge(self, other: Self) -> None:
        """Add what another sketch holds."""
        for level, parts in enumerate(other._levels):
            for part in parts:
                self._add(level, part)
        self._grow(len(other._levels) - 1)
        for level, count in enumerate(other._compactions):
            self._compactions[level] += count

    def _grow(self, level: int) -> None:
        while len(self._levels) <= level:
            self._levels.append([])
            self._turns.append(0)
            self._compactions.append(0)

    def _add(self, level: int, numbers: Floats) -> None:
        if not len(numbers):
            return
        self._grow(level)
        self._levels[level].append(numbers)
        if sum(map(len, self._levels[level])) < self.size:
            return
        rows = np.sort(np.concatenate(self._levels[level]))
        even = len(rows) // 2 * 2
        kept = rows[self._turns[level] : even : 2]
        self._levels[level] = [rows[even:]] if even < len(rows) else []
        self._turns[level] ^= 1
        self._compactions[level] += 1
        self._add(level + 1, kept)

    @property
    def count(self) -> int:
        """Numbers seen."""
        return sum(sum(map(len, parts)) << level for level, parts in enumerate(self._levels))

    @property
    def rank_error(self) -> float:
        """By how much a rank is wrong at most, as a share of the numbers.

        Each halving of a buffer of weight w moves any rank by at most w.
        """
        moved = sum(count << level for level, count in enumerate(self._compactions))
        return moved / max(1, self.count)

    def counted(self) -> tuple[Floats, Counts, Counts]:
        """Return the values kept, rising, how many numbers each stands for, and how often it is.

        A value that was kept more than once is one that many rows share.
        """
        parts = [(p, level) for level, some in enumerate(self._levels) for p in some]
        if not parts:
            return np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)
        numbers = np.concatenate([part for part, _ in parts])
        weights = np.concatenate([np.full(len(p), 1 << level, np.int64) for p, level in parts])
        order = numbers.argsort(kind="stable")
        values, firsts, kept = np.unique(numbers[order], return_index=True, return_counts=True)
        return values, np.add.reduceat(weights[order], firsts), kept


@final
class ValueCounts:
    """How often each value occurs; of more values than a limit the most frequent ones.

    Beyond the limit the count of the next value is taken off all, so that counts are too small by
    at most a share 1 / (limit + 1) of the rows (Misra & Gries 1982; merged as of Agarwal et al.
    2012).

    Attributes:
        values: They, in their order; of text or numbers.
        counts: How often each was seen, at least.
        is_exact: Whether these are all values.
    """

    def __init__(self, limit: int = 50_000) -> None:
        self.limit = limit
        self.values: NDArray[Any] = np.empty(0)
        self.counts: Counts = np.empty(0, np.int64)
        self.is_exact = True

    def update(self, values: NDArray[Any], counts: Counts) -> None:
        """Add values that differ from each other, in their order, with their counts."""
        if not len(values):
            return
        both = np.concatenate([self.values, values]) if len(self.values) else values
        sums = np.concatenate([self.counts, counts]) if len(self.values) else counts
        self.values, places = np.unique(both, return_inverse=True)
        self.counts = np.bincount(places, sums, len(self.values)).astype(np.int64)
        if len(self.values) <= self.limit:
            return
        self.is_exact = False
        room = min(self.limit, _FREQUENT)
        cut = np.partition(self.counts, -room - 1)[-room - 1]
        kept = self.counts > cut
        self.values, self.counts = self.values[kept], self.counts[kept] - cut
        self.limit = room

    def merge(self, other: Self) -> None:
        """Add what another has counted."""
        self.is_exact = self.is_exact and other.is_exact
        if not self.is_exact:
            self.limit = min(self.limit, other.limit)
        self.update(other.values, other.counts)


@final
class DistinctCount:
    """How many values differ, from the smallest of their hashes (Bar-Yossef et al. 2002).

    The standard error is 1.6 %; below 4,096 values it is exact.

    Example:
        >>> count = DistinctCount()
        >>> count.update(np.arange(1000).repeat(3))
        >>> count.estimate
        1000.0
    """

    _KEPT = 4096

    def __init__(self) -> None:
        self._least = np.empty(0, np.uint64)

    def update(self, values: NDArray[Any]) -> None:
        """Add values."""
        from pandas.util import hash_array

        self._keep(hash_array(values, categorize=False))

    def merge(self, other: Self) -> None:
        """Add what another has seen."""
        self._keep(other._least)

    def _keep(self, hashes: NDArray[np.uint64]) -> None:
        if len(self._least) == self._KEPT:
            hashes = hashes[hashes < self._least[-1]]
        self._least = np.unique(np.concatenate([self._least, hashes]))[: self._KEPT]

    @property
    def estimate(self) -> float:
        """How many differ."""
        if len(self._least) < self._KEPT:
            return float(len(self._least))
        return (self._KEPT - 1) / (float(self._least[-1]) / 2**64)
