"""An evaluation on the terminal: one table for each group."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from vaekit.cli.outputs import console
from vaekit.tasks import Evaluation
from vaekit.tasks.evaluation import Row

__all__ = ["print_evaluation"]


_TITLES: dict[str, Any] = {"title_justify": "left", "title_style": "bold"}


def print_evaluation(evaluation: Evaluation, title: str) -> None:
    """Print all rows, group by group; those of several sources side by side.

    Args:
        evaluation: What was measured.
        title: Above all.
    """
    console.print(title, highlight=False, style="bold")
    for group in dict.fromkeys(row.group for row in evaluation.measured):
        rows = evaluation.rows(group)
        plain, compared = ([row for row in rows if bool(row.source) == by] for by in (False, True))
        if plain or not compared:
            console.print(_plain_table(group, plain))
        if compared:
            console.print(_side_by_side(compared, "" if plain else group))
            _print_reasons(compared)


def _plain_table(group: str, rows: Sequence[Row]) -> Table:
    table = Table("measure", "value", "note", title=group, **_TITLES)
    table.columns[1].justify = "right"
    table.columns[1].no_wrap = True
    for row in rows:
        table.add_row(row.measure, _value(row), row.note)
    return table


def _side_by_side(rows: Sequence[Row], title: str) -> Table:
    """A line for each measure and a column for each source."""
    sources = list(dict.fromkeys(row.source for row in rows))
    values = {row.name: _value(row) for row in rows}
    table = Table("measure", *sources, title=title or None, **_TITLES)
    for column in table.columns[1:]:
        column.justify = "right"
    for measure in dict.fromkeys(row.measure for row in rows):
        names = [Row(measure, None, source=source).name for source in sources]
        table.add_row(measure, *(values.get(name, "–") for name in names))
    return table


def _print_reasons(rows: Sequence[Row]) -> None:
    """Why values are missing, each reason once."""
    missing = [row for row in rows if row.value is None]
    for measure, note in dict.fromkeys((row.measure, row.note) for row in missing):
        console.print(f"{measure}: {note}", highlight=False, markup=False)


def _value(row: Row) -> str:
    if row.value is None:
        return "–"
    number = str(row.value) if isinstance(row.value, int) else f"{row.value:.4g}"
    text = f"{number} {row.unit}".rstrip()
    if row.interval is None:
        return text
    half = row.interval[1] - row.value
    return f"{row.value:.5g} ± {half:.2g} {row.unit}"
