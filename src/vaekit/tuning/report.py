"""What a search found, and the files that show it: a page, and a table as CSV and Parquet."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from vaekit.autoencoder import Autoencoder
from vaekit.csv_text import frame_csv
from vaekit.errors import CompositionError
from vaekit.files import atomic_write
from vaekit.plots.style import ACCENT, DPI, FAINT, INK, LABEL_SIZE, PLAIN, bare_frame, plain_text
from vaekit.reports import figure_html, lines, render, table_row
from vaekit.storage.loading import load_model
from vaekit.tuning.objectives import Objective, TuningSettings
from vaekit.tuning.space import Choice, Integer, Range, Real
from vaekit.tuning.study import LOST, REASON, RETRY, RUNS, SharedStudy, seconds_of

BEST = "best"
_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}


@dataclass(frozen=True)
class TuningResult:
    """What a search found.

    Attributes:
        folder: Where everything is stored.
        objectives: What was searched for.
        trials: One row per trial: number, state, the objectives, the parameters as ``param NAME``,
            seconds, epochs, the reason of what ended otherwise, and ``retry_of``, the trial whose
            process was lost.
        best_number: Of the best trial; ``None`` of several objectives.
        best_params: Its parameters; empty if the default is best.
        front: Numbers of the trials that no other one dominates, at most 20; of one objective the
            best alone.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from vaekit import tune
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = tune(X, trials=2, minutes=1, options={"max_epochs": 2}, out=f"{folder}/t")
        ...     len(found.trials), found.best.sample(2).shape
        (2, (2, 3))
    """

    folder: Path
    objectives: tuple[Objective, ...]
    trials: pd.DataFrame = field(repr=False)
    best_number: int | None
    best_params: Mapping[str, Any]
    front: tuple[int, ...]

    @cached_property
    def best(self) -> Autoencoder:
        """The best model.

        Raises:
            CompositionError: There were several objectives, and so no single best one.
        """
        if self.best_number is None:
            raise CompositionError(
                f"of several objectives there is no best trial; take one of front, {self.front}, "
                "by load(NUMBER)."
            )
        model: Autoencoder = load_model(self.folder / BEST)
        return model

    def load(self, number: int) -> Autoencoder:
        """Return the model of a trial of `front`, trained without the held-out items.

        Args:
            number: Of the trial.

        Raises:
            CompositionError: Its run was not kept.
        """
        if number not in self.front:
            raise CompositionError(
                f"runs are kept of the best trials only, {self.front}; got {number}."
            )
        model: Autoencoder = load_model(self.folder / RUNS / f"{number:06d}")
        return model

    def value(self, number: int, objective: str | None = None) -> float:
        """Return an objective of a trial, NaN where it has none.

        Args:
            number: Of the trial.
            objective: Its name; ``None`` for the first.
        """
        name = self.objectives[0].name if objective is None else objective
        return float(self.trials.loc[self.trials["number"] == number, name].iloc[0])


def make_result(study: SharedStudy) -> TuningResult:
    """Return what is known by now."""
    settings, best = study.settings, study.best()
    single = settings.is_single and bool(best)
    return TuningResult(
        study.folder,
        settings.objectives,
        trials_table(study, settings),
        best[0].number if single else None,
        dict(best[0].params) if single else {},
        tuple(t.number for t in best),
    )


def trials_table(study: SharedStudy, settings: TuningSettings) -> pd.DataFrame:
    """Return one row per trial that has begun."""
    rows = []
    for trial in study.trials():
        if trial.state.name == "WAITING":
            continue
        lost = bool(trial.user_attrs.get(LOST))
        values = [float("nan")] * len(settings.objectives)
        if trial.state.name == "COMPLETE":  # a pruned one has its last validation loss there
            values = trial.values
        names = [objective.name for objective in settings.objectives]
        rows.append(
            {
                "number": trial.number,
                "state": "lost" if lost else _STATES[trial.state.name],
                **dict(zip(names, values, strict=True)),
                **{f"param {name}": trial.params.get(name) for name in settings.space},
                "seconds": trial.user_attrs.get("seconds", seconds_of(trial)),
                "epochs": trial.user_attrs.get("epochs"),
                "reason": trial.user_attrs.get(REASON, ""),
                "retry_of": trial.user_attrs.get(RETRY),
            }
        )
    frame = pd.DataFrame(rows, dtype=object)
    if frame.empty:
        return frame
    names = [objective.name for objective in settings.objectives]
    kinds = dict.fromkeys([*names, "seconds"], "float64")
    kinds |= dict.fromkeys(["number", "epochs", "retry_of"], "Int64")
    kinds |= dict.fromkeys(["state", "reason"], "str")
    kinds |= {f"param {name}": _dtype(known) for name, known in settings.space.items()}
    return frame.astype(kinds)


def _dtype(known: Range) -> str:
    if isinstance(known, Choice):
        return "Int64" if all(type(value) is int for value in known.values) else "object"
    return "Int64" if isinstance(known, Integer) else "float64"


PAGE, CSV, PARQUET = "index.html", "trials.csv", "trials.parquet"
FILES = (PAGE, CSV, PARQUET)

_REFIT = {
    None: "",
    True: "The best was then fitted anew to all data. ",
    False: "The best is kept as it was trained, without the items that were held out. ",
}
_PANEL = (2.9, 2.2)  # inches
_COLUMNS = 3


def write_report(
    folder: Path, found: TuningResult, settings: TuningSettings, refit: bool | None = None
) -> None:
    """Write page and tables, in the place of older ones.

    Args:
        folder: Of the search.
        found: What is known by now.
        settings: Options.
        refit: Whether the best was fitted anew to all data; ``None`` where there is no best.
    """
    atomic_write(folder / CSV, frame_csv(found.trials).encode())
    buffer = io.BytesIO()
    _columnar(found.trials).to_parquet(buffer, index=False)
    atomic_write(folder / PARQUET, buffer.getvalue())
    atomic_write(folder / PAGE, _page(found, settings, refit))


def _columnar(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the same with one type for each column, as Parquet has them."""
    mixed = [
        name
        for name in trials.columns
        if trials[name].dtype == object and len({type(v) for v in trials[name].dropna()}) > 1
    ]
    texts = {name: trials[name].map(lambda v: None if v is None else str(v)) for name in mixed}
    return trials.assign(**texts)


