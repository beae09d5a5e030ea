"""Rows in a browser: what is dropped there, and how a page shows rows without Python."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vaekit.domains.views import plain_value
from vaekit.errors import DataError
from vaekit.tables.columns import CategoricalColumn, Column

_KNOTS, _FINE, _MOST_STEPS = 513, 4097, 700
_REACH = 4.0  # deviations, of what networks see of numbers


def dropped_row(columns: Sequence[Column], dtypes: Mapping[str, str], row: Any) -> Any:
    """Return a data frame of one row that was dropped into a browser.

    Args:
        columns: What was learned of each column.
        dtypes: Of columns that constraints changed.
        row: Values by column, as text, numbers, or ``None`` where missing.

    Raises:
        DataError: No row, or one that lacks a learned column.
    """
    import pandas as pd

    if not isinstance(row, Mapping):
        raise DataError("a table takes rows; drop a line of CSV with its header, or fill the form.")
    names = list(dtypes) or [column.name for column in columns if column.num_codes]
    missing = [name for name in names if name not in row]
    if missing:
        raise DataError(f"a row must have the columns {names}; it lacks {missing}.")
    kinds = {column.name: column for column in columns}
    return pd.DataFrame({name: [_as_typed(kinds.get(name), row[name])] for name in names})


def _as_typed(column: Column | None, value: Any) -> Any:
    """Return a cell as the column has its values: text of a form is turned into labels, numbers."""
    if value is None or value == "":
        return None
    if isinstance(column, CategoricalColumn):
        return next((label for label in column.labels if str(label) == str(value)), value)
    if column is not None and column.kind == "datetime":
        return _as_time(column.name, value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _as_time(name: str, value: Any) -> Any:
    import pandas as pd

    try:
        return pd.Timestamp(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name!r} must be a time; got {value!r}.") from error


def page_columns(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return how a page shows each learned column, as values by code and by number."""
    learned = [column for column in columns if column.num_codes]
    numbers = iter(range(len(learned), 2 * len(learned)))
    return [
        _page_column(column, place, next(numbers) if column.has_number else None)
        for place, column in enumerate(learned)
    ]


def _page_column(column: Column, place: int, number: int | None) -> dict[str, Any]:
    codes = np.arange(1, column.num_codes + 1)
    middle = np.zeros(len(codes)) if column.has_number else None
    record = {"name": column.name, "place": place, "values": _plain(column.decode(codes, middle))}
    if number is None:
        return record
    return {
        **record,
        "number": number,
        "number_code": column.number_code,
        "grid": _grid(column),
    }


def _grid(column: Column) -> dict[str, Any]:
    """Return the values of a number by what networks see of it.

    Where it takes few values these are steps, each with its upper end; else there are knots between
    which a page draws straight lines.
    """
    at = np.linspace(-_REACH, _REACH, _FINE)
    values = _plain(column.decode(np.full(_FINE, column.number_code), at))
    last = [i for i in range(_FINE) if i + 1 == _FINE or values[i] != values[i + 1]]
    if len(last) > _MOST_STEPS:
        chosen, steps = list(range(0, _FINE, (_FINE - 1) // (_KNOTS - 1))), False
    else:
        chosen, steps = last, True
    return {
        "steps": steps,
        "at": [round(float(at[i]), 4) for i in chosen],
        "values": [values[i] for i in chosen],
    }


def _plain(values: Any) -> list[Any]:
    return [plain_value(value) for value in list(values)]
