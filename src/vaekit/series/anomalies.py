"""Anomalies in time: scores of single steps, and events found or missed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from numpy.typing import NDArray
from torch import Tensor

from vaekit.anomalies.detector import Detector
from vaekit.anomalies.inputs import prepare_inputs
from vaekit.anomalies.marginals import RobustDeviation, TailProbability
from vaekit.anomalies.steps import AnomalousEvent
from vaekit.anomalies.threshold import automatic_threshold
from vaekit.domains.checks import is_frame
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.fitting.trained import batches_of
from vaekit.models.vae import VAE
from vaekit.reports import figure_html, lines, render, table_row
from vaekit.series.domain import SeriesDomain
from vaekit.training.config import Items
from vaekit.types import Batch

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
    """Return where flags are set without a break: first step, and the step after the last.

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
    """Return the score of the Numenta Anomaly Benchmark, by its standard profile.

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
    """Return the raw score of one series and its number of windows, to be summed over series.

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


_WINDOWS_AT_ONCE = 4096


@dataclass(frozen=True)
class StepDetector:
    """Scores of the steps of series against those it was fitted on.

    Of a long series, each score of the detector is averaged over the windows that cover a step,
    and mapped to how rare that average is among the training steps; a step's score is the mean of
    these. Of a set of series it is how rare the surprise at a step is, -log p(x | z) at the
    posterior mean.

    Attributes:
        detector: What scores windows, or whole series.
        rarities: Of each kind of score, how rare it is among the training steps; of windows of a
            series known to be normal, how far above theirs.
        training: Scores of the training steps, in the shape of `score`.
        usual: Mean surprise at each channel in training, nats.
    """

    detector: Detector
    rarities: Sequence[TailProbability | RobustDeviation]
    training: Floats = field(repr=False)
    usual: Floats = field(repr=False)

    @property
    def arrays(self) -> dict[str, Floats]:
        """All that was learned, by name: what `restore_steps` takes."""
        rarities = {f"steps.rarity.{i}": r.known for i, r in enumerate(self.rarities)}
        return {"steps.training": self.training, "steps.usual": self.usual, **rarities}

    @property
    def threshold(self) -> float:
        """Where the usual ends; see `automatic_threshold`."""
        return automatic_threshold(self.training[~np.isnan(self.training)])

    def score(self, X: Any) -> Floats:
        """Return how unusual each step is, in nats; the higher, the more.

        Of windows of a series known to be normal, in robust standard deviations.

        Args:
            X: A series of the kind seen in training, or a set of series.

        Returns:
            Shape (time,) of a long series. Of a set, shape (series, steps) with the steps of
            training, NaN where no channel has a value. The same at every call.
        """
        values = _values(self.detector, _rows(self.detector, X), are_training=False)
        return _rare(self.rarities, values)

    def surprise(self, X: Any) -> Floats:
        """Return what each value costs, -log p(x | z) at the posterior mean, in nats.

        Of a long series, the mean over the windows that cover a step.

        Args:
            X: As of `score`.

        Returns:
            Shape (time, channels) or (series, steps, channels), NaN where a value is missing.
        """
        return _surprise(self.detector, _rows(self.detector, X))

    def events(self, X: Any, threshold: float | None = None) -> list[AnomalousEvent]:
        """Return the events of a series or of a set, in the order of time.

        Args:
            X: As of `score`.
            threshold: Scores above it make events, nats; ``None`` takes `threshold`.
        """
        limit = self.threshold if threshold is None else threshold
        scores = np.atleast_2d(self.score(X))
        surprise = self.surprise(X).reshape(*scores.shape, -1)
        return [
            self._event(scores[place], surprise[place], span, place)
            for place in range(len(scores))
            for span in runs(scores[place] > limit)
        ]

    def _event(
        self, scores: Floats, surprise: Floats, span: tuple[int, int], place: int
    ) -> AnomalousEvent:
        start, end = span
        peak = start + int(np.argmax(scores[start:end]))
        seen = ~np.isnan(surprise[start:end])
        cost = np.where(seen, surprise[start:end], 0.0).sum(0) / np.maximum(seen.sum(0), 1)
        excess = np.where(seen.any(0), cost - self.usual, 0.0)
        order = [int(i) for i in np.argsort(-excess) if excess[i] > 0]
        names = _channel_names(_domain(self.detector))
        return AnomalousEvent(
            start, end, peak, float(scores[peak]), tuple(names[i] for i in order), place
        )

    def report_page(self, X: Any, scores: Floats, events: Sequence[AnomalousEvent]) -> bytes:
        """Return a page of HTML; see `series_page`."""
        return series_page(self.detector, X, scores, events)