def summarize(found: TuningResult) -> list[str]:
    """Return sentences about what was found, how it compares with the default, and what failed.

    Args:
        found: The search.
    """
    trials = found.trials
    if trials.empty:
        return ["No trial has begun."]
    states = trials["state"].value_counts()
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    return [f"Trials: {counted}.", *_outcome(found), *_failures(trials)]


def _outcome(found: TuningResult) -> list[str]:
    if not found.front:
        return ["No trial has ended with a value."]
    if found.best_number is None:
        shown = ", ".join(map(str, found.front))
        return [f"No other trial is better in all objectives than any of {shown}."]
    (objective,) = found.objectives
    own = found.value(found.best_number)
    which = "lower" if objective.direction == "minimize" else "higher"
    best = f"Best: trial {found.best_number}, {objective.name} {own:.4g} ({which} is better)."
    default = found.trials[found.trials["state"] == "complete"]
    default = default[default.filter(like="param ").isna().all(axis=1)]
    if default.empty:
        return [best, "The default has no value to compare with."]
    usual = float(default[objective.name].iloc[0])
    if found.best_number == int(default["number"].iloc[0]):
        return [best, "That is the default: nothing better was found in this time."]
    return [best, f"The default has {usual:.4g}, on the same held-out items."]


def _failures(trials: pd.DataFrame) -> list[str]:
    failed = trials[trials["state"] == "failed"]
    reasons = failed.groupby("reason")["number"].agg(list)
    return [
        f"Failed: {', '.join(map(str, numbers))}: {reason}" for reason, numbers in reasons.items()
    ]


def draw_pictures(found: TuningResult, settings: TuningSettings) -> dict[str, Figure]:
    """Return the figures of the page by their captions.

    Args:
        found: The search.
        settings: Options.
    """
    if not found.front:
        return {}
    complete = found.trials[found.trials["state"] == "complete"]
    if len(found.objectives) > 1:
        caption = "Trials by two objectives; those that no other one dominates are red."
        drawn = {caption: _front(found)}
    else:
        caption = "Trials that ended with a value, the best in red; the line is the best so far."
        drawn = {caption: _history(found)}
    ranges = {n: r for n, r in settings.space.items() if complete[f"param {n}"].notna().any()}
    if ranges:
        caption = "The objective against each parameter, of the trials that ended with a value."
        drawn[caption] = _parameters(complete, ranges, found.objectives[0])
    return drawn


def _figure(panels: int) -> tuple[Figure, list[Axes]]:
    columns = min(_COLUMNS, panels)
    rows = -(-panels // columns)
    size = (max(_PANEL[0] * columns, 5.0), _PANEL[1] * rows + 0.2)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(panels)]
    for each in axes:
        bare_frame(each)
    return figure, axes


