"""``vaekit anomalies``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from vaekit.cli.data import DATA_HELP, read_data
from vaekit.cli.outputs import console, frame_stream
from vaekit.cli.scored import Scored, write_scored
from vaekit.cli.search_series import series_domain, write_series
from vaekit.domains import TableDomain, read_pieces
from vaekit.domains.tables import Category
from vaekit.errors import SpecError
from vaekit.files import atomic_write
from vaekit.io import check_destination
from vaekit.presets import choose_preset
from vaekit.sklearn import VAEDetector, load_detector
from vaekit.tasks.anomalies import reason_words, report_page

__all__ = ["anomalies"]

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
        str, typer.Option(help="auto, or a name of vaekit.tasks.anomalies.SCORES.")
    ] = "auto",
    reasons: Annotated[int, typer.Option(min=0, help="Reasons for each flagged row, at most.")] = 3,
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
) -> None:
    """Score how unusual items are, flag anomalies, and say why.

    Learns from the data themselves, in which anomalies are expected, or with --normal from data
    that are known to be normal. Writes a score for each item (how rare it is, in nats), how sure
    it is that it is unusual, whether it is flagged, and for flagged rows of tables the columns
    that make it so, with what was expected there. A detector that is kept scores files of any
    length, a piece at a time, and says if they are no longer as what it learnt from.

    Examples:

    vaekit anomalies payments.csv -o scored.csv --report anomalies.html

    vaekit anomalies payments.csv --contamination 0.01 --reasons 5

    vaekit anomalies today.csv --normal last-year.csv --false-alarm-rate 0.01 --save guard

    vaekit anomalies tomorrow.csv --detector guard -o tomorrow-scored.csv

    vaekit anomalies sensor.csv --window auto -o steps.csv --report events.html
    """
    _check(normal, detector, save, report, false_alarm_rate, contamination)
    if detector is not None:
        judge = load_detector(detector)
    else:
        judge = VAEDetector(
            "auto" if contamination is None else contamination,
            novelty=normal is not None,
            false_alarm_rate=false_alarm_rate,
            method=method,
            preset="auto" if preset == "auto" else choose_preset(preset, {}),
            domain="auto" if window is None else series_domain(window, time),
            max_epochs=max_epochs,
            seed=seed,
        )
    learnt_from = None if detector is not None else normal or data
    if window is not None or (detector is not None and judge.steps_ is not None):
        asked = _fitted_on(judge, learnt_from, data)
        write_series(judge, asked, learnt_from == data, out, report)
    else:
        _search_items(judge, data, learnt_from, out, report, rows, reasons)
    if save is not None:
        judge.save(save)
        console.print(f"wrote {save}", highlight=False)


def _fitted_on(judge: VAEDetector, learnt_from: str | None, data: str) -> Any:
    """The data asked about, once the detector has learnt, if there is something to learn from."""
    asked = read_data(data)
    if learnt_from is not None:
        judge.fit(asked if learnt_from == data else read_data(learnt_from))
    return asked


def _search_items(
    judge: VAEDetector,
    data: str,
    learnt_from: str | None,
    out: Path,
    report: Path | None,
    rows: int,
    reasons: int,
) -> None:
    with frame_stream(out) as write:
        if learnt_from is None:
            scored = write_scored(judge, _pieces(data, judge, rows), write, reasons)
        else:
            asked = _fitted_on(judge, learnt_from, data)
            is_training = learnt_from == data
            known = judge.decision_scores_ if is_training else -judge.score_samples(asked)
            scored = write_scored(judge, iter([asked]), write, reasons, known)
    _print(scored)
    if report is not None:
        page = report_page(judge.detector_, scored.scores, -judge.offset_, scored.found, scored.how)
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
        check_destination(save)


def _pieces(data: str, judge: VAEDetector, rows: int) -> Iterator[Any]:
    """The items, a piece at a time; columns of labels as text, as they were in training."""
    if not Path(data).exists():
        return iter([read_data(data)])
    domain, texts = judge.autoencoder_.domain_, {}
    if isinstance(domain, TableDomain):
        for column in domain.learnt:
            if isinstance(column, Category) and isinstance(column.labels[0], str):
                texts[column.name] = "str"
    return read_pieces(data, rows, texts)


def _print(scored: Scored) -> None:
    flagged = int(np.sum(scored.scores > scored.threshold))
    table = Table("item", "score", "why", title=f"{flagged} of {len(scored.scores)} flagged")
    for one in scored.found[:_SHOWN]:
        table.add_row(str(one.place), f"{one.score:.2f}", "; ".join(map(reason_words, one.reasons)))
    console.print(table)
    if scored.drift is not None:
        console.print(str(scored.drift), highlight=False)
