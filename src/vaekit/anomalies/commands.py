"""``vaekit anomalies`` and ``vaekit score``: items scored a piece at a time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import lazy_loader
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from vaekit import anomalies as anomalies_lib
from vaekit import domains, presets, storage
from vaekit.console.files import check_frame_path, console, frame_stream, read_data, write_frame
from vaekit.console.options import DATA_HELP
from vaekit.console.outputs import ForceOption, check_outputs
from vaekit.errors import DataError, SpecError
from vaekit.files import atomic_write
from vaekit.registry import get

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_loader.load("numpy")


Floats = Any

_MOST_FOUND, _FEWEST, _EVENTS_SHOWN = 50, 20, 20


@dataclass(frozen=True)
class Scored:
    """What was found.

    Attributes:
        scores: Of all items.
        threshold: Those above it are flagged.
        found: The most unusual flagged items, at most 50, the most unusual first.
        drift: How they differ from those of training; ``None`` where they are those.
        how: What was done, in a sentence.
    """

    scores: Floats
    threshold: float
    found: Sequence[anomalies_lib.FlaggedItem]
    drift: anomalies_lib.Drift | None
    how: str


def write_scored(
    judge: anomalies_lib.VAEDetector,
    pieces: Iterator[Any],
    write: Callable[[Any], None],
    reasons: int,
    known: Floats | None = None,
) -> Scored:
    """Score, explain and write.

    Args:
        judge: What scores.
        pieces: The items.
        write: Takes a data frame for each piece.
        reasons: For each flagged row, at most.
        known: The scores of a single piece, where they are known already.
    """
    run = _ScoredRun(judge, write, reasons)
    with _progress() as progress:
        task = progress.add_task("scoring")
        for piece in pieces:
            run.take(piece, known)
            progress.update(task, description=f"scored {run.count} items")
    return run.result()


class _ScoredRun:
    """The state of a pass over the pieces: everything but the scores is bounded."""

    def __init__(
        self, judge: anomalies_lib.VAEDetector, write: Callable[[Any], None], reasons: int
    ) -> None:
        self.judge, self.write, self.reasons = judge, write, reasons
        self.scores: list[Floats] = []
        self.count = 0
        self.best: list[tuple[float, int, anomalies_lib.FlaggedItem]] = []
        self.sample: anomalies_lib.Memory | None = None

    def take(self, piece: Any, known: Floats | None) -> None:
        """Score and write a piece."""
        scores = known if known is not None else self._scored(piece)
        flagged = scores > -self.judge.offset_
        why = self._reasons(piece, flagged)
        for place in np.flatnonzero(flagged):
            self._remember(piece, int(place), float(scores[place]), why.get(int(place), []))
        sure = self.judge.detector_.probabilities(scores)
        self.write(_frame(piece, self.count, scores, sure, flagged, why))
        self.scores.append(scores)
        self.count += len(scores)

    def _scored(self, piece: Any) -> Floats:
        """Return scores; of some of the items the rows are kept, to be compared with training."""
        try:
            rows = self.judge.autoencoder_.domain_.prepare(piece)
        except DataError as error:
            message = f"in the items from number {self.count} on: {error}"
            raise type(error)(message) from error
        old, seed = self.sample, self.count
        self.sample = (
            anomalies_lib.Memory.of(rows, seed) if old is None else old.with_more(rows, seed)
        )
        return self.judge.detector_.score_rows(rows)

    def _reasons(self, items: Any, flagged: Any) -> dict[int, list[anomalies_lib.Reason]]:
        positions = np.flatnonzero(flagged)
        is_rows = domains.is_frame(items) or np.ndim(items) == 2
        has_reasons = is_rows or self.judge.detector_.localizes
        if not (self.reasons and has_reasons and len(positions)):
            return {}
        found = self.judge.explain(_some(items, positions), self.reasons)
        return dict(zip(positions.tolist(), found, strict=True))

    def _remember(
        self, items: Any, place: int, score: float, why: list[anomalies_lib.Reason]
    ) -> None:
        """Keep the most unusual ones."""
        item = items.iloc[[place]] if domains.is_frame(items) else np.asarray(items[place])
        one = anomalies_lib.FlaggedItem(self.count + place, score, why, item)
        add = heapq.heappush if len(self.best) < _MOST_FOUND else heapq.heappushpop
        add(self.best, (score, -one.place, one))

    def result(self) -> Scored:
        """Return all that was found."""
        if not self.scores:
            raise DataError("the data must have at least one item; got none.")
        scores = np.concatenate(self.scores)
        found = [one for _, _, one in sorted(self.best, key=lambda entry: entry[:2], reverse=True)]
        return Scored(scores, -self.judge.offset_, found, self._drift(scores), self._how())

    def _drift(self, scores: Floats) -> anomalies_lib.Drift | None:
        if self.sample is None or len(scores) < _FEWEST:
            return None
        return self.judge.detector_.drift(self.sample.rows, scores, self.judge.held_out_)

    def _how(self) -> str:
        learned = len(self.judge.decision_scores_)
        return f"Scores of {self.count} items by a model that learnt from {learned}."


def _some(items: Any, positions: Any) -> Any:
    return items.iloc[positions] if domains.is_frame(items) else np.asarray(items)[positions]


def _frame(
    items: Any,
    first: int,
    scores: Floats,
    sure: Floats,
    flagged: Any,
    why: dict[int, list[anomalies_lib.Reason]],
) -> Any:
    """Return the items, where they are a table, and behind them what was found."""
    import pandas as pd

    words = [
        "; ".join(map(anomalies_lib.reason_words, why.get(place, [])))
        for place in range(len(scores))
    ]
    found = pd.DataFrame(
        {
            "anomaly_score": scores,
            "anomaly_probability": sure,
            "is_anomaly": flagged,
            "reasons": words,
        }
    )
    if domains.is_frame(items):
        return pd.concat([items.reset_index(drop=True), found], axis=1)
    found.insert(0, "item", np.arange(first, first + len(scores)))
    return found


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True
    )


_SHOWN = 10


def anomalies(
    data: Annotated[str, typer.Argument(help=f"What to search. {DATA_HELP}")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File to write: .csv or .parquet.")
    ] = Path("scored.csv"),
    normal: Annotated[
        str | None,
        typer.Option(help="Data that are known to be normal, to learn from in place of these."),
    ] = None,
    detector: Annotated[
        Path | None,
        typer.Option(help="A detector that --save kept, in place of learning one."),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Folder to keep the detector in.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Page to write (.html), with pictures and reasons.")
    ] = None,
    contamination: Annotated[
        float | None, typer.Option(help="Share of anomalies to flag, above 0, at most 0.5.")
    ] = None,
    false_alarm_rate: Annotated[
        float | None,
        typer.Option(help="Share of normal items that may be flagged; needs --normal."),
    ] = None,
    method: Annotated[
        str, typer.Option(help="auto, or a name of vaekit.anomalies.SCORES.")
    ] = "auto",
    reasons: Annotated[int, typer.Option(min=0, help="Reasons of each flagged item, at most.")] = 3,
    window: Annotated[
        str | None,
        typer.Option(
            help="The rows are steps of one series: how many to look at together, or auto."
        ),
    ] = None,
    time: Annotated[str | None, typer.Option(help="The column of times, with --window.")] = None,
    rows: Annotated[
        int, typer.Option(min=1, help="Items in memory at a time, with --detector.")
    ] = 10_000,
    preset: Annotated[str, typer.Option(help="The model to train; auto for what suits.")] = "auto",
    max_epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the items.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    force: ForceOption = False,
) -> None:
    """Score how unusual items are, flag anomalies, and say why.

    Learns from the data themselves, in which anomalies are expected, or with --normal from data
    that are known to be normal. Writes a score for each item (how rare it is, in nats), how sure
    it is that it is unusual, whether it is flagged, and for flagged rows of tables the columns
    that make it so, with what was expected there; for flagged images of 48 pixels a side or more
    the regions that do. A detector that is kept scores files of any
    length, a piece at a time, and says if they are no longer as what it learned from.

    Examples:

    vaekit anomalies payments.csv -o scored.csv --report anomalies.html

    vaekit anomalies payments.csv --contamination 0.01 --reasons 5

    vaekit anomalies today.csv --normal last-year.csv --false-alarm-rate 0.01 --save guard

    vaekit anomalies tomorrow.csv --detector guard -o tomorrow-scored.csv

    vaekit anomalies sensor.csv --window auto -o steps.csv --report events.html
    """
    _check(normal, detector, save, report, false_alarm_rate, contamination)
    check_frame_path(out)
    check_outputs({"--out": out, "--report": report}, (data, normal, detector), force=force)
    if detector is not None:
        judge = anomalies_lib.load_detector(detector)
    else:
        judge = anomalies_lib.VAEDetector(
            "auto" if contamination is None else contamination,
            novelty=normal is not None,
            false_alarm_rate=false_alarm_rate,
            method=method,
            preset="auto" if preset == "auto" else presets.choose_preset(preset, {}),
            domain="auto" if window is None else series_domain(window, time),
            max_epochs=max_epochs,
            seed=seed,
        )
    learned_from = None if detector is not None else normal or data
    if window is not None or (detector is not None and judge.steps_ is not None):
        asked = _fitted_on(judge, learned_from, data)
        write_series(judge, asked, learned_from == data, out, report)
    else:
        _search_items(judge, data, learned_from, out, report, rows, reasons)
    if save is not None:
        judge.save(save)
        console.print(f"wrote {save}", highlight=False)


def _fitted_on(judge: anomalies_lib.VAEDetector, learned_from: str | None, data: str) -> Any:
    """The data asked about, once the detector has learned, if there is something to learn from."""
    if learned_from is not None and Path(learned_from).is_dir():
        judge.fit(learned_from)  # which tells how the files of another folder have to be read
        return _items_of(data, judge)
    asked = _items_of(data, judge) if learned_from is None else read_data(data)
    if learned_from is not None:
        judge.fit(asked if learned_from == data else read_data(learned_from))
    return asked


def _search_items(
    judge: anomalies_lib.VAEDetector,
    data: str,
    learned_from: str | None,
    out: Path,
    report: Path | None,
    rows: int,
    reasons: int,
) -> None:
    with frame_stream(out) as write:
        if learned_from is None:
            scored = write_scored(judge, _pieces(data, judge, rows), write, reasons)
        else:
            asked = _fitted_on(judge, learned_from, data)
            is_training = learned_from == data
            known = judge.decision_scores_ if is_training else -judge.score_samples(asked)
            scored = write_scored(judge, iter([asked]), write, reasons, known)
    _print(scored)
    if learned_from is not None and judge.method == "auto":
        console.print(f"scored by {judge.method_!r}, which suits such data", highlight=False)
    if report is not None:
        page = anomalies_lib.report_page(
            judge.detector_, scored.scores, -judge.offset_, scored.found, scored.how
        )
        atomic_write(report, page)
        console.print(f"wrote {report}", highlight=False)


def _check(
    normal: str | None,
    detector: Path | None,
    save: Path | None,
    report: Path | None,
    false_alarm_rate: float | None,
    contamination: float | None,
) -> None:
    """Refuse what does not go together, before anything is trained."""
    if detector is not None and (normal or false_alarm_rate or contamination):
        raise SpecError(
            "--detector was fitted before: it takes no --normal, --contamination or "
            "--false-alarm-rate. Leave them out, or leave --detector out."
        )
    if false_alarm_rate is not None and normal is None:
        raise SpecError("--false-alarm-rate needs --normal: items that are known to be normal.")
    if report is not None and report.suffix != ".html":
        raise SpecError(f"--report must end in .html; got {str(report)!r}.")
    if save is not None:
        storage.check_destination(save)


def _items_of(data: str, judge: anomalies_lib.VAEDetector) -> Any:
    """Return the items, those of a folder as the detector learned to read them."""
    return read_data(data, judge.autoencoder_.domain_ if Path(data).is_dir() else None)


def _pieces(data: str, judge: anomalies_lib.VAEDetector, rows: int) -> Iterator[Any]:
    """Return the items, a piece at a time; columns of labels as text, as they were in training."""
    if not Path(data).is_file():
        return iter([_items_of(data, judge)])
    texts = judge.autoencoder_.domain_.reading_types()
    return domains.read_pieces(data, rows, texts)


def _print(scored: Scored) -> None:
    flagged = int(np.sum(scored.scores > scored.threshold))
    table = Table("item", "score", "why", title=f"{flagged} of {len(scored.scores)} flagged")
    for one in scored.found[:_SHOWN]:
        table.add_row(
            str(one.place),
            f"{one.score:.2f}",
            "; ".join(map(anomalies_lib.reason_words, one.reasons)),
        )
    console.print(table)
    if scored.drift is not None:
        console.print(str(scored.drift), highlight=False)


def series_domain(window: str, time: str | None) -> domains.Domain:
    """Return the domain of a window's length, or of "auto".

    Raises:
        SpecError: Neither.
    """
    if window != "auto" and not window.isdigit():
        raise SpecError(f"--window must be a whole number of steps or auto; got {window!r}.")
    make: Callable[..., domains.Domain] = get("domains", "series")
    return make(window=window if window == "auto" else int(window), time=time)


def write_series(
    judge: anomalies_lib.VAEDetector, series: Any, is_training: bool, out: Path, report: Path | None
) -> None:
    """Write the series with scores and events, and print the events.

    Args:
        judge: Fitted, on series.
        series: An array, or a data frame with a row for each step.
        is_training: Whether it is what the detector learned from.
        out: Ends in .csv or .parquet.
        report: A page to write.
    """
    steps = judge.steps_of()
    scores = steps.training if is_training else judge.step_scores(series)
    events = judge.events(series)
    write_frame(out, _step_frame(series, scores, events))
    table = Table("from", "to", "peak", "score", "channels", title=f"{len(events)} events")
    for event in sorted(events, key=lambda e: -e.score)[:_EVENTS_SHOWN]:
        channels = ", ".join(map(str, event.channels))
        table.add_row(
            str(event.start), str(event.end - 1), str(event.peak), f"{event.score:.2f}", channels
        )
    console.print(table)
    if report is not None:
        atomic_write(report, steps.report_page(series, scores, events))
        console.print(f"wrote {report}", highlight=False)


def _step_frame(series: Any, scores: Floats, events: Sequence[anomalies_lib.AnomalousEvent]) -> Any:
    import pandas as pd

    number = np.zeros(len(scores), dtype=int)
    for place, event in enumerate(events, 1):
        number[event.start : event.end] = place
    found = {"anomaly_score": scores, "is_anomaly": number > 0, "event": number}
    if domains.is_frame(series):
        return pd.concat([series.reset_index(drop=True), pd.DataFrame(found)], axis=1)
    columns = np.asarray(series).reshape(len(scores), -1).T
    values = {f"value_{i}": column for i, column in enumerate(columns)}
    return pd.DataFrame({"step": np.arange(len(scores)), **values, **found})
