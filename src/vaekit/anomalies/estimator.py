"""The scikit-learn detector of anomalies, what it chooses by the data, and what it holds out."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from torch import Tensor

from vaekit.anomalies.detector import (
    Detector,
    check_storable,
    detector_files,
    fit_detector,
    partial_fit_detector,
    read_detector,
)
from vaekit.anomalies.drift import Drift
from vaekit.anomalies.graphs import detector_extra
from vaekit.anomalies.inputs import AnomalyScore
from vaekit.anomalies.patches import PatchDistance
from vaekit.anomalies.reasons import Reason
from vaekit.anomalies.scores import SCORES
from vaekit.anomalies.steps import AnomalousEvent, StepScorer
from vaekit.anomalies.threshold import (
    check_contamination,
    check_rate,
    choose_threshold,
    conformal_p_values,
)
from vaekit.autoencoder import Autoencoder, adopt_features, read_model, require_trained
from vaekit.domains.base import Domain
from vaekit.domains.checks import as_numbers, is_frame
from vaekit.domains.choice import collect_items, infer_domain
from vaekit.domains.hooks import DetectorDefaults, TrainingBudget
from vaekit.domains.sources import read_source
from vaekit.errors import CompositionError, SpecError
from vaekit.exports.bundle import export_model
from vaekit.exports.folders import ExportReport
from vaekit.fitting.fit import Plan
from vaekit.hub.push import Shareable
from vaekit.places import is_there
from vaekit.presets.base import Preset
from vaekit.registry import get
from vaekit.seeds import check_seed
from vaekit.storage.loading import locate_run
from vaekit.storage.runs import options_from_json, options_to_json, reading, write_run
from vaekit.training.callbacks import Callback, CallbackList
from vaekit.training.config import SuggestedSteps, TrainConfig


def resolve_defaults(
    domain: Domain, clean: bool, X: Any, method: str | AnomalyScore = "auto"
) -> DetectorDefaults:
    """Return what suits items of a kind.

    Args:
        domain: The kind.
        clean: Whether the training items are known to be normal.
        X: The training items.
        method: What tells anomalies: ``"auto"``, one of `SCORES`, or a score of your own.

    Raises:
        CompositionError: Patches of items that are no images.
    """
    parts = SCORES.get(method, ()) if isinstance(method, str) else (method,)
    is_local = any(isinstance(part, PatchDistance) for part in parts)
    if is_local and not domain.draws_images:
        raise CompositionError(
            f"patches are of images; these items are none, but {type(domain).__name__}. Use "
            "another method, or method='auto'."
        )
    if method == "auto":
        found = domain.detector_defaults(clean, X)
    else:
        found = domain.defaults_of_method(is_local, clean, X)
        found = found._replace(score=method) if isinstance(method, str) else found
    # Nobody draws new items from a detector: a density that takes no time to fit will do.
    return found._replace(preset=replace(found.preset, prior="gaussian"))


PARTS = 5
"""Of so many equal parts of the items one is held out."""

_FEWEST = 20


def held_out_count(items: int, rate: float) -> int:
    """Return how many of so many items to hold out, for a false-alarm rate.

    Raises:
        SpecError: It would be more than half of them.

    Example:
        >>> held_out_count(1000, 0.01)
        200
    """
    count = max(_FEWEST, int(np.ceil(1 / rate)) - 1, items // PARTS)
    if count > items // 2:
        raise SpecError(
            f"a false-alarm rate of {rate} needs {count} items to compare with, at most half "
            f"of all; got {items} items. Ask for a higher rate, or pass more items."
        )
    return count


def _check_parts(domain: Domain) -> None:
    """Refuse items that cannot be held out at random.

    Raises:
        CompositionError: Windows of one series.
    """
    if domain.items_overlap:
        raise CompositionError(
            "a false-alarm rate holds items out at random, and the windows of one series overlap. "
            "Choose a contamination, or a threshold for events."
        )


def split_off(X: Any, domain: Domain, rate: float | None, seed: int) -> tuple[Any, Any]:
    """Items to learn from, and, for a false-alarm rate, items to compare with, else ``None``.

    Raises:
        CompositionError: Windows of one series, which overlap.
        SpecError: Too few items for the rate.
    """
    if rate is None:
        return X, None
    _check_parts(domain)
    return parted(X, held_out_count(len(X), rate), seed)


def parted(X: Any, count: int, seed: int) -> tuple[Any, Any]:
    """Return all items but so many, chosen at random, and those."""
    X = X if is_frame(X) else as_numbers(X) if isinstance(X, Tensor) else np.asarray(X)
    order = np.random.default_rng(seed).permutation(len(X))
    return _at(X, order[count:]), _at(X, order[:count])


def _at(items: Any, positions: NDArray[np.int64]) -> Any:
    return items.iloc[positions] if is_frame(items) else items[positions]


def partial_fit_estimator(estimator: "VAEDetector", X: Any) -> tuple[Detector, Tensor | None]:
    """See `VAEDetector.partial_fit`.

    Returns:
        What was learned, and the held-out items with some of the new ones.
    """
    if estimator.steps_ is not None:
        raise CompositionError(
            "detectors of series are fitted anew: all series together tell what is usual at a "
            "step. Call fit with all of them."
        )
    autoencoder, rows = estimator.autoencoder_, estimator.held_out_rows_
    if rows is not None:
        X, held_out = parted(X, len(X) // PARTS, estimator.seed)
        if len(held_out):
            rows = torch.cat([rows, autoencoder.domain_.prepare(held_out)])
    plan = Plan(**{f.name: getattr(autoencoder, f.name) for f in fields(Plan)})
    options = {f.name: getattr(autoencoder, f.name) for f in fields(TrainConfig)}
    return partial_fit_detector(estimator.detector_, plan, TrainConfig(**options), X), rows


Floats = NDArray[np.float64]


class VAEDetector(Shareable, OutlierMixin, BaseEstimator):
    """Learns what is usual, and tells what is not.

    By default the training items may hold anomalies (outlier detection): then what counts is how
    far an item is from one training item in twenty, where columns that the model tells well count
    more, and of rows of a table how far from the more usual half. If you know that they are clean,
    say ``novelty=True``: then it is how far the nearest ones are, and how probable as a variant of
    one. In tables a row is unusual as well that breaks a rule between columns.

    It takes no ``sample_weight``: a rare item that counted more would no longer be rare.

    Args:
        contamination: Share of anomalies in the training items, above 0, at most .5: so many of
            them are flagged. ``"auto"`` flags what is more than three robust deviations above the
            median score.
        novelty: Whether the training items are known to be clean.
        false_alarm_rate: In place of a contamination: the share of new normal items that may be
            flagged, above 0, below 1. It needs clean training items, of which a fifth is held out
            to compare with, and is met in finite samples.
        method: ``"auto"`` takes what suits (of images of 48 pixels a side or more ``"patches"``, or
            ``"patches_efficientnet"`` where its packages are installed); or one of
            `vaekit.anomalies.SCORES`; or a score of your own, as ``PatchDistance(network)``, with
            which it cannot be saved.
        preset: The model, by name or with options, one with a density; ``"auto"`` takes a VAE, of
            clean numbers one that compresses less.
        domain: The kind of items, ``"auto"``, a name or a `Domain`; of series
            ``SeriesDomain(window=64)``, for which there are also `step_scores` and `events`.
        latent_dim: Number of latents; ``None`` takes what suits the items.
        max_epochs: Passes over the items; ``None`` takes as many as suit the items.
        seed: Seed of everything random.
        progress: Show a bar; ``None`` does so on a terminal.
        callbacks: `Callback` objects, called during the fit: to log it, look at it, stop it. They
            are neither stored nor copied.

    Attributes:
        detector_: The fitted `vaekit.anomalies.Detector`.
        autoencoder_: The fitted `Autoencoder`.
        domain_: What was learned about the data.
        method_: What ``method="auto"`` took, of a detector that was fitted here.
        offset_: `score_samples` below it means an anomaly.
        decision_scores_: The scores of the training items, the higher the more unusual, as PyOD
            has them; with a false-alarm rate of those that were learned from.
        held_out_: Scores of the held-out items; ``None`` without a false-alarm rate.
        steps_: Of series: the fitted `vaekit.anomalies.StepScorer`; else ``None``.
        labels_: 1 for training items that are flagged, else 0, as PyOD has them.
        source_: Of a detector that was loaded from the hub: its name there, with the commit; else
            ``None``.

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
        method: str | AnomalyScore = "auto",
        preset: str | Preset = "auto",
        domain: str | Domain = "auto",
        latent_dim: int | None = None,
        max_epochs: int | None = None,
        seed: int = 0,
        progress: bool | None = None,
        callbacks: Sequence[Callback] | None = None,
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
        self.callbacks = callbacks

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from items; what was learned before is forgotten.

        Args:
            X: An array of numbers, a data frame, images, or a path to them; at least 2 items.
            y: Ignored, as in scikit-learn.

        Raises:
            VaekitError: As of `Autoencoder.fit`.
            SpecError: A contamination or rate out of range.
        """
        check_seed(self.seed)
        check_contamination(self.contamination)
        check_rate(self.false_alarm_rate)
        domain = None
        if isinstance(X, str | Path) and is_there(X) and Path(X).is_dir():
            domain = infer_domain(X, self.domain).with_source(X)
        X = _read(X) if domain is None else X
        domain = infer_domain(X, self.domain).with_source(X) if domain is None else domain
        X, held_out = split_off(domain.read(X), domain, self.false_alarm_rate, self.seed)
        defaults = resolve_defaults(domain, self._clean, X, self.method)
        autoencoder = self._autoencoder(defaults).fit_inner(X)
        with CallbackList(self.callbacks).ending(self, self.save):
            score = defaults.score if isinstance(self.method, str) else self.method
            self.method_ = score if isinstance(score, str) else type(score).__name__
            detector = fit_detector(autoencoder.trained_, X, score=score)
            rows = None if held_out is None else autoencoder.domain_.prepare(held_out)
            steps = autoencoder.domain_.fit_step_detector(detector, X)
            return self.from_trained(autoencoder, detector, rows, steps)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Go on learning from more items of the same kind; the first call is a `fit`.

        The model is trained on them among up to 10,000 kept ones of those before, so that it
        forgets nothing, and the scores, the threshold and the held-out items are brought up to
        date. Columns, labels and scaling stay those of the first call.

        Args:
            X: New items, at least 1.
            y: Ignored.

        Raises:
            DataError: Items that are not of the kind seen before; nothing is changed.
            CompositionError: Fitted on series.
        """
        if not self.__sklearn_is_fitted__():
            return self.fit(X)
        is_folder = isinstance(X, str | Path) and Path(X).is_dir()
        items = self.autoencoder_.domain_.read(X) if is_folder else _read(X)
        detector, rows = partial_fit_estimator(self, items)
        history, notes = self.autoencoder_.history_, self.autoencoder_.notes_
        self.autoencoder_.from_trained(detector.trained, history, notes)
        return self.from_trained(self.autoencoder_, detector, rows)

    def from_trained(
        self,
        autoencoder: Autoencoder,
        detector: Detector,
        rows: Tensor | None,
        steps: StepScorer | None = None,
    ) -> Self:
        """Take over what was learned elsewhere, as `load_detector` does, and find the threshold."""
        self.autoencoder_, self.detector_, self.held_out_rows_ = autoencoder, detector, rows
        self.domain_ = autoencoder.domain_
        self.source_: str | None = None
        self.decision_scores_: Floats = detector.training
        self.held_out_ = None if rows is None else detector.score_rows(rows)
        rate, share = self.false_alarm_rate, self.contamination
        self.offset_ = -choose_threshold(detector.training, share, self.held_out_, rate)
        self.steps_: StepScorer | None = steps
        self.labels_: NDArray[np.int64] = (self.decision_scores_ > -self.offset_).astype(np.int64)
        adopt_features(self, autoencoder)
        return self

    def save(self, path: str | Path) -> None:
        """Write a run folder with the model and what tells anomalies; `load_detector` reads it.

        The files hold some of the training items. Nothing in them is ever executed.

        Raises:
            SaveError: Disk full, or the folder holds something else; nothing is changed.
            CompositionError: The method is a score of your own.
        """
        require_trained(self, "save")
        check_storable(self.detector_)
        options = options_to_json(self.get_params(deep=False))
        rows = self.held_out_rows_
        arrays = {} if rows is None else {"held_out": rows.numpy()}
        arrays |= {} if self.steps_ is None else self.steps_.arrays
        files = detector_files(self.detector_, {"options": options}, arrays)
        write_run(path, self.autoencoder_.run_folder(), files)

    def export(
        self,
        path: str | Path,
        to: str,
        data: Any = None,
        only: Sequence[str] | None = None,
    ) -> ExportReport:
        """Write the whole detector as graphs, as `Autoencoder.export` does models.

        Beside those of the model there is ``detect``: from raw items to scores, verdicts by the
        threshold, probabilities, and p-values where there is a false-alarm rate.

        Args:
            path: A new folder, or one that was written by this before.
            to: ``"onnx"`` or ``"torch-export"``.
            data: Items to compare both with, 16 at most; ``None`` takes samples of the model.
            only: The programs to write, ``("detect",)`` for one; ``None`` for all.

        Raises:
            SpecError: No such form.
            CompositionError: Nothing of it has that form.
            SaveError: Disk full, the folder holds something else, or graphs differ by more than
                1e-4; nothing is changed.
        """
        trained = require_trained(self, "export")
        extra = detector_extra(self.detector_, -self.offset_, self.held_out_)
        return export_model(trained, path, to, extra, data, only)

    @property
    def _clean(self) -> bool:
        return self.novelty or self.false_alarm_rate is not None

    def _autoencoder(self, defaults: DetectorDefaults) -> Autoencoder:
        own = self.preset != "auto"
        budget = TrainingBudget() if own else defaults.budget
        return Autoencoder(
            self.preset if own else defaults.preset,
            defaults.latent_dim if self.latent_dim is None else self.latent_dim,
            domain=defaults.domain,
            likelihood=defaults.likelihood,
            steps=SuggestedSteps(budget.steps),
            batch_size=budget.batch_size,
            learning_rate=budget.learning_rate,
            max_epochs=budget.max_epochs if self.max_epochs is None else self.max_epochs,
            validation=0.0,
            seed=self.seed,
            progress=self.progress,
            callbacks=self.callbacks,
        )

    def score_samples(self, X: Any) -> Floats:
        """Return how usual items are: the lower, the more unusual. The same at every call."""
        require_trained(self, "score_samples")
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
        """Return the probability that a normal item would be at least as unusual, at most.

        Raises:
            CompositionError: Fitted without a false-alarm rate, so that nothing was held out.
        """
        scores = -self.score_samples(X)
        if self.held_out_ is None:
            raise CompositionError("p-values need held-out items: fit with a false_alarm_rate.")
        return conformal_p_values(scores, self.held_out_)

    def explain(self, X: Any, top: int = 3) -> list[list[Reason]]:
        """Return the columns, or regions, that make items unusual; see `Detector.reasons`."""
        require_trained(self, "explain")
        return self.detector_.reasons(X, top=top)

    def heat_maps(self, X: Any) -> Floats:
        """Where images are unusual, shape (images, height, width); see `Detector.heat_maps`."""
        require_trained(self, "heat_maps")
        return self.detector_.heat_maps(X)

    def drift(self, X: Any) -> Drift:
        """Return whether items are as those of training were; see `Detector.drift`.

        With a false-alarm rate scores are compared with those of the held-out items.
        """
        rows = require_trained(self, "drift").domain.prepare(X)
        return self.detector_.drift(rows, self.detector_.score_rows(rows), self.held_out_)

    def step_scores(self, X: Any) -> Floats:
        """Return how unusual each step of a series is, in nats; see `StepScorer.score`.

        Raises:
            CompositionError: Fitted on items that are no series.
        """
        return self.steps_of().score(X)

    def events(self, X: Any, threshold: float | None = None) -> Sequence[AnomalousEvent]:
        """Runs of steps with scores above a threshold; see `StepScorer.events`."""
        steps = self.steps_of()
        if threshold is None and self.contamination != "auto":
            threshold = float(np.nanquantile(steps.training, 1 - float(self.contamination)))
        return steps.events(X, threshold)

    def steps_of(self) -> StepScorer:
        """``steps_``, where there are some."""
        require_trained(self, "step_scores")
        if self.steps_ is None:
            raise CompositionError(
                "scores of steps are for series; fit with domain=SeriesDomain(window=64)."
            )
        return self.steps_

    def explore(self, X: Any = None) -> Any:
        """Return a widget for notebooks that shows items and what is unusual; see `vaekit explore`.

        Args:
            X: Items of the kind seen in training; ``None`` shows samples of the model.

        Raises:
            MissingExtraError: The extra ``notebook`` is not installed.
        """
        require_trained(self, "explore")
        return get("displays", "explore")(self, X)

    def __sklearn_is_fitted__(self) -> bool:
        return "detector_" in vars(self)


