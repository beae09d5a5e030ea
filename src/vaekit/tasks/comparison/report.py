"""A comparison as a folder: one page, a table and everything as JSON."""

import csv
import html
import io
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from statistics import median
from string import Template
from typing import Any

from vaekit.files import to_json
from vaekit.tasks.comparison.pictures import PICTURES, draw_pictures
from vaekit.tasks.comparison.result import Comparison
from vaekit.tasks.comparison.verdict import QUESTIONS, Question, verdict
from vaekit.tasks.report import check_folder, write_folder

__all__ = ["check_comparison_folder", "table", "write_comparison"]

_PAGE, _CSV, _JSON = "index.html", "comparison.csv", "comparison.json"


def check_comparison_folder(path: Path) -> None:
    """Refuse a place that holds something else.

    Raises:
        SaveError: Neither new, nor empty, nor an older comparison and nothing else.
    """
    files = {_PAGE, _CSV, _JSON, *(f"{name}.png" for name in PICTURES)}
    check_folder(path, files, "an older comparison")


def write_comparison(path: Path, found: Comparison, notes: Mapping[str, Any]) -> list[str]:
    """Write page, table, JSON and pictures in one rename.

    Args:
        path: The folder; an older comparison there is replaced.
        found: What was found.
        notes: What else is worth keeping, as JSON: versions, for instance.

    Returns:
        Names of the files.

    Raises:
        SaveError: The disk is full, or the folder holds something else.
    """
    check_comparison_folder(path)
    pictures = draw_pictures(found)
    files = {
        _PAGE: _page(found, list(pictures)),
        _CSV: _csv(found),
        _JSON: to_json({**notes, "verdict": verdict(found), **found.to_json()}),
    }
    write_folder(path, files, pictures)
    return [*files, *(f"{name}.png" for name in pictures)]


def table(found: Comparison) -> list[tuple[str, ...]]:
    """A heading, and a line for each question: medians over seeds, with their range."""
    lines = [("", *found.models, "real items")]
    for question in QUESTIONS:
        cells = [_cell(question, question.of(found, model)) for model in found.models]
        real = found.floor.get(question.measure)
        lines.append((question.note, *cells, "" if real is None else f"{real:.2f}"))
    return lines


def _cell(question: Question, values: list[float]) -> str:
    if not values:
        return "not available"
    shown = [f"{value:.{question.digits}f}" for value in (median(values), min(values), max(values))]
    return shown[0] if len(values) == 1 else f"{shown[0]} ({shown[1]} to {shown[2]})"


def _csv(found: Comparison) -> bytes:
    """One row for each score of each trial."""
    rows = []
    for trial in found.trials:
        for kind, scores in (("training", trial.scores), ("steps", trial.by_steps)):
            for score in scores:
                rows.append(
                    {"model": trial.model, "seed": trial.seed, "kind": kind} | score.to_json()
                )
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["model"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _page(found: Comparison, pictures: list[str]) -> bytes:
    template = resources.files("vaekit.tasks.comparison") / "page.html"
    head, *lines = table(found)
    figures = [
        f'<figure><img src="{name}.png" alt="{html.escape(PICTURES[name])}">'
        f"<figcaption>{html.escape(PICTURES[name])}</figcaption></figure>"
        for name in pictures
    ]
    page = Template(template.read_text("utf-8")).substitute(
        verdict="\n".join(f"<li>{html.escape(sentence)}</li>" for sentence in verdict(found)),
        head="".join(f"<th>{html.escape(cell)}</th>" for cell in head),
        rows="\n".join(_row(line) for line in lines),
        figures="\n".join(figures),
        how=html.escape(_how(found)),
    )
    return page.encode()


def _row(line: tuple[str, ...]) -> str:
    name, *cells = (html.escape(cell) for cell in line)
    return f"<tr><th>{name}</th>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _how(found: Comparison) -> str:
    trained_on, held_out = found.items
    settings = found.settings
    return (
        f"Each model was trained on {trained_on} items for {settings.minutes:g} minutes, with "
        f"{settings.seeds} seed(s). Samples were compared with real items among {held_out} that "
        f"no model was trained on, by {found.features}. Numbers are medians over seeds, with the "
        "range. What holds for these data and this time need not hold for others: run it on yours."
    )