def fit_steps(detector: Detector, X: Any) -> StepDetector:
    """Learn how the steps of the training series score.

    Args:
        detector: One of series: of windows, or of whole ones; see `fit_detector`.
        X: The training series.

    Raises:
        CompositionError: The detector's items are no series, or the model is conditional.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.series import SeriesDomain
        >>> from vaekit.anomalies import fit_detector
        >>> X = np.sin(np.arange(400) / 4)
        >>> domain = SeriesDomain(window=16)
        >>> model = Autoencoder("vae", 2, domain=domain, max_epochs=5, progress=False).fit(X)
        >>> steps = fit_steps(fit_detector(model.trained_, X, score="bound"), X)
        >>> X[200:204] = 5.0
        >>> scores = steps.score(X)
        >>> scores.shape, bool(190 < scores.argmax() < 214)
        ((400,), True)
    """
    rows = _rows(detector, X)
    values = _values(detector, rows, are_training=True)
    rarities = [_scale(detector).of(value[~np.isnan(value)]) for value in values]
    surprise = _surprise(detector, rows)
    usual = np.nanmean(surprise.reshape(-1, surprise.shape[-1]), axis=0)
    return StepDetector(detector, rarities, _rare(rarities, values), usual)


def restore_steps(detector: Detector, arrays: Mapping[str, NDArray[Any]]) -> StepDetector | None:
    """From what `StepDetector.arrays` gave; ``None`` if there is nothing of it.

    Args:
        detector: The detector that it was of.
        arrays: By name; others are let be.
    """
    if "steps.training" not in arrays:
        return None
    names = sorted(name for name in arrays if name.startswith("steps.rarity."))
    rarities = [_scale(detector).of(arrays[name]) for name in names]
    return StepDetector(detector, rarities, arrays["steps.training"], arrays["steps.usual"])


def _scale(detector: Detector) -> type[TailProbability | RobustDeviation]:
    return RobustDeviation if detector.name == "window_novelty" else TailProbability


def _domain(detector: Detector) -> SeriesDomain:
    domain = detector.trained.domain
    if not isinstance(domain, SeriesDomain):
        raise CompositionError(
            "scores of steps are for series; this detector was fitted with "
            f"{type(domain).__name__}. Fit it with domain=SeriesDomain(window=64)."
        )
    if detector.trained.context is not None:
        raise CompositionError(
            "scores of steps are for models without a context; this one is conditional."
        )
    return domain


def _rows(detector: Detector, X: Any) -> Tensor:
    """Return all windows, one step apart, or all series."""
    return replace(_domain(detector), stride=1).prepare(X)


def _channel_names(domain: SeriesDomain) -> Sequence[str | int]:
    channels = domain.event_shape[0]
    return domain.columns if domain.window and domain.columns else range(channels)


def _values(detector: Detector, rows: Tensor, *, are_training: bool) -> list[Floats]:
    """Of each kind of score, the scores of the steps before they are made comparable."""
    if _domain(detector).window is None:
        surprise = _surprise(detector, rows)
        missing = np.isnan(surprise).all(-1)
        return [np.where(missing, np.nan, np.nansum(surprise, axis=-1))]
    found: list[list[Floats]] = [[] for _ in detector.scores]
    times = np.arange(len(rows))
    for part, batches in enumerate(_parts(detector, rows)):
        positions = slice(part * _WINDOWS_AT_ONCE, (part + 1) * _WINDOWS_AT_ONCE)
        seen = prepare_inputs(detector.trained.vae, detector.frame, batches, times[positions])
        for values, score in zip(found, detector.scores, strict=True):
            values.append(score.of_training(seen) if are_training else score.of(seen))
    return [_over_steps(np.concatenate(values), rows.shape[-1]) for values in found]


