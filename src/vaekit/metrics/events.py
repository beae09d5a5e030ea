"""Anomalies in time as events: found or missed, once each.

There is no point adjustment here. It counts every step of a true event as found if one of them
was, so that a random score passes for a good one, the better the longer the events are (Kim et
al. 2022, "Towards a rigorous evaluation of time-series anomaly detection", section 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, SpecError

__all__ = [
    "EventScores",
    "StepRanking",
    "event_scores",
    "nab_scale",
    "nab_score",
    "nab_sums",
    "runs",
    "step_ranking",
]

Floats = NDArray[np.float64]
Spans = Sequence[tuple[int, int]]

_STEEPNESS, _FAR = 5.0, 3.0
_MISS, _FALSE = 1.0, 0.11  # weights of NAB's standard profile


@dataclass(frozen=True)
class EventScores:
    """How many events were found, and how many of the alarms were right.

    Attributes:
        precision: Share of the predicted events that overlap a true one; 0 without any.
        recall: Share of the true events that overlap a predicted one.
        f1: Their harmonic mean.
    """

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class StepRanking:
    """How well scores rank single steps, without a threshold; no step is adjusted.

    Attributes:
        auroc: Probability that a step of an event scores higher than one outside, from 0 to 1.
        average_precision: Mean precision over the recalls, from 0 to 1.
    """

    auroc: float
    average_precision: float


def runs(flags: Any) -> list[tuple[int, int]]:
    """Where flags are set without a break: first step, and the step after the last.

    Args:
        flags: Shape (time,), true or false.

    Example:
        >>> runs([0, 1, 1, 0, 1])
        [(1, 3), (4, 5)]
    """
    edges = np.diff(np.r_[0, np.asarray(flags, dtype=bool).astype(np.int8), 0])
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def event_scores(predicted: Spans, true: Spans, tolerance: int = 0) -> EventScores:
    """Precision, recall and F1 of events: one is right if it overlaps one of the other kind.

    Args:
        predicted: First step and the step after the last of each, as `runs` gives them.
        true: The same of what happened, at least one.
        tolerance: Steps by which true events are widened on both sides.

    Raises:
        DataError: No true event, or one that ends before it starts.

    Example:
        >>> event_scores([(0, 2), (5, 6), (8, 9)], true=[(4, 7)])
        EventScores(precision=0.3333333333333333, recall=1.0, f1=0.5)
    """
    _check(predicted, true, tolerance)
    wide = [(start - tolerance, end + tolerance) for start, end in true]
    right = [any(_overlap(event, window) for window in wide) for event in predicted]
    found = [any(_overlap(event, window) for event in predicted) for window in wide]
    precision, recall = float(np.mean(right)) if right else 0.0, float(np.mean(found))
    total = precision + recall
    return EventScores(precision, recall, 2 * precision * recall / total if total else 0.0)


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _check(predicted: Spans, true: Spans, tolerance: int = 0) -> None:
    if not true:
        raise DataError("there must be at least one true event to find; got none.")
    for start, end in [*predicted, *true]:
        if end <= start:
            raise DataError(
                f"an event must end after it starts; got ({start}, {end}). The end is the step "
                "after the last."
            )
    if tolerance < 0:
        raise SpecError(f"tolerance must be at least 0 steps; got {tolerance}.")


def step_ranking(scores: Any, labels: Any) -> StepRanking:
    """Area under the ROC curve and average precision over single steps.

    Args:
        scores: Shape (time,); the higher, the more unusual.
        labels: The same shape, true within events.

    Raises:
        DataError: Labels that are all the same, or of another length.

    Example:
        >>> step_ranking([0.1, 0.9, 0.2], [0, 1, 0])
        StepRanking(auroc=1.0, average_precision=1.0)
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    if scores.shape != labels.shape or labels.all() or not labels.any():
        raise DataError(
            "there must be a score for each label, and labels of both kinds; got "
            f"{scores.shape} scores and {int(labels.sum())} of {labels.size} labels set."
        )
    return StepRanking(
        float(roc_auc_score(labels, scores)), float(average_precision_score(labels, scores))
    )


def nab_score(alarms: Any, true: Spans, *, start: int = 0) -> float:
    """The score of the Numenta Anomaly Benchmark, by its standard profile.

    Of each true window the first alarm counts, the more the earlier it comes: 1 at the start,
    falling in a sigmoid to 0 at the end. Each alarm outside costs up to .11, by how far behind the
    last window it is, and each window without an alarm costs 1. It is put on a scale on which the
    best detector has 100, and one that stays silent 0.

    Args:
        alarms: Shape (time,), true where a step was flagged.
        true: First step and the step after the last of each window; at least one.
        start: Steps at the beginning that are not scored (NAB: 15 % of a series), nor are windows
            that end there.

    Returns:
        At most 100; below 0 where false alarms outweigh what was found.

    Raises:
        DataError: No window, or one that ends before it starts.

    Source: Lavin & Ahmad 2015, "Evaluating real-time anomaly detection algorithms: the Numenta
    anomaly benchmark", section II.C. Deviation: one series by itself; NAB sums before it scales.

    Example:
        >>> alarms = np.zeros(100)
        >>> alarms[50] = 1
        >>> round(nab_score(alarms, [(50, 60)]), 1)
        100.0
    """
    _check([], [window for window in true if window[1] > start])
    raw, windows = nab_sums(alarms, true, start=start)
    return nab_scale(raw, windows)


def nab_scale(raw: float, windows: int) -> float:
    """Raw scores, summed over series, on the scale of `nab_score`.

    Args:
        raw: Sum of what `nab_sums` found.
        windows: How many there were in all, at least 1.

    Example:
        >>> nab_scale(-2.0, windows=2)
        0.0
    """
    return 100 * (raw + _MISS * windows) / ((1 + _MISS) * windows)


def nab_sums(alarms: Any, true: Spans, *, start: int = 0) -> tuple[float, int]:
    """The raw score of one series and its number of windows, to be summed over series.

    NAB itself sums before it scales, and so counts the false alarms of series without a window.

    Args:
        alarms: As of `nab_score`.
        true: As of `nab_score`, or none.
        start: As of `nab_score`.

    Example:
        >>> nab_sums([0, 1, 0], [])
        (-0.11, 0)
    """
    true = [window for window in true if window[1] > start]
    steps = np.flatnonzero(np.asarray(alarms, dtype=bool))
    steps = steps[steps >= start]
    outside = [int(step) for step in steps if not any(a <= step < b for a, b in true)]
    rewards = [_reward(steps, window) for window in true]
    costs = [_FALSE * _penalty(step, true) for step in outside]
    return float(sum(rewards) + sum(costs)), len(true)


def _reward(steps: NDArray[np.int64], window: tuple[int, int]) -> float:
    """Of the first alarm within a window, whose start is at -1 and whose end at 0."""
    inside = steps[(steps >= window[0]) & (steps < window[1])].tolist()
    if not inside:
        return -_MISS
    place = (inside[0] - window[1]) / (window[1] - window[0])
    return _sigmoid(place) / _sigmoid(-1.0)


def _penalty(step: int, true: Spans) -> float:
    """From 0 at the end of the last window down to -1, which is also what comes before any."""
    before = [window for window in true if window[1] <= step]
    if not before:
        return -1.0
    start, end = max(before, key=lambda window: window[1])
    place = (step - end + 1) / max(end - start - 1, 1)
    return -1.0 if place > _FAR else _sigmoid(place)


def _sigmoid(place: float) -> float:
    return float(2 / (1 + np.exp(_STEEPNESS * place)) - 1)
