"""Anomaly detection as an estimator of scikit-learn."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin

from vaekit.autoencoder import Autoencoder
from vaekit.domains import Domain, SeriesDomain, TableDomain, find_domain, read_source
from vaekit.domains.checks import is_frame
from vaekit.errors import CompositionError, SpecError
from vaekit.presets import Preset
from vaekit.sklearn.common import adopt_features, trained_of
from vaekit.tasks.anomalies import (
    Detector,
    Event,
    Reason,
    StepDetector,
    automatic_threshold,
    conformal_p_values,
    fit_detector,
    fit_steps,
)

__all__ = ["VAEDetector"]

Floats = NDArray[np.float64]

_STEPS, _FEWEST_HELD_OUT = 1500, 20
_LATENTS_OF_SERIES = 4  # with more, anomalies are given back as well as the rest


class VAEDetector(OutlierMixin, BaseEstimator):
    """Learns what is usual, and tells what is not.

    By default the training items may hold anomalies (outlier detection): then what counts is the
    evidence lower bound, what an item's code costs, how rare its values are, and how few cuts
    part it from the rest. If you know that they are clean, say ``novelty=True``: then it is the
    evidence lower bound, and the distance to the nearest and to the fifth neighbour.

    Args:
        contamination: Share of anomalies in the training items, above 0, at most .5: so many of
            them are flagged. ``"auto"`` flags what is more than three robust deviations above the
            median score.
        novelty: Whether the training items are known to be clean.
        false_alarm_rate: In place of a contamination: the share of new normal items that may be
            flagged, above 0, below 1. It needs clean training items, of which a fifth is held out
            to compare with, and is met in finite samples.
        method: ``"auto"`` takes what suits; or one of `vaekit.tasks.anomalies.SCORES`.
        preset: The model, by name or with options; one with a density.
        domain: The kind of items, ``"auto"``, a name or a `Domain`; of series
            ``SeriesDomain(window=64)``, for which there are also `step_scores` and `events`.
        latent_dim: Number of latents; ``None`` takes what suits the items.
        max_epochs: Passes over the items; ``None`` takes as many as give about 1,500 steps.
        seed: Seed of everything random.
        progress: Show a bar; ``None`` does so on a terminal.

    Attributes:
        detector_: The fitted `vaekit.tasks.anomalies.Detector`.
        autoencoder_: The fitted `Autoencoder`.
        offset_: `score_samples` below it means an anomaly.
        decision_scores_: The scores of the training items, the higher the more unusual, as PyOD
            has them; with a false-alarm rate of those that were learnt from.
        labels_: 1 for training items that are flagged, else 0, as PyOD has them.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(300, 3))
        >>> detector = VAEDetector(max_epochs=3, progress=False).fit(X)
        >>> detector.predict([[0.0, 0.1, 0.0], [9.0, -9.0, 9.0]]).tolist()
        [1, -1]
    """

    def __init__(
        self,
        contamination: float | str = "auto",
        *,
        novelty: bool = False,
        false_alarm_rate: float | None = None,
        method: str = "auto",
        preset: str | Preset = "vae",
        domain: str | Domain = "auto",
        latent_dim: int | None = None,
        max_epochs: int | None = None,
        seed: int = 0,
        progress: bool | None = None,
    ) -> None:
        self.contamination = contamination
        self.novelty = novelty
        self.false_alarm_rate = false_alarm_rate
        self.method = method
        self.preset = preset
        self.domain = domain
        self.latent_dim = latent_dim
        self.max_epochs = max_epochs
        self.seed = seed
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from items.

        Args:
            X: An array of numbers, a data frame, images, or a path to them; at least 2 items.
            y: Ignored, as in scikit-learn.

        Raises:
            VaekitError: As of `Autoencoder.fit`.
            SpecError: A contamination or rate out of range.
        """
        self._check()
        X, held_out = self._split(read_source(X) if isinstance(X, str | Path) else X)
        self.autoencoder_ = self._autoencoder(X).fit(X)
        self.detector_: Detector = fit_detector(self.autoencoder_.trained_, X, score=self._score)
        self.decision_scores_: Floats = self.detector_.training
        self._held_out = None if held_out is None else self.detector_.score(held_out)
        self.offset_ = -self._threshold()
        if isinstance(self.autoencoder_.domain_, SeriesDomain):
            self.steps_: StepDetector = fit_steps(self.detector_, X)
        self.labels_: NDArray[np.int64] = (self.decision_scores_ > -self.offset_).astype(np.int64)
        adopt_features(self, self.autoencoder_)
        return self

    @property
    def _clean(self) -> bool:
        return self.novelty or self.false_alarm_rate is not None

    @property
    def _score(self) -> str:
        if self.method != "auto":
            return self.method
        series = "series_" if isinstance(self.autoencoder_.domain_, SeriesDomain) else ""
        return series + ("novelty" if self._clean else "contaminated")

    def _check(self) -> None:
        share, rate = self.contamination, self.false_alarm_rate
        if share != "auto" and not (isinstance(share, float) and 0 < share <= 0.5):
            raise SpecError(f"contamination must be 'auto' or in (0, 0.5]; got {share!r}.")
        if rate is not None and not 0 < rate < 1:
            raise SpecError(f"false_alarm_rate must be in (0, 1); got {rate!r}.")

    def _split(self, X: Any) -> tuple[Any, Any]:
        """Items to learn from, and, for a false-alarm rate, items to compare with."""
        rate, domain = self.false_alarm_rate, find_domain(X, self.domain)
        if isinstance(domain, SeriesDomain):
            X = domain.read(X)
        if rate is None:
            return X, None
        if isinstance(domain, SeriesDomain) and domain.window is not None:
            raise CompositionError(
                "a false-alarm rate holds items out at random, and the windows of one series "
                "overlap. Choose a contamination, or a threshold for events."
            )
        if not is_frame(X):
            X = np.asarray(X)
        count = max(_FEWEST_HELD_OUT, int(np.ceil(1 / rate)) - 1, len(X) // 5)
        if count > len(X) // 2:
            raise SpecError(
                f"a false-alarm rate of {rate} needs {count} items to compare with, at most half "
                f"of all; got {len(X)} items. Ask for a higher rate, or pass more items."
            )
        order = np.random.default_rng(self.seed).permutation(len(X))
        return _at(X, order[count:]), _at(X, order[:count])

    def _autoencoder(self, X: Any) -> Autoencoder:
        domain = find_domain(X, self.domain)
        if isinstance(domain, TableDomain):  # among ranks, the largest is never far away
            domain = replace(domain, scale="straight")
        few = self.latent_dim is None and isinstance(domain, SeriesDomain)
        return Autoencoder(
            self.preset,
            _LATENTS_OF_SERIES if few else self.latent_dim,
            domain=domain,
            steps=_STEPS,
            max_epochs=self.max_epochs,
            validation=0.0,
            seed=self.seed,
            progress=self.progress,
        )

    def _threshold(self) -> float:
        """The score above which items are anomalies."""
        scores = self.decision_scores_
        if self._held_out is not None and self.false_alarm_rate is not None:
            known = np.sort(self._held_out)  # p(s) <= rate needs so many not below s
            allowed = int(np.floor(self.false_alarm_rate * (len(known) + 1) + 1e-9)) - 1
            return float(known[len(known) - 1 - allowed])
        if self.contamination == "auto":
            return automatic_threshold(scores)
        return float(np.quantile(scores, 1 - float(self.contamination)))

    def score_samples(self, X: Any) -> Floats:
        """How usual items are: the lower, the more unusual. The same at every call."""
        trained_of(self, "score_samples")
        return -self.detector_.score(X)

    def decision_function(self, X: Any) -> Floats:
        """`score_samples` above the threshold: negative for anomalies."""
        found: Floats = self.score_samples(X) - self.offset_
        return found

    def predict(self, X: Any) -> NDArray[np.int64]:
        """-1 for anomalies, 1 for the others, shape (items,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def fit_predict(self, X: Any, y: Any = None) -> NDArray[np.int64]:
        """Fit, and flag the training items themselves, each as if it had not been one of them.

        Raises:
            CompositionError: With ``novelty`` or a false-alarm rate, by which training items are
                clean.
        """
        if self._clean:
            raise CompositionError(
                "with novelty or a false-alarm rate the training items are taken to be clean, and "
                "fit_predict has nothing to flag. Call fit, and predict for new items."
            )
        return np.where(self.fit(X).labels_ == 1, -1, 1)

    def probabilities(self, X: Any) -> Floats:
        """How sure it is that items are unusual, from 0 to 1; see `Detector.probabilities`."""
        return self.detector_.probabilities(-self.score_samples(X))

    def p_values(self, X: Any) -> Floats:
        """The probability that a normal item would be at least as unusual, at most.

        Raises:
            CompositionError: Fitted without a false-alarm rate, so that nothing was held out.
        """
        scores = -self.score_samples(X)
        if self._held_out is None:
            raise CompositionError("p-values need held-out items: fit with a false_alarm_rate.")
        return conformal_p_values(scores, self._held_out)

    def explain(self, X: Any, top: int = 3) -> list[list[Reason]]:
        """The columns that make each row unusual; see `Detector.reasons`."""
        trained_of(self, "explain")
        return self.detector_.reasons(X, top=top)

    def step_scores(self, X: Any) -> Floats:
        """How unusual each step of a series is, in nats; see `StepDetector.score`.

        Raises:
            CompositionError: Fitted on items that are no series.
        """
        return self._steps().score(X)

    def events(self, X: Any, threshold: float | None = None) -> list[Event]:
        """Runs of unusual steps; see `StepDetector.events`.

        Args:
            X: Series of the kind seen in fit.
            threshold: Step scores above it make events; ``None`` takes what fits the contamination.

        Raises:
            CompositionError: Fitted on items that are no series.
        """
        steps = self._steps()
        if threshold is None and self.contamination != "auto":
            threshold = float(np.nanquantile(steps.training, 1 - float(self.contamination)))
        return steps.events(X, threshold)

    def _steps(self) -> StepDetector:
        trained_of(self, "step_scores")
        if "steps_" not in vars(self):
            raise CompositionError(
                "scores of steps are for series; fit with domain=SeriesDomain(window=64)."
            )
        return self.steps_

    def __sklearn_is_fitted__(self) -> bool:
        return "detector_" in vars(self)


def _at(items: Any, places: NDArray[np.int64]) -> Any:
    return items.iloc[places] if is_frame(items) else items[places]
