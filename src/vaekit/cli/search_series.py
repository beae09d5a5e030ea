"""A long series searched for unusual stretches."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from vaekit.cli.outputs import console, write_frame
from vaekit.domains import SeriesDomain
from vaekit.domains.checks import is_frame
from vaekit.errors import SpecError
from vaekit.files import atomic_write
from vaekit.sklearn import VAEDetector
from vaekit.tasks.anomalies import Event, series_page

__all__ = ["series_domain", "write_series"]

_SHOWN = 20


def series_domain(window: str, time: str | None) -> SeriesDomain:
    """The domain of a window's length, or "auto".

    Raises:
        SpecError: Neither.
    """
    if window != "auto" and not window.isdigit():
        raise SpecError(f"--window must be a whole number of steps or auto; got {window!r}.")
    return SeriesDomain(window=window if window == "auto" else int(window), time=time)


def write_series(
    judge: VAEDetector, series: Any, is_training: bool, out: Path, report: Path | None
) -> None:
    """Write the series with scores and events, and print the events.

    Args:
        judge: Fitted, on series.
        series: An array, or a data frame with a row for each step.
        is_training: Whether it is what the detector learnt from.
        out: Ends in .csv or .parquet.
        report: A page to write.
    """
    steps = judge.steps_of()
    scores = steps.training if is_training else judge.step_scores(series)
    events = judge.events(series)
    write_frame(out, _frame(series, scores, events))
    table = Table("from", "to", "peak", "score", "channels", title=f"{len(events)} events")
    for event in sorted(events, key=lambda e: -e.score)[:_SHOWN]:
        channels = ", ".join(map(str, event.channels))
        table.add_row(
            str(event.start), str(event.end - 1), str(event.peak), f"{event.score:.2f}", channels
        )
    console.print(table)
    if report is not None:
        atomic_write(report, series_page(judge.detector_, series, scores, events))
        console.print(f"wrote {report}", highlight=False)


def _frame(series: Any, scores: NDArray[np.float64], events: list[Event]) -> Any:
    import pandas as pd

    number = np.zeros(len(scores), dtype=int)
    for place, event in enumerate(events, 1):
        number[event.start : event.end] = place
    found = {"anomaly_score": scores, "is_anomaly": number > 0, "event": number}
    if is_frame(series):
        return pd.concat([series.reset_index(drop=True), pd.DataFrame(found)], axis=1)
    columns = np.asarray(series).reshape(len(scores), -1).T
    values = {f"value_{i}": column for i, column in enumerate(columns)}
    return pd.DataFrame({"step": np.arange(len(scores)), **values, **found})
