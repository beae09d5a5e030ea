"""``vaekit anomalies``."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from vaekit.cli.data import DATA_HELP, read_data
from vaekit.cli.outputs import console, write_frame
from vaekit.domains.checks import is_frame
from vaekit.errors import SpecError
from vaekit.presets import choose_preset
from vaekit.sklearn import VAEDetector
from vaekit.tasks.anomalies import Reason

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
    preset: Annotated[str, typer.Option(help="The model to train.")] = "vae",
    max_epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the items.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Score how unusual items are, flag anomalies, and say why.

    Learns from the data themselves, in which anomalies are expected, or with --normal from data
    that are known to be normal. Writes a score for each item (how rare it is, in nats), how sure
    it is that it is unusual, whether it is flagged, and for flagged rows of tables the columns
    that make it so, with what was expected there.

    Examples:

    vaekit anomalies payments.csv -o scored.csv

    vaekit anomalies payments.csv --contamination 0.01 --reasons 5

    vaekit anomalies today.csv --normal last-year.csv --false-alarm-rate 0.01 -o today-scored.csv
    """
    if false_alarm_rate is not None and normal is None:
        raise SpecError("--false-alarm-rate needs --normal: items that are known to be normal.")
    asked = read_data(data)
    learnt_from = asked if normal is None else read_data(normal)
    detector = VAEDetector(
        "auto" if contamination is None else contamination,
        novelty=normal is not None,
        false_alarm_rate=false_alarm_rate,
        method=method,
        preset=choose_preset(preset, {}),
        max_epochs=max_epochs,
        seed=seed,
    ).fit(learnt_from)
    scores = detector.decision_scores_ if normal is None else -detector.score_samples(asked)
    flagged = scores > -detector.offset_
    why = _reasons(detector, asked, flagged, reasons)
    write_frame(out, _scored(asked, scores, detector.detector_.probabilities(scores), flagged, why))
    _print(scores, flagged, why)


def _reasons(
    detector: VAEDetector, items: Any, flagged: NDArray[np.bool_], top: int
) -> dict[int, str]:
    """Of each flagged row, in words."""
    places = np.flatnonzero(flagged)
    is_rows = is_frame(items) or np.ndim(items) == 2
    if not (top and is_rows and len(places)):
        return {}
    some = items.iloc[places] if is_frame(items) else np.asarray(items)[places]
    found = detector.explain(some, top)
    return {int(p): "; ".join(map(_words, r)) for p, r in zip(places, found, strict=True)}


def _words(reason: Reason) -> str:
    found, expected = (_short(value) for value in (reason.found, reason.expected))
    return f"{reason.column} {found}, expected {expected}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _scored(
    items: Any,
    scores: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    flagged: NDArray[np.bool_],
    why: dict[int, str],
) -> Any:
    """The items, where they are a table, and behind them what was found."""
    import pandas as pd

    found = pd.DataFrame(
        {
            "anomaly_score": scores,
            "anomaly_probability": probabilities,
            "is_anomaly": flagged,
            "reasons": [why.get(place, "") for place in range(len(scores))],
        }
    )
    if not is_frame(items):
        return found.rename_axis("item").reset_index()
    return pd.concat([items.reset_index(drop=True), found], axis=1)


def _print(scores: NDArray[np.float64], flagged: NDArray[np.bool_], why: dict[int, str]) -> None:
    table = Table("item", "score", "why", title=f"{flagged.sum()} of {len(scores)} flagged")
    for place in np.argsort(-scores)[:_SHOWN]:
        if flagged[place]:
            table.add_row(str(place), f"{scores[place]:.2f}", why.get(int(place), ""))
    console.print(table)
