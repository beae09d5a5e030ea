"""CSV files whose text no spreadsheet takes for a formula.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return.
Text from data may begin so by somebody's wish, so an apostrophe is put in front of it, which
spreadsheets read as "this is text". Numbers stay as they are, and text that is a number does. What
is read loses that apostrophe again, so that a table comes back as it was written.
"""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

FORMULA = r"[=+\-@\t\r]"
"""What a formula begins with, as a regular expression."""

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
"""What is a number, and no formula, as a regular expression."""

_FORMULA, _NUMBER = re.compile(f"'*{FORMULA}"), re.compile(f"'*{NUMBER}")
_is_raw: ContextVar[bool] = ContextVar("is_raw", default=False)


@contextmanager
def use_raw_text(is_raw: bool) -> Iterator[None]:
    """Within the block, write text as it is, formulas or not, if asked to.

    Example:
        >>> with use_raw_text(True):
        ...     rows_csv(["a"], [["=1+1"]])
        b'a\\n=1+1\\n'
    """
    token = _is_raw.set(is_raw)
    try:
        yield
    finally:
        _is_raw.reset(token)


def _is_formula(text: str) -> bool:
    """Return whether a spreadsheet may run a text, but for apostrophes in front of it."""
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None


def guarded(value: Any) -> Any:
    """Return a text with an apostrophe in front if it looks like a formula; anything else as it is.

    Text that has apostrophes in front of a formula already gets one more, so that `unguarded` gives
    each text back.

    Example:
        >>> [guarded(v) for v in ("=1+1", "-3.5", -3.5, "@home", "'=1", "C=O")]
        ["'=1+1", '-3.5', -3.5, "'@home", "''=1", 'C=O']
    """
    if isinstance(value, str) and _is_formula(value) and not _is_raw.get():
        return f"'{value}"
    return value


def unguarded(text: str) -> str:
    """Return a text as it was before `guarded`.

    Example:
        >>> [unguarded(text) for text in ("'=1+1", "'tis", "''=1", "'-3")]
        ['=1+1', "'tis", "'=1", "'-3"]
    """
    return text[1:] if text.startswith("'") and _is_formula(text) else text


def frame_csv(frame: Any, *, header: bool = True, float_format: str | None = None) -> str:
    """Return a data frame as CSV, without its index.

    Args:
        frame: Of pandas.
        header: Whether the names of the columns come first.
        float_format: Of numbers, as ``"%.6g"``.

    Example:
        >>> import pandas as pd
        >>> frame_csv(pd.DataFrame({"=a": ["+b", "c"], "d": [-1, 2]}))
        "'=a,d\\n'+b,-1\\nc,2\\n"
    """
    texts = {place: _texts(frame.iloc[:, place]) for place in range(frame.shape[1])}
    frame = _guarded_frame(frame, texts)
    # a line end within a cell has to be quoted, and Python's writer overlooks this one
    returns = any("\r" in text for found in texts.values() for text in found)
    text: str = frame.to_csv(
        index=False,
        header=header,
        float_format=float_format,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL,
    )
    return text


def _guarded_frame(frame: Any, texts: Mapping[int, Set[str]]) -> Any:
    """Return a data frame with guarded names and texts."""
    changed = [
        place for place, found in texts.items() if any(guarded(text) is not text for text in found)
    ]
    if changed:
        frame = frame.copy(deep=False)
    for place in changed:
        column = frame.iloc[:, place]
        frame.isetitem(place, column.astype(object).where(column.notna(), None).map(guarded))
    names = [guarded(name) for name in frame.columns]
    return frame if names == list(frame.columns) else frame.set_axis(names, axis=1)


def _texts(column: Any) -> Set[str]:
    """Return the different texts of a column; none of numbers, times and truth values."""
    import pandas as pd
    import pandas.api.types as kinds

    if isinstance(column.dtype, pd.CategoricalDtype):
        values = column.cat.categories
    elif kinds.is_object_dtype(column.dtype) or kinds.is_string_dtype(column.dtype):
        values = column.to_numpy(dtype=object)
    else:
        return frozenset()
    return {value for value in values if isinstance(value, str)}


def rows_csv(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows of cells as CSV.

    Args:
        head: Names of the columns.
        rows: As many cells each.

    Example:
        >>> rows_csv(["name", "n"], [["a, b", 3], ["-x", -3]])
        b'name,n\\n"a, b",3\\n\\'-x,-3\\n'
    """
    text = io.StringIO()
    usual = csv.writer(text, lineterminator="\n")
    quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    for row in itertools.chain([head], rows):
        cells = [guarded(cell) for cell in row]
        returns = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        (quoting if returns else usual).writerow(cells)
    return text.getvalue().encode()
