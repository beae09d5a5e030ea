"""A comparison as a folder: one page, a table and everything as JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from vaekit.comparison.benchmark import ASKED, EDITING, SAMPLED_AT_ONCE, BenchmarkRun
from vaekit.comparison.models import Comparison
from vaekit.csv_text import rows_csv
from vaekit.files import to_json
from vaekit.plots.charts import Panel, tradeoff_curves
from vaekit.plots.images import image_sheets
from vaekit.reports import check_folder, lines, picture_html, render, table_row, write_folder


@dataclass(frozen=True)
class Question:
    """One thing to compare models by.

    Attributes:
        title: In a word or two.
        best: What the best model is said to do, after its name.
        cost: What a trial's model costs, where the question is not answered by a score.
        lower: Whether lower is better.
        digits: Decimals shown.
        note: What the number is.
        measure: Its name among the scores, where it is one of them.
    """

    title: str
    best: str
    cost: Callable[[BenchmarkRun], float | None] = lambda run: None
    lower: bool = False
    digits: int = 2
    note: str = ""
    measure: str = ""

    def of(self, comparison: Comparison, model: str) -> list[float]:
        """Return the values of a model, one for each seed; empty where it has none."""
        if self.measure:
            return comparison.values(model, self.measure)
        return [v for run in comparison.of(model) if (v := self.cost(run)) is not None]


def _sampling(run: BenchmarkRun) -> float | None:
    return run.scores[-1].sampling_seconds if run.scores else None


def _latency(run: BenchmarkRun) -> float | None:
    return None if run.latency is None else 1000 * run.latency


def _size(run: BenchmarkRun) -> float | None:
    return None if run.parameters is None else run.parameters / 1e6


QUESTIONS = (
    Question(
        "quality",
        "has the samples closest to real items",
        measure="Frechet distance, samples",
        lower=True,
        note="Frechet distance of samples; lower is closer",
    ),
    Question(
        "diversity",
        "covers most of the kinds of items that there are",
        measure="coverage, samples",
        note="coverage: share of real items with a sample near",
    ),
    Question(
        "recall",
        "could have made most of the real items",
        measure="recall, samples",
        note="recall: share of real items among the samples",
    ),
    Question(
        "sharpness",
        "is nearest to the sharpness of real images",
        measure="sharpness, samples",
        note="fine detail of samples, 1 for real images",
    ),
    Question(
        "reconstruction",
        "gives items back most faithfully",
        measure="Frechet distance, reconstructions",
        lower=True,
        note="Frechet distance of reconstructions",
    ),
    Question(
        "control",
        "changes the label of an item most reliably",
        measure=EDITING,
        note="share of items that show another label after an edit towards it",
    ),
    Question(
        "as asked",
        "makes most reliably what was asked for",
        measure=ASKED,
        note="share of samples that fit their own context better than those of nine other items, "
        "as a judge that learned from real items sees it",
    ),
    Question(
        "sampling",
        "samples fastest",
        _sampling,
        lower=True,
        note="CPU seconds for 1,000 samples",
    ),
    Question(
        "latency",
        "answers first when one sample is asked for",
        _latency,
        lower=True,
        digits=1,
        note="milliseconds for one sample",
    ),
    Question(
        "memory",
        "needs the least memory to sample",
        lambda run: run.megabytes,
        lower=True,
        digits=1,
        note=f"megabytes while {SAMPLED_AT_ONCE} samples are made at once",
    ),
    Question("size", "is the smallest", _size, lower=True, note="millions of parameters"),
)
"""What models are compared by."""


def summarize(comparison: Comparison) -> list[str]:
    """Sentences about who is best at what, how sure that is, and what went wrong.

    A model is called best only if all its seeds are better than all seeds of every other one.

    Args:
        comparison: What was found.
    """
    sentences = [_answer(comparison, question) for question in QUESTIONS]
    return [s for s in sentences if s] + _failures(comparison) + _spread(comparison)


def _answer(comparison: Comparison, question: Question) -> str:
    values = {model: question.of(comparison, model) for model in comparison.models}
    known = {model: found for model, found in values.items() if found}
    if not known:
        return _unanswered(comparison, question)
    if question.title == "sharpness":  # best is what is nearest to real, not the largest
        known = {model: [abs(v - 1) for v in found] for model, found in known.items()}
    sign = 1 if question.lower or question.title == "sharpness" else -1
    order = sorted(known, key=lambda model: sign * median(known[model]))
    shown = ", ".join(f"{model} {median(values[model]):.{question.digits}f}" for model in order)
    lacking = [model for model in values if not values[model]]
    missing = f" Not available: {', '.join(lacking)}." if lacking else ""
    return (
        f"{question.title.capitalize()}: {_best(known, order, sign, question)} ({shown}).{missing}"
    )


def _unanswered(comparison: Comparison, question: Question) -> str:
    """Why no model has an answer; nothing where it is not a question of these data."""
    reasons = [
        score.missing[question.measure]
        for run in comparison.runs
        for score in run.scores[-1:]
        if question.measure in score.missing
    ]
    return f"{question.title.capitalize()}: not measured. {reasons[0]}" if reasons else ""


def _best(known: dict[str, list[float]], order: list[str], sign: int, question: Question) -> str:
    first, others = order[0], order[1:]
    if not others:
        return f"only {first} can be judged"
    worst = max(sign * v for v in known[first])
    rivals = [m for m in others if min(sign * v for v in known[m]) <= worst]
    if rivals:
        return f"no clear winner between {first} and {' and '.join(rivals)}"
    return f"{first} {question.best}"


def _failures(comparison: Comparison) -> list[str]:
    failed = [run for run in comparison.runs if run.failure]
    return [f"Failed: {run.model} with seed {run.seed}: {run.failure}" for run in failed]


def _spread(comparison: Comparison) -> list[str]:
    """Stability: how much the quality depends on the seed."""
    spreads = {}
    for model in comparison.models:
        values = comparison.values(model, "Frechet distance, samples")
        if len(values) > 1:
            spreads[model] = (max(values) - min(values)) / median(values)
    if not spreads:
        return ["Stability: unknown, as there was one seed only."]
    shown = ", ".join(
        f"{m} {100 * s:.0f} %" for m, s in sorted(spreads.items(), key=lambda p: p[1])
    )
    return [f"Stability: range of the Frechet distance over seeds, of its median: {shown}."]


_MEASURES = ("Frechet distance", "coverage", "sharpness")
PICTURES = {
    "samples": "Real items that no model was trained on, and samples of each, not chosen.",
    "training": "Scores against the time of training; one line for each seed.",
    "sampling": "Quality against the time that 1,000 samples take; of models that sample in steps "
    "one point for each number of steps.",
    "losses": "What each training minimised, epoch by epoch; scales differ from model to model.",
}
"""Names of files without their ending, and what they show."""


def draw_pictures(found: Comparison) -> dict[str, Figure]:
    """Return those of `PICTURES` that the data and the results allow, by name."""
    finished = [run for run in found.runs if run.failure is None]
    if not finished:
        return {}
    drawn = {
        "training": _training(found),
        "sampling": _sampling_panel(found),
        "losses": _losses(found),
    }
    if found.are_images:
        drawn["samples"] = _samples(found, finished)
    return {name: drawn[name] for name in PICTURES if name in drawn}


def _samples(found: Comparison, finished: list[BenchmarkRun]) -> Figure:
    first = {run.model: run.samples for run in reversed(finished)}
    sheets = {model: first[model] for model in found.models if model in first}
    return image_sheets({"real items": found.examples, **sheets}, columns=12)


def _training(found: Comparison) -> Figure:
    return tradeoff_curves(
        [
            Panel(
                _curves(found, f"{measure}, samples"),
                "training, s",
                measure,
                found.floor.get(f"{measure}, samples"),
                log_x=True,
            )
            for measure in _MEASURES
            if f"{measure}, samples" in found.floor
        ]
    )


def _curves(found: Comparison, measure: str) -> dict[str, list[tuple[list[float], list[float]]]]:
    curves = {}
    for model in found.models:
        rows = [[s for s in t.scores if measure in s.values] for t in found.of(model)]
        curves[model] = [
            ([s.seconds for s in row], [s.values[measure] for s in row]) for row in rows
        ]
    return curves


def _sampling_panel(found: Comparison) -> Figure:
    measure = "Frechet distance, samples"
    curves = {}
    for model in found.models:
        rows = [run.by_steps or run.scores[-1:] for run in found.of(model)]
        known = [[s for s in row if s.sampling_seconds and measure in s.values] for row in rows]
        curves[model] = [
            ([s.sampling_seconds or 0.0 for s in row], [s.values[measure] for s in row])
            for row in known
        ]
    panel = Panel(
        curves,
        "CPU s for 1,000 samples",
        "Frechet distance",
        found.floor.get(measure),
        log_x=True,
    )
    return tradeoff_curves([panel])


def _losses(found: Comparison) -> Figure:
    panels = []
    for model in found.models:
        runs = [run for run in found.of(model) if run.history]
        terms = _shown_terms(runs[0].history[0]) if runs else []
        panels += [
            Panel(_history(runs, term, model), "epoch", f"{model}: {term}") for term in terms
        ]
    return tradeoff_curves(panels)


def _shown_terms(row: Mapping[str, float]) -> list[str]:
    """The loss; of models without one, such as adversarial ones, what each side minimised."""
    return ["loss"] if "loss" in row else [name for name in ("generator", "critic") if name in row]


def _history(
    runs: list[BenchmarkRun], term: str, model: str
) -> dict[str, list[tuple[list[float], list[float]]]]:
    rows = [run.history for run in runs]
    return {model: [([r["epoch"] for r in h], [r[term] for r in h]) for h in rows]}


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
        _JSON: to_json({**notes, "verdict": summarize(found), **found.to_json()}),
    }
    write_folder(path, files, pictures)
    return [*files, *(f"{name}.png" for name in pictures)]


def table(found: Comparison) -> list[tuple[str, ...]]:
    """Return a heading, and a line for each question: medians over seeds, with their range."""
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
    """Return one row for each score of each trial."""
    rows = []
    for run in found.runs:
        for kind, scores in (("training", run.scores), ("steps", run.by_steps)):
            for score in scores:
                rows.append({"model": run.model, "seed": run.seed, "kind": kind} | score.to_json())
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["model"]
    return rows_csv(names, ([row.get(name, "") for name in names] for row in rows))


def _page(found: Comparison, pictures: list[str]) -> bytes:
    head, *rows = table(found)
    return render(
        "comparison",
        summary=lines(Markup("<li>{}</li>").format(sentence) for sentence in summarize(found)),
        head=Markup("").join(Markup("<th>{}</th>").format(cell) for cell in head),
        rows=lines(table_row(*row) for row in rows),
        figures=lines(picture_html(PICTURES[name], f"{name}.png") for name in pictures),
        how=_how(found),
    )


def _how(found: Comparison) -> str:
    trained_on, held_out = found.items
    settings = found.settings
    return (
        f"Each model was trained on {trained_on} items for {settings.minutes:g} minutes, with "
        f"{settings.seeds} seed(s). Samples were compared with real items among {held_out} that "
        f"no model was trained on, by {found.features}. Numbers are medians over seeds, with the "
        "range. What holds for these data and this time need not hold for others: run it on yours."
    )