def _rare(
    rarities: Sequence[TailProbability | RobustDeviation], values: Sequence[Floats]
) -> Floats:
    rare = [rarity(value) for rarity, value in zip(rarities, values, strict=True)]
    mean: Floats = np.mean(rare, axis=0)
    return mean


def _parts(detector: Detector, rows: Tensor) -> Iterator[list[Batch]]:
    """Yield some windows at a time: those of a long series share memory until they are encoded."""
    domain, device = _domain(detector), detector.trained.device
    for part in rows.split(_WINDOWS_AT_ONCE):
        items = Items(part, domain.encode, None, domain.observed(part))
        yield list(batches_of(items, device))


def _over_steps(scores: Floats, window: int) -> Floats:
    """Of each step, the mean over the windows that cover it: windows one step apart."""
    total = np.concatenate([[0.0], scores.cumsum()])
    steps = np.arange(len(scores) + window - 1)
    first, last = np.maximum(steps - window + 1, 0), np.minimum(steps, len(scores) - 1)
    mean: Floats = (total[last + 1] - total[first]) / (last + 1 - first)
    return mean


def _surprise(detector: Detector, rows: Tensor) -> Floats:
    """Shape (time, channels) or (series, steps, channels); see `StepDetector.surprise`."""
    vae = detector.trained.vae
    parts = (
        np.concatenate([_cells(vae, batch) for batch in batches])
        for batches in _parts(detector, rows)
    )
    if _domain(detector).window is None:
        return np.moveaxis(np.concatenate(list(parts)), 1, 2)
    width = rows.shape[-1]
    total = np.zeros((len(rows) + width - 1, rows.shape[1]))
    count, start = np.zeros_like(total), 0
    for cells in parts:
        known = ~np.isnan(cells)
        for step in range(width):
            positions = slice(start + step, start + step + len(cells))
            total[positions] += np.where(known[..., step], cells[..., step], 0.0)
            count[positions] += known[..., step]
        start += len(cells)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@torch.no_grad()
def _cells(vae: VAE, batch: Batch) -> Floats:
    """-log p(x | z) of every value at the posterior mean, NaN where it is missing."""
    px = vae.decode(vae.encode(batch.visible), None)
    cost = -px.log_prob(batch.visible).squeeze(0)
    if batch.observed is not None:
        cost = torch.where(batch.observed, cost, torch.nan)
    cells: Floats = cost.double().cpu().numpy()
    return cells


def series_page(
    detector: Detector, series: Any, scores: Floats, events: Sequence[AnomalousEvent]
) -> bytes:
    """A page of HTML about a long series: it, its scores and its events, and these in a table.

    Args:
        detector: What scored.
        series: Shape (time,), (time, channels), or a data frame.
        scores: Of each step, nats.
        events: The runs of unusual steps.
    """

    names = _domain(detector).columns
    from vaekit.series.plots import unusual_steps  # matplotlib costs half a second

    values = series[list(names)].to_numpy() if is_frame(series) and names else np.asarray(series)
    spans = [(event.start, event.end) for event in events]
    figure = unusual_steps(values, scores, spans, names=names)
    caption = "The series, with its events in red, and the score of each step"
    nothing = Markup("<tr><td colspan='4'>No event.</td></tr>")
    return render(
        "series",
        summary=f"{len(events)} events in {len(scores)} steps.",
        figures=figure_html(caption, figure),
        rows=lines(_event_row(event) for event in sorted(events, key=lambda e: -e.score))
        or nothing,
    )


def _event_row(event: AnomalousEvent) -> Markup:
    channels = ", ".join(map(str, event.channels))
    steps = f"{event.start} to {event.end - 1}"
    return table_row(steps, event.peak, f"{event.score:.2f}", channels)
