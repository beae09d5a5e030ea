"""``vaekit describe``: what a file is taken for, before any training."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from vaekit.console.files import console, read_data
from vaekit.console.options import DATA_HELP
from vaekit.errors import DataError
from vaekit.reading import examine_table, is_table_file
from vaekit.reading.records import Reading, current_options


@dataclass(frozen=True)
class ColumnDescription:
    """What a column is taken for.

    Attributes:
        name: Its name.
        kind: What a model would learn: number, category, datetime, constant, key or text.
        read_as: How its text was read; the stored type where the file says it.
        summary: Its values, in a few words.
        missing: Cells without a value.
        left_out: Whether a model would not learn it.
        note: What was guessed, or which cell is strange; empty if nothing.
    """

    name: str
    kind: str
    read_as: str
    summary: str
    missing: int
    left_out: bool
    note: str


@dataclass(frozen=True)
class TableDescription:
    """What a table is taken for.

    Attributes:
        rows: How many there are.
        columns: One description for each.
        dialect: What the text of the file looks like; empty for stored types.
        notes: What was left out, renamed or guessed of the whole file.
    """

    rows: int
    columns: tuple[ColumnDescription, ...]
    dialect: dict[str, str]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def describe_table(data: Any, scale: str = "quantiles") -> TableDescription:
    """Tell what each column of a table would be taken for, without training.

    Args:
        data: A data frame, or a path to a table.
        scale: As of `TableDomain`.

    Raises:
        DataError: The file cannot be read.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"id": range(40), "size": [1.5, None, 2.5, 4.0] * 10})
        >>> [(c.name, c.kind, c.missing) for c in describe_table(frame).columns]
        [('id', 'key', 0), ('size', 'number', 10)]
    """
    if isinstance(data, str | Path):
        found = examine_table(data)
        return _describe(found.to_pandas(), found, scale)
    return _describe(data, None, scale)


def _describe(frame: Any, found: Reading | None, scale: str) -> TableDescription:
    from vaekit.tables.infer import learn_column  # late, as it takes what help need not wait for

    read = {} if found is None else {c.name: c for c in found.columns}
    columns = []
    for place, name in enumerate(frame.columns):
        values, reading = frame.iloc[:, place], read.get(name)
        note = reading.note if reading else ""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                column = learn_column(values, current_options().kinds.get(str(name)), scale)
                kind, summary, left_out = column.kind, column.summary, column.num_codes == 0
            except DataError as error:
                kind, summary, left_out, note = "refused", str(error), True, str(error)
        if said and not note:
            note = str(said[0].message)
        as_text = reading is not None and reading.format is not None
        columns.append(
            ColumnDescription(
                str(name),
                kind,
                reading.format.summary if as_text else str(values.dtype),  # type: ignore[union-attr]
                summary,
                int(values.isna().sum()),
                left_out,
                note,
            )
        )
    return TableDescription(
        len(frame),
        tuple(columns),
        {} if found is None else dict(found.dialect),
        () if found is None else found.notes,
    )


def describe(
    data: Annotated[str, typer.Argument(help=DATA_HELP)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say what a file is taken for, before any training: columns, kinds, what is missing.

    Examples:

    vaekit describe people.csv

    vaekit describe people.csv --kind zip=category --json
    """
    path = Path(data).expanduser()
    if path.is_file() and is_table_file(path):
        found = describe_table(path)
    else:
        items = read_data(data)
        if not hasattr(items, "columns"):
            _print_array(items, as_json=as_json)
            return
        found = describe_table(items)
    if as_json:
        console.print_json(json.dumps(found.to_json()))
        return
    _print(found, data)


def _print_array(items: Any, *, as_json: bool) -> None:
    sizes = list(items.shape[1:])
    facts = {"items": len(items), "shape": sizes, "dtype": str(items.dtype)}
    if as_json:
        console.print_json(json.dumps(facts))
    else:
        shape = " x ".join(map(str, sizes))
        console.print(f"{len(items)} items of {shape} values, {items.dtype}", highlight=False)


_MOST_SHOWN = 1000
"""Columns of a table that is printed: to lay out 30,000 takes a minute, and nobody reads on."""


def _print(found: TableDescription, data: str) -> None:
    table = Table(title=f"{data}: {found.rows} rows", title_justify="left")
    for heading in ("column", "kind", "read as", "values", "missing"):
        table.add_column(heading, overflow="fold")
    for column in found.columns[:_MOST_SHOWN]:
        kind = f"{column.kind} (left out)" if column.left_out else column.kind
        missing = str(column.missing) if column.missing else ""
        table.add_row(column.name, kind, column.read_as, column.summary, missing)
    if found.dialect:
        told = ", ".join(f"{name} {value}" for name, value in found.dialect.items())
        console.print(told, highlight=False)
    console.print(table)
    if (more := len(found.columns) - _MOST_SHOWN) > 0:
        console.print(f"and {more} more columns; --json shows all.", highlight=False)
    for note in (*found.notes, *(f"{c.name}: {c.note}" for c in found.columns if c.note)):
        console.print(f"note: {note}", highlight=False)