def _label(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(plain_text(x), fontsize=LABEL_SIZE, color=INK)
    axes.set_title(plain_text(y), loc="left", fontsize=LABEL_SIZE + 1, color=INK)


def _points(axes: Axes, x: Any, y: Any, color: str = PLAIN) -> None:
    axes.plot(x, y, "o", color=color, markersize=3.5, alpha=0.8, markeredgewidth=0)


def _history(found: TuningResult) -> Figure:
    figure, (axes,) = _figure(1)
    (objective,) = found.objectives
    complete = found.trials[found.trials["state"] == "complete"]
    best = np.minimum if objective.direction == "minimize" else np.maximum
    values = complete[objective.name].to_numpy(float)
    axes.step(complete["number"], best.accumulate(values), where="post", color=FAINT, zorder=0)
    _points(axes, complete["number"], values)
    marked = complete[complete["number"] == found.best_number]
    _points(axes, marked["number"], marked[objective.name], ACCENT)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    _label(axes, "trial", objective.name)
    _limit(axes, values, objective)
    return figure


def _limit(axes: Axes, values: Any, objective: Objective) -> None:
    """Leave out values so poor that the others could not be told apart."""
    if len(values) < 5:
        return
    low, high = np.quantile(values, (0.1, 0.9))
    slack = 1.5 * max(high - low, 1e-9)
    if objective.direction == "minimize":
        axes.set_ylim(top=min(values.max(), high + slack) + 0.05 * slack)
    else:
        axes.set_ylim(bottom=max(values.min(), low - slack) - 0.05 * slack)


def _front(found: TuningResult) -> Figure:
    figure, (axes,) = _figure(1)
    first, second = found.objectives[:2]
    complete = found.trials[found.trials["state"] == "complete"]
    marked = complete[complete["number"].isin(found.front)]
    _points(axes, complete[first.name], complete[second.name], FAINT)
    _points(axes, marked[first.name], marked[second.name], ACCENT)
    _label(axes, first.name, second.name)
    return figure


def _parameters(complete: pd.DataFrame, ranges: dict[str, Range], objective: Objective) -> Figure:
    figure, panels = _figure(len(ranges))
    for axes, (name, known) in zip(panels, ranges.items(), strict=True):
        rows = complete[complete[f"param {name}"].notna()]
        values = rows[objective.name].to_numpy(float)
        if isinstance(known, Choice):
            names = [str(value) for value in known.values]
            _points(axes, [names.index(str(v)) for v in rows[f"param {name}"]], values)
            axes.set_xticks(range(len(names)), [plain_text(n, 12) for n in names])
            axes.set_xlim(-0.5, len(names) - 0.5)
        else:
            _points(axes, rows[f"param {name}"].to_numpy(float), values)
            _scale(axes, known)
        _label(axes, name, objective.name)
        _limit(axes, values, objective)
    return figure


def _scale(axes: Axes, known: Range) -> None:
    """Show the whole range of numbers, with few numbers below."""
    assert isinstance(known, Integer | Real), "choices have names"
    low, high = float(known.low), float(known.high)
    if known.log:
        axes.set_xscale("log")
        slack = (high / low) ** 0.05
        axes.set_xlim(low / slack, high * slack)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0), numticks=6))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        slack = 0.05 * (high - low)
        axes.set_xlim(low - slack, high + slack)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=isinstance(known, Integer)))


def _page(found: TuningResult, settings: TuningSettings, refit: bool | None) -> bytes:
    head, rows = _table(found, settings)
    pictures = draw_pictures(found, settings)
    return render(
        "tuning",
        how=_how(found, settings, refit),
        summary=lines(Markup("<li>{}</li>").format(sentence) for sentence in summarize(found)),
        figures=lines(figure_html(caption, figure) for caption, figure in pictures.items()),
        head=Markup("").join(Markup("<th>{}</th>").format(cell) for cell in head),
        rows=lines(table_row(*row) for row in rows),
    )


def _table(
    found: TuningResult, settings: TuningSettings
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return a heading and a line for each trial, the best first."""
    names = [objective.name for objective in found.objectives]
    trials = found.trials
    if trials.empty:
        return ["trial"], []
    upward = found.objectives[0].direction == "minimize"
    trials = trials.sort_values(names[0], ascending=upward, na_position="last", kind="stable")
    used = [n for n in settings.space if trials[f"param {n}"].notna().any()]
    head = ["trial", "state", *names, *used, "seconds", "why"]
    rows = [
        (
            row["number"],
            row["state"],
            *(_shown(row[name]) for name in names),
            *(_shown(row[f"param {name}"]) for name in used),
            f"{row['seconds']:.1f}",
            _why(row),
        )
        for _, row in trials.iterrows()
    ]
    return head, rows


def _why(row: "pd.Series[Any]") -> str:
    again = "" if pd.isna(row["retry_of"]) else f"trial {row['retry_of']} again. "
    return f"{again}{row['reason']}"


def _shown(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _how(found: TuningResult, settings: TuningSettings, refit: bool | None) -> str:
    wanted: Sequence[str] = [f"{o.name} ({o.direction})" for o in found.objectives]
    pruned = "" if settings.prunes else "No trial was given up early. "
    return (
        f"Searched for: {'; '.join(wanted)}. Each model was trained without "
        f"{settings.held_out:.0%} of the data and judged by them. The first trial is the default. "
        f"{pruned}{_REFIT[refit]}The best of many trials looks a little better on these items than "
        "it is: judge it by data that were not given to the search."
    )
