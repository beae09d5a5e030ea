"""Which steps of a series are unusual, and the events that they make up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains import SeriesDomain
from vaekit.errors import CompositionError
from vaekit.metrics import runs
from vaekit.models import VAE
from vaekit.tasks.anomalies.detector import Detector
from vaekit.tasks.anomalies.rarity import Rarity, Standing
from vaekit.tasks.anomalies.seen import look
from vaekit.tasks.anomalies.threshold import automatic_threshold
from vaekit.tasks.trained import batches_of
from vaekit.training import Items
from vaekit.types import Batch

__all__ = ["Event", "StepDetector", "fit_steps", "restore_steps"]

Floats = NDArray[np.float64]

_WINDOWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Event:
    """Steps without a break whose scores are above a threshold.

    Attributes:
        start: The first step.
        end: The step after the last.
        peak: The step of the highest score.
        score: That score, nats.
        channels: Where the model was more surprised than in training, the most surprising channel
            first: names, or places where there are none.
        series: Which series of a set; 0 of a long one.
    """

    start: int
    end: int
    peak: int
    score: float
    channels: tuple[str | int, ...]
    series: int = 0


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
    rarities: Sequence[Rarity | Standing]
    training: Floats = field(repr=False)
    usual: Floats = field(repr=False)

    @property
    def arrays(self) -> dict[str, Floats]:
        """All that was learnt, by name: what `restore_steps` takes."""
        rarities = {f"steps.rarity.{i}": r.known for i, r in enumerate(self.rarities)}
        return {"steps.training": self.training, "steps.usual": self.usual, **rarities}

    @property
    def threshold(self) -> float:
        """Where the usual ends; see `automatic_threshold`."""
        return automatic_threshold(self.training[~np.isnan(self.training)])

    def score(self, X: Any) -> Floats:
        """How unusual each step is, in nats; the higher, the more.

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
        """What each value costs, -log p(x | z) at the posterior mean, in nats.

        Of a long series, the mean over the windows that cover a step.

        Args:
            X: As of `score`.

        Returns:
            Shape (time, channels) or (series, steps, channels), NaN where a value is missing.
        """
        return _surprise(self.detector, _rows(self.detector, X))

    def events(self, X: Any, threshold: float | None = None) -> list[Event]:
        """The events of a series or of a set, in the order of time.

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

    def _event(self, scores: Floats, surprise: Floats, span: tuple[int, int], place: int) -> Event:
        start, end = span
        peak = start + int(np.argmax(scores[start:end]))
        seen = ~np.isnan(surprise[start:end])
        cost = np.where(seen, surprise[start:end], 0.0).sum(0) / np.maximum(seen.sum(0), 1)
        excess = np.where(seen.any(0), cost - self.usual, 0.0)
        order = [int(i) for i in np.argsort(-excess) if excess[i] > 0]
        names = _channel_names(_domain(self.detector))
        return Event(start, end, peak, float(scores[peak]), tuple(names[i] for i in order), place)


def fit_steps(detector: Detector, X: Any) -> StepDetector:
    """Learn how the steps of the training series score.

    Args:
        detector: One of series: of windows, or of whole ones; see `fit_detector`.
        X: The training series.

    Raises:
        CompositionError: The detector's items are no series, or the model is conditional.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.domains import SeriesDomain
        >>> from vaekit.tasks.anomalies import fit_detector
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


def _scale(detector: Detector) -> type[Rarity | Standing]:
    return Standing if detector.name == "window_novelty" else Rarity


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
    """All windows, one step apart, or all series."""
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
        places = slice(part * _WINDOWS_AT_ONCE, (part + 1) * _WINDOWS_AT_ONCE)
        seen = look(detector.trained.vae, detector.frame, batches, times[places])
        for values, score in zip(found, detector.scores, strict=True):
            values.append(score.of_training(seen) if are_training else score.of(seen))
    return [_over_steps(np.concatenate(values), rows.shape[-1]) for values in found]


def _rare(rarities: Sequence[Rarity | Standing], values: Sequence[Floats]) -> Floats:
    rare = [rarity(value) for rarity, value in zip(rarities, values, strict=True)]
    mean: Floats = np.mean(rare, axis=0)
    return mean


def _parts(detector: Detector, rows: Tensor) -> Iterator[list[Batch]]:
    """Some windows at a time: those of a long series share memory until they are encoded."""
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
            places = slice(start + step, start + step + len(cells))
            total[places] += np.where(known[..., step], cells[..., step], 0.0)
            count[places] += known[..., step]
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
