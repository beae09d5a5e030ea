"""How a table is to be read, and what was found: options, columns, notes."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.reading.formats import (
    ColumnFormat,
    check_decimal,
)

KINDS = ("category", "number", "datetime", "key", "text")
"""What a user may say that a column is."""

_MOST_SAID = 8


class ReadingWarning(UserWarning):
    """Something about a file was guessed, or left out; the message says what and the cure."""


@dataclass(frozen=True)
class TableOptions:
    """How a file is to be read, where that is not told from it.

    Attributes:
        sep: What stands between cells: ``","``, ``";"``, ``"tab"``, ``"|"``, or another character.
        decimal: ``"."`` or ``","``.
        encoding: As Python calls it: ``"utf-8"``, ``"latin-1"``, ``"cp1251"``.
        header: Whether there are names above the columns.
        kinds: What columns are: name -> one of `KINDS`.
        drop: Columns to leave out.
        missing_values: Words that stand for nothing in any column, those of text too.
        day_first: Whether 03/04/2021 is in April.
        formats: Of columns of dates, as ``strptime`` has them: name -> ``"%d/%m/%Y"``.
        skip_bad: Leave out rows with too few or too many cells, and count them; else they are an
            error.
        optional: Whether the file may lack columns that have kinds or formats.
    """

    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    header: bool | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    drop: Sequence[str] = ()
    missing_values: Sequence[str] = ()
    day_first: bool | None = None
    formats: Mapping[str, str] = field(default_factory=dict)
    skip_bad: bool = False
    optional: bool = False

    def check(self) -> None:
        """Refuse options that no file can be read by.

        Raises:
            SpecError: Names the option.
        """
        check_decimal(self.decimal)
        if self.sep is not None and len(self.delimiter or "") != 1:
            raise SpecError(f"sep must be one character, or 'tab'; got {self.sep!r}.")
        for kind in self.kinds.values():
            if kind not in KINDS:
                raise unknown_name("kind of column", kind, KINDS)
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError as error:
                raise SpecError(
                    f"encoding must be one that Python knows; got {self.encoding!r}."
                ) from error

    @property
    def delimiter(self) -> str | None:
        """The character between cells."""
        return {"tab": "\t", "\\t": "\t"}.get(self.sep or "", self.sep)


@dataclass(frozen=True)
class ColumnReading:
    """What a column of a file was taken for.

    Attributes:
        name: As it is called in the table.
        format: How its text became values; ``None`` where the file says the types.
        dtype: The type of its values.
        missing: Cells without a value.
        stray: Cells that do not have the format and became missing.
        note: What was guessed, or which cell is strange; empty if nothing.
    """

    name: str
    format: ColumnFormat | None
    dtype: str
    missing: int
    stray: int = 0
    note: str = ""


@dataclass(frozen=True)
class Reading:
    """A table, and how it was read.

    Attributes:
        table: An Arrow table.
        index: Names of the rows, where the file has a column without a name for them.
        columns: What each column was taken for.
        dialect: Encoding, delimiter, decimal mark: what the text looks like.
        notes: What was left out, renamed or guessed, as sentences.
        start: Rows of the file above the first of the table.
    """

    table: Any
    index: Any
    columns: tuple[ColumnReading, ...]
    dialect: Mapping[str, str]
    notes: tuple[str, ...]
    start: int = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """All notes, those of columns among them."""
        return (*self.notes, *(f"column {c.name!r}: {c.note}" for c in self.columns if c.note))

    def to_pandas(self) -> Any:
        """Return a data frame; integers and truth values with gaps have nullable types.

        Raises:
            DataError: What a file says of its pandas types is damaged.
        """
        try:
            frame = self.table.to_pandas()
        except Exception as error:  # of notes beside the data, which pyarrow trusts
            raise DataError(
                f"a table must be readable by pandas; {type(error).__name__}: {error}. Its file "
                "is damaged: write it again."
            ) from error
        for name, values in zip(self.table.column_names, self.table.columns, strict=True):
            if values.null_count and name in frame.columns and frame[name].dtype.kind in "fO":
                kept = values.to_pandas(types_mapper=_nullable)
                frame[name] = kept.set_axis(frame.index)
        if self.index is not None:
            frame.index = self.index
        frame.attrs["formats"] = {
            c.name: c.format.date for c in self.columns if c.format and c.format.date
        }
        return frame


_IN_FORCE: ContextVar["TableOptions | None"] = ContextVar("table options", default=None)


@contextmanager
def use_options(options: TableOptions) -> Iterator[None]:
    """Read every table file by these options, where the reader is given none.

    Example:
        >>> with use_options(TableOptions(sep=";")):
        ...     current_options().sep
        ';'
    """
    token = _IN_FORCE.set(options)
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


def current_options() -> TableOptions:
    """Return the options in force: those of the command line, for instance."""
    return _IN_FORCE.get() or TableOptions()


def nullable_dtype(dtype: str) -> str:
    """Return the type of integers that knows missing cells; other types as they are.

    Example:
        >>> nullable_dtype("uint8"), nullable_dtype("float32")
        ('UInt8', 'float32')
    """
    is_plain = dtype.startswith(("int", "uint"))
    return dtype.replace("uint", "UInt").replace("int", "Int") if is_plain else dtype


def _nullable(kind: Any) -> Any:
    """Return the type of pandas that knows missing cells, of integers and truth values."""
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    if pa.types.is_integer(kind):
        return pd.Series(dtype=nullable_dtype(str(kind))).dtype
    return None


def warn_of_guesses(found: Reading, path: str | Path) -> None:
    """Warn of what was guessed or left out."""
    if found.warnings:
        shown = found.warnings[:_MOST_SAID]
        more = len(found.warnings) - len(shown)
        text = "; ".join(shown) + (f"; and {more} more: vaekit describe tells" if more else "")
        warnings.warn(f"{Path(path).name}: {text}.", ReadingWarning, stacklevel=3)


def as_pandas(raw: Any) -> Any:
    """Return a data frame of pandas from one of polars, pyarrow or others; else what was given.

    Integers and truth values with gaps have nullable types.

    Example:
        >>> import pyarrow as pa
        >>> as_pandas(pa.table({"n": [1, None]}))["n"].dtype
        Int64Dtype()
    """
    if type(raw).__module__.split(".")[0] not in ("polars", "pyarrow"):
        return raw
    import pyarrow as pa

    if isinstance(raw, pa.RecordBatch):
        raw = pa.Table.from_batches([raw])
    if hasattr(raw, "collect"):  # a lazy frame of polars
        raw = raw.collect()
    is_arrow = isinstance(raw, pa.Table)
    frame = Reading(raw if is_arrow else raw.to_arrow(), None, (), {}, ()).to_pandas()
    frame.attrs["form"] = "arrow" if is_arrow else "polars"  # what new rows are to be
    return frame
