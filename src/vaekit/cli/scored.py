"""Items scored a piece at a time, written as they come."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress, SpinnerColumn, TextColumn

from vaekit.cli.outputs import console
from vaekit.domains.checks import is_frame
from vaekit.errors import DataError
from vaekit.sklearn import VAEDetector
from vaekit.tasks.anomalies import Drift, Found, reason_words
from vaekit.tasks.anomalies.memory import Memory
from vaekit.tasks.anomalies.reasons import Reason

__all__ = ["Scored", "write_scored"]

Floats = NDArray[np.float64]

_MOST_FOUND, _FEWEST = 50, 20


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
    found: Sequence[Found]
    drift: Drift | None
    how: str


def write_scored(
    judge: VAEDetector,
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
    run = _Run(judge, write, reasons)
    with _progress() as progress:
        task = progress.add_task("scoring")
        for piece in pieces:
            run.take(piece, known)
            progress.update(task, description=f"scored {run.count} items")
    return run.result()


class _Run:
    """The state of a pass over the pieces: everything but the scores is bounded."""

    def __init__(self, judge: VAEDetector, write: Callable[[Any], None], reasons: int) -> None:
        self.judge, self.write, self.reasons = judge, write, reasons
        self.scores: list[Floats] = []
        self.count = 0
        self.best: list[tuple[float, int, Found]] = []
        self.sample: Memory | None = None

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
        """Scores; of some of the items the rows are kept, to be compared with training."""
        try:
            rows = self.judge.autoencoder_.domain_.prepare(piece)
        except DataError as error:
            message = f"in the items from number {self.count} on: {error}"
            raise type(error)(message) from error
        old, seed = self.sample, self.count
        self.sample = Memory.of(rows, seed) if old is None else old.with_more(rows, seed)
        return self.judge.detector_.score_rows(rows)

    def _reasons(self, items: Any, flagged: NDArray[np.bool_]) -> dict[int, list[Reason]]:
        places = np.flatnonzero(flagged)
        is_rows = is_frame(items) or np.ndim(items) == 2
        if not (self.reasons and is_rows and len(places)):
            return {}
        found = self.judge.explain(_some(items, places), self.reasons)
        return dict(zip(places.tolist(), found, strict=True))

    def _remember(self, items: Any, place: int, score: float, why: list[Reason]) -> None:
        """Keep the most unusual ones."""
        item = items.iloc[[place]] if is_frame(items) else np.asarray(items[place])
        one = Found(self.count + place, score, why, item)
        add = heapq.heappush if len(self.best) < _MOST_FOUND else heapq.heappushpop
        add(self.best, (score, -one.place, one))

    def result(self) -> Scored:
        """All that was found."""
        if not self.scores:
            raise DataError("the data must have at least one item; got none.")
        scores = np.concatenate(self.scores)
        found = [one for _, _, one in sorted(self.best, key=lambda entry: entry[:2], reverse=True)]
        return Scored(scores, -self.judge.offset_, found, self._drift(scores), self._how())

    def _drift(self, scores: Floats) -> Drift | None:
        if self.sample is None or len(scores) < _FEWEST:
            return None
        return self.judge.detector_.drift(self.sample.rows, scores, self.judge.held_out_)

    def _how(self) -> str:
        learnt = len(self.judge.decision_scores_)
        return f"Scores of {self.count} items by a model that learnt from {learnt}."


def _some(items: Any, places: NDArray[np.int64]) -> Any:
    return items.iloc[places] if is_frame(items) else np.asarray(items)[places]


def _frame(
    items: Any,
    first: int,
    scores: Floats,
    sure: Floats,
    flagged: NDArray[np.bool_],
    why: dict[int, list[Reason]],
) -> Any:
    """The items, where they are a table, and behind them what was found."""
    import pandas as pd

    words = ["; ".join(map(reason_words, why.get(place, []))) for place in range(len(scores))]
    found = pd.DataFrame(
        {
            "anomaly_score": scores,
            "anomaly_probability": sure,
            "is_anomaly": flagged,
            "reasons": words,
        }
    )
    if is_frame(items):
        return pd.concat([items.reset_index(drop=True), found], axis=1)
    found.insert(0, "item", np.arange(first, first + len(scores)))
    return found


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True
    )
