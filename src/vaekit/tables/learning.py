"""Learning the columns of tables that come a piece at a time."""

from collections.abc import Callable
from typing import Any, Self, final

import numpy as np

from vaekit.domains.checks import check_rows
from vaekit.domains.learning import SchemaLearner
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.reading.records import current_options
from vaekit.tables.columns import (
    CategoricalColumn,
    Column,
    ConstantColumn,
    KeyColumn,
    TextColumn,
    key_of,
    refuse,
)
from vaekit.tables.constraints import Constraint, Inequality
from vaekit.tables.domain import TableDomain
from vaekit.tables.dtypes import DatetimeColumn, checked_frame, plain_columns, seconds_of, unit_of
from vaekit.tables.infer import (
    EXACT,
    FEWEST_KEYS,
    DistinctCount,
    QuantileSketch,
    ValueCounts,
    check_types,
    in_order,
    plain_value,
    warn_of_text,
)
from vaekit.tables.numbers import NumericColumn, are_masses, decimals_of

_EXACT_VALUES = 50_000
_SHARED = 3  # times that a sketch has to keep a value until it is taken for one that rows share
_ALL = 0.95  # share of different values from which an estimate says that all differ: 3 errors of it


@final
class TableLearner(SchemaLearner):
    """Counts values and keeps quantiles of each column.

    A column of at most 50,000 different values is learned exactly; of more, ranks are wrong by at
    most `rank_error`.
    """

    domain: TableDomain

    def __init__(self, domain: TableDomain, exact_values: int = _EXACT_VALUES) -> None:
        super().__init__(domain)
        self.exact_values = exact_values
        self.columns: dict[str, ColumnLearner] = {}
        self.originals: dict[str, str] = {}
        self.dtypes: dict[str, str] = {}
        self.formats: dict[str, str] = {}
        self.form = "pandas"
        for rule in domain.constraints:
            if not isinstance(rule, Inequality):
                raise SpecError(
                    f"tables that stream take inequalities of columns as rules; "
                    f"{type(rule).__name__} looks at all rows at once. Leave it out."
                )

    def _update(self, piece: Any) -> None:
        frame = checked_frame(piece)
        check_rows(frame)
        if not self.columns:
            self.form = frame.attrs.get("form", "pandas")
            found = frame.attrs.get("formats", {})
            self.formats = {n: f for n, f in found.items() if n in frame.columns}
        frame, originals = plain_columns(frame)
        if self.domain.constraints:
            self.dtypes |= {name: str(frame[name].dtype) for name in frame.columns}
        for rule in self.domain.constraints:
            frame = rule.apply(frame)
        self.originals |= originals
        self._learn(frame)

    def _learn(self, frame: Any) -> None:
        asked = {**current_options().kinds, **self.domain.kinds}
        for name in self.domain.kinds:
            if name not in frame.columns:
                raise unknown_name("column", name, list(frame.columns))
        if not self.columns:
            unobserved = self.domain.missing == "unobserved"
            self.columns = {
                name: ColumnLearner(
                    name, asked.get(name), self.domain.scale, self.exact_values, unobserved
                )
                for name in frame.columns
            }
        self._check_names(list(frame.columns))
        for name, column in self.columns.items():
            column.update(frame[name])

    def _check_names(self, names: list[str]) -> None:
        if set(names) != set(self.columns):
            lacking = sorted(set(self.columns) - set(names))
            more = sorted(set(names) - set(self.columns))
            raise DataError(
                f"all files must have the same columns; one lacks {lacking} and has besides "
                f"{more}. Mend it, or leave columns out with --drop."
            )

    def _merge(self, other: Self) -> None:
        if not self.columns:
            self.columns, self.form, self.formats = other.columns, other.form, other.formats
        elif other.columns:
            self._check_names(list(other.columns))
            for name, column in self.columns.items():
                column.merge(other.columns[name])
        self.originals |= other.originals
        self.dtypes |= other.dtypes

    @property
    def rank_error(self) -> float:
        """By how much a rank of a number is wrong at most, as a share of the rows."""
        return max((column.rank_error for column in self.columns.values()), default=0.0)

    def learned(self) -> TableDomain:
        """Return the domain with its columns."""
        if self.count < 2:
            raise DataError(f"there must be at least 2 rows to learn from; got {self.count}.")
        missing = self.domain.unseen == "missing"
        columns = tuple(column.learned(missing) for column in self.columns.values())
        rules: tuple[Constraint, ...] = tuple(self.domain.constraints)
        return self.domain.with_columns(
            columns,
            rules,
            dtypes=self.dtypes,
            formats=self.formats,
            num_rows=self.count,
            originals=self.originals,
            form=self.form,
        )