def _read(X: Any) -> Any:
    return read_source(X) if isinstance(X, str | Path) else collect_items(X)


def load_detector(path: str | Path) -> VAEDetector:
    """Read what `VAEDetector.save` wrote; nothing in it is ever executed.

    Args:
        path: The run folder.

    Raises:
        FormatError: Damaged, truncated, foreign, of a newer format, or a run without a detector.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(300, 3))
        >>> detector = VAEDetector(max_epochs=3, progress=False).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     detector.save(f"{folder}/run")
        ...     loaded = load_detector(f"{folder}/run")
        >>> bool((loaded.score_samples(X) == detector.score_samples(X)).all())
        True
    """
    return read_stored(locate_run(path))


def read_stored(folder: Path, components: Mapping[str, Any] | None = None) -> VAEDetector:
    """Return what `VAEDetector.save` wrote; see `vaekit.load`."""
    autoencoder = read_model(folder, components)
    with reading(folder):
        found, notes, arrays = read_detector(folder, autoencoder.trained_)
        place = f"{folder / 'detector.json'}: notes.options"
        detector = VAEDetector(**options_from_json(notes.get("options"), VAEDetector, place))
        check_contamination(detector.contamination)
        check_rate(detector.false_alarm_rate)
        rows = arrays.get("held_out")
        held_out = None if rows is None else torch.from_numpy(rows)
        steps = autoencoder.domain_.restore_step_detector(found, arrays)
        return detector.from_trained(autoencoder, found, held_out, steps)