@final
class ColumnLearner:
    """What is known of one column."""

    def __init__(
        self, name: str, kind: str | None, scale: str, exact_values: int, unobserved: bool
    ) -> None:
        self.name, self.kind, self.scale, self.unobserved = name, kind, scale, unobserved
        self.dtype = ""
        self.family = ""  # "label", "time", "number", "text"; empty while all cells are missing
        self.rows = self.known = 0
        self.values = ValueCounts(exact_values)
        self.sketch = QuantileSketch()
        self.distinct = DistinctCount()
        self.decimals: int | None = 0
        self.is_whole = True
        self.low, self.high = np.inf, -np.inf
        self.categories: list[Any] = []
        self.ordered = True
        self.key: KeyColumn | None = None
        self.is_key = True
        self.unit = 86_400

    @property
    def has_missing(self) -> bool:
        """Whether cells were missing."""
        return not self.unobserved and self.known < self.rows

    @property
    def rank_error(self) -> float:
        """By how much a rank is wrong at most, as a share of the rows.

        Twice that of the sketch where frequent values are taken out of the others, since what lies
        below them is known no better.
        """
        if self.values.is_exact or self.values.values.dtype == object:
            return 0.0
        taken_out = are_masses(self.values.counts, self.rows, _EXACT_VALUES).any()
        return self.sketch.rank_error * (2 if taken_out else 1)

    def update(self, values: Any) -> None:
        """Learn from the cells of a piece, a pandas series."""
        known = values.dropna()
        self.rows += len(values)
        self.known += len(known)
        self._merge_dtype(str(values.dtype), _family(values, known), len(known))
        if not len(known) or self.kind == "text":
            return
        if self.kind == "category" or self.family == "label":
            self._update_labels(values, known)
        elif self.family == "text" and self.kind in (None, "key"):
            self._update_text(known)
        else:
            self._update_numbers(known)

    def _merge_dtype(self, dtype: str, family: str, known: int) -> None:
        """Keep the type that all cells have room in, as if they had been read at once."""
        if not self.dtype or (not self.family and family):
            gaps = bool(self.rows > known and self.dtype)
            self.dtype = _with_gaps(dtype) if gaps else dtype
        elif not family:
            self.dtype = _with_gaps(self.dtype)
        elif dtype != self.dtype:
            self.dtype = self._common_dtype(dtype, family)
        self.family = self.family or family

    def _common_dtype(self, dtype: str, family: str) -> str:
        if family != self.family:
            raise DataError(
                f"column {self.name!r} must hold values of one kind in all files; it holds "
                f"{_WORDS[self.family]} in some and {_WORDS[family]} in others. Clean it, or say "
                f"what it is: TableDomain(kinds={{{self.name!r}: ...}}), or --kind "
                f"{self.name}=category."
            )
        both = {dtype, self.dtype}
        if "category" in both:
            return "category"
        if "object" in both or family == "text":
            return "object"
        if family == "number" and all(d[0].islower() for d in both):
            return str(np.result_type(*both))
        return max(both, key=len)  # Int64 for Int32, datetime64[ns] for [s]

    def _update_labels(self, values: Any, known: Any) -> None:
        self._check(known)
        if str(values.dtype) == "category":
            used = set(known.unique())
            own = [plain_value(c) for c in values.cat.categories if c in used]
            self.categories += [c for c in own if c not in set(self.categories)]
            self.ordered = self.ordered and bool(values.cat.ordered)
        else:
            self.ordered = False
        counts = known.value_counts(sort=False)
        labels = np.empty(len(counts), dtype=object)
        labels[:] = [plain_value(label) for label in counts.index]
        kept = counts.to_numpy() > 0
        self._count(labels[kept], counts.to_numpy()[kept])
        if not self.values.is_exact:
            raise DataError(
                f"column {self.name!r} must have at most {_EXACT_VALUES} labels; it has more. "
                f"Leave it out: --kind {self.name}=text."
            )

    def _check(self, known: Any) -> None:
        if str(known.dtype) == "object":  # columns of text hold nothing else
            check_types(known)

    def _update_text(self, known: Any) -> None:
        self._check(known)
        counts = known.value_counts(sort=False)
        texts = counts.index.to_numpy(dtype=object)
        self.distinct.update(texts)
        if self.is_key:
            self.key = _merged_keys(self.key, key_of(self.name, self.dtype, texts.tolist()))
            self.is_key = self.key is not None
        if self.values.is_exact:
            self._count(texts, counts.to_numpy())

    def _update_numbers(self, known: Any) -> None:
        import pandas as pd
        import pandas.api.types as kinds

        if self.family == "time" or self.kind == "datetime":
            if self.family == "text":
                known = self._as_times(known)
            array = seconds_of(known).to_numpy(dtype=np.float64)
            self.unit = min(self.unit, unit_of(array))
        else:
            self._check(known)
            numbers = pd.to_numeric(known, errors="coerce")
            blank = NumericColumn(self.name, self.dtype, self.has_missing)
            bad = numbers.isna().to_numpy()
            refuse(blank, known, bad, "must hold numbers", "Clean it, or use the kind 'category'.")
            array = numbers.to_numpy(dtype=np.float64)
            refuse(blank, known, np.isinf(array), "must hold finite numbers", "Clean it.")
            self.is_whole = self.is_whole and kinds.is_integer_dtype(known.dtype)
            if self.is_whole:
                self.distinct.update(known.to_numpy(dtype=np.int64))
        values, counts = np.unique(array, return_counts=True)
        self.low, self.high = min(self.low, values[0]), max(self.high, values[-1])
        own = decimals_of(values)
        self.decimals = None if self.decimals is None or own is None else max(self.decimals, own)
        self._count(values, counts)

    def _as_times(self, known: Any) -> Any:
        import pandas as pd

        try:
            found = pd.to_datetime(known)
        except (ValueError, TypeError) as error:
            raise DataError(f"column {self.name!r} must hold dates; {error}.") from error
        self.dtype = str(found.dtype)
        return found

    def _count(self, values: Any, counts: Any) -> None:
        was_exact, before = self.values.is_exact, (self.values.values, self.values.counts)
        self.values.update(values, counts)
        if values.dtype == object or self.values.is_exact:
            return
        if was_exact:
            self.sketch.update(np.repeat(*before))
        self.sketch.update(np.repeat(values, counts))

    def merge(self, other: Self) -> None:
        """Learn what another has learned of other cells of the column."""
        known = other.known
        self.rows += other.rows
        self.known += known
        self._merge_dtype(other.dtype, other.family, known)
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        nones = self.decimals is None or other.decimals is None
        self.decimals = None if nones else max(self.decimals or 0, other.decimals or 0)
        self.is_whole = self.is_whole and other.is_whole
        self.categories += [c for c in other.categories if c not in set(self.categories)]
        self.ordered = self.ordered and other.ordered
        self.unit = min(self.unit, other.unit)
        self.is_key = self.is_key and other.is_key
        if other.key is not None or self.key is not None:
            self.key = other.key if self.key is None else _merged_keys(self.key, other.key)
            self.is_key = self.is_key and self.key is not None
        self.distinct.merge(other.distinct)
        self._merge_counts(other)

    def _merge_counts(self, other: Self) -> None:
        exact = [c for c in (self, other) if c.values.is_exact]
        before = [(c.values.values, c.values.counts) for c in exact]
        self.values.merge(other.values)
        self.sketch.merge(other.sketch)
        if self.values.is_exact or self.values.values.dtype == object:
            return
        for values, counts in before:
            self.sketch.update(np.repeat(values, counts))

    # What it is.

    @property
    def _different(self) -> float:
        """How many values differ; of numbers with fractions beyond the limit, more than that."""
        if self.values.is_exact:
            return len(self.values.values)
        if self.family == "text" or self.is_whole:
            return self.distinct.estimate
        return float(self.rows)

    @property
    def _all_differ(self) -> bool:
        if self.values.is_exact:
            return len(self.values.values) == self.rows
        return self.known == self.rows and self._different >= _ALL * self.rows

    def learned(self, labels_for_constants: bool) -> Column:
        """Return the column.

        Args:
            labels_for_constants: Whether a constant is a label, so that another value is one.
        """
        rows = self.known if self.unobserved else self.rows
        kind = self.kind or self._kind(rows)
        if kind == "constant":
            if labels_for_constants and self.known:
                return self._labels()
            return ConstantColumn(self.name, self.dtype, self.has_missing, self._constant())
        makers: dict[str, Callable[[], Column]] = {
            "category": self._labels,
            "number": lambda: self._numbers(self.name, self.dtype, 1),
            "datetime": self._times,
            "key": self._key,
            "text": self._text,
        }
        return makers[kind]()

    def _times(self) -> Column:
        count = self._numbers(self.name, "float64", self.unit)
        return DatetimeColumn(self.name, self.dtype, self.has_missing, count, self.unit)

    def _text(self) -> Column:
        if self.kind != "text":  # else it is left out by choice
            warn_of_text(self.name, round(self._different), self.rows)
        return TextColumn(self.name, self.dtype, self.has_missing)

    def _constant(self) -> Any:
        if not self.known:
            return None
        value = plain_value(self.values.values[0])
        if self.family == "time":
            import pandas as pd

            delta = self.dtype.startswith("timedelta")
            made: Any = pd.to_timedelta(value, unit="s") if delta else pd.Timestamp(value, unit="s")
            return str(made)
        return int(value) if self.family == "number" and self.is_whole else value

    def _kind(self, rows: int) -> str:
        is_single = self.values.is_exact and len(self.values.values) <= 1
        if is_single and not (self.has_missing and self.known):
            return "constant"
        if self.family in ("label", "time"):
            return {"label": "category", "time": "datetime"}[self.family]
        if self.family == "number":
            span = self.high - self.low
            large = self.is_whole and max(abs(self.low), abs(self.high)) > EXACT
            if large and self._different > rows / 2 and span > rows:
                return "key"
            counts = self.is_whole and not self.has_missing and rows >= FEWEST_KEYS
            return "key" if counts and self._all_differ and span + 1 <= 2 * rows else "number"
        if rows < FEWEST_KEYS or self._different <= rows / 2:
            return "category"
        return "key" if self._all_differ and self.is_key else "text"

    def _labels(self) -> Column:
        if not self.values.is_exact:
            raise DataError(
                f"column {self.name!r} must have at most {_EXACT_VALUES} labels; it has about "
                f"{self._different:.0f}. Leave it out: --kind {self.name}=text."
            )
        if self.dtype == "category":
            labels, ordered = tuple(self.categories), self.ordered
            return CategoricalColumn(self.name, "category", self.has_missing, labels, ordered)
        found = [plain_value(value) for value in self.values.values]
        labels = tuple(sorted(found, key=in_order))
        return CategoricalColumn(self.name, self.dtype, self.has_missing, labels)

    def _numbers(self, name: str, dtype: str, unit: int) -> NumericColumn:
        is_whole = self.is_whole and self.family == "number"
        if is_whole and max(abs(self.low), abs(self.high)) > EXACT:
            raise DataError(
                f"column {name!r} must hold integers of at most 53 bits where a table streams; got "
                f"some up to {self.high:.3g}. Say what it is: --kind {name}=text, or store it less "
                "its minimum."
            )
        values, counts = self.values.values.astype(np.float64), self.values.counts
        shared = None
        rows = self.rows - (self.rows - self.known if self.unobserved else 0)
        decimals = self.decimals
        if self.values.is_exact:
            masses = values[are_masses(counts, rows, len(values))]
        else:
            masses = values[are_masses(counts, rows, _EXACT_VALUES)]
            values, counts, kept = _with_ends(self.sketch.counted(), self.low, self.high)
            shared = kept >= _SHARED
        if unit > 1:
            values, masses = values / unit, masses / unit
        if self.family == "time":
            decimals = decimals_of(values)
        dtype = dtype if dtype not in ("object", "str", "string") else "float64"
        blank = NumericColumn(name, dtype, self.has_missing)
        return blank.with_counts(values, counts, masses, self.scale, decimals, shared)

    def _key(self) -> Column:
        if self.family == "number":
            digits = {len(str(int(end))) for end in (self.low, self.high)}
            width = digits.pop() if len(digits) == 1 and self.low >= 0 else 0
            return KeyColumn(self.name, self.dtype, False, "", "", width, int(self.high))
        return self._text() if self.key is None else self.key


_WORDS = {"label": "labels", "time": "times", "number": "numbers", "text": "text", "": "nothing"}


def _family(values: Any, known: Any) -> str:
    import pandas.api.types as kinds

    dtype = values.dtype
    if not len(known):
        return ""
    if kinds.is_bool_dtype(dtype) or str(dtype) == "category":
        return "label"
    if kinds.is_datetime64_any_dtype(dtype) or kinds.is_timedelta64_dtype(dtype):
        return "time"
    if kinds.is_numeric_dtype(dtype):
        return "number"
    first = known.iloc[0]
    if isinstance(first, bool | np.bool_):
        return "label"
    return "text" if isinstance(first, str) else "number"


def _with_gaps(dtype: str) -> str:
    """Return the type that pandas gives a column of another when some of it is missing."""
    if dtype.startswith(("int", "uint")):
        return "float64"
    return "object" if dtype == "bool" else dtype


def _merged_keys(one: KeyColumn | None, other: KeyColumn | None) -> KeyColumn | None:
    if one is None or other is None:
        return other if one is None else None
    if (one.before, one.after) != (other.before, other.after):
        return None
    digits = one.digits if one.digits == other.digits else 0
    last = max(one.last, other.last)
    return KeyColumn(one.name, one.dtype, False, one.before, one.after, digits, last)


def _with_ends(counted: tuple[Any, Any, Any], low: float, high: float) -> tuple[Any, Any, Any]:
    """Return numbers with the least and the largest among them, as one row each."""
    values, counts, kept = counted
    ends = np.array([end for end in (low, high) if not np.isin(end, values)])
    ones = np.ones(len(ends), np.int64)
    values = np.concatenate([values, ends])
    order = values.argsort(kind="stable")
    counts, kept = np.concatenate([counts, ones]), np.concatenate([kept, ones])
    return values[order], counts[order], kept[order]
