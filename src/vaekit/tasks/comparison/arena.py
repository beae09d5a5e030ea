"""Where models meet: the same items, the same time, the same measures."""

import copy
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from vaekit.domains import Domain
from vaekit.errors import DataError, VaekitError
from vaekit.metrics import Features
from vaekit.models import VAE
from vaekit.randomness import make_generator
from vaekit.tasks.comparison.memory import sampling_megabytes
from vaekit.tasks.comparison.scoring import (
    SAMPLED_AT_ONCE,
    floor,
    latency,
    quality,
    sampling_seconds,
    scores_by_steps,
    with_editing,
)
from vaekit.tasks.comparison.settings import ComparisonSettings
from vaekit.tasks.comparison.snapshots import Snapshots
from vaekit.tasks.comparison.trial import Score, Trial
from vaekit.tasks.evaluation import EvaluationSettings, Subject
from vaekit.tasks.evaluation.features import choose_features
from vaekit.tasks.examine import fit_prior
from vaekit.tasks.fitting import Fitted, Plan, fit_model
from vaekit.tasks.named_priors import training_share
from vaekit.tasks.trained import as_items
from vaekit.training import TrainConfig

__all__ = ["SHOWN", "Arena"]

_ENDLESS = 100_000  # epochs: the time is the limit
_LEAST_ITEMS = 50
_LEARNT_SHARE = 0.4  # of the held-out items
SHOWN = 24
"""Items and samples kept to be looked at."""


@dataclass(frozen=True)
class Arena:
    """What all trials share.

    Attributes:
        training: Items to train on.
        held_out: Items to compare with.
        domain: What was learnt about them.
        features: What samples are compared by, learnt from neither.
        labels: Classes of the held-out items; ``None`` where classes are not known.
        settings: The options.
    """

    training: Any
    held_out: Any
    domain: Domain
    features: Features
    settings: ComparisonSettings
    labels: NDArray[Any] | None = None

    @classmethod
    def of(
        cls,
        X: Any,
        labels: Any,
        domain: Domain,
        features: Features | None,
        settings: ComparisonSettings,
    ) -> Self:
        """Learn the schema, split the items, learn the features.

        Raises:
            DataError: Too few items, or labels of another number.
        """
        X = domain.read(X)
        domain = domain.fit(X)
        rows = domain.prepare(X)
        learn, compared, training = _split(len(rows), settings.held_out)
        classes = _classes(labels, len(rows))
        if features is None:
            x = domain.encode(rows[torch.from_numpy(learn)])
            chosen = None if classes is None else classes[learn]
            features = choose_features(settings.features, x, chosen, seed=0)
        known = None if classes is None else classes[compared]
        return cls(_part(X, training), _part(X, compared), domain, features, settings, known)

    def trial(self, plan: Plan, seed: int) -> Trial:
        """Train and score one model; an expected failure is a result, too."""
        name, preset = str(plan.preset), plan.settled_for(self.domain)[0]
        seconds = 60 * self.settings.minutes * training_share(preset.prior, len(self.training))
        watch = Snapshots([seconds * mark for mark in self.settings.marks[:-1]])
        config = TrainConfig(
            max_epochs=_ENDLESS,
            max_minutes=self.settings.minutes,
            validation=0.0,
            progress=False,
            seed=seed,
        )
        try:
            fitted = fit_model(plan, self.training, None, config, callbacks=[watch])
            return self._scored(name, seed, fitted, watch, config)
        except VaekitError as error:
            return Trial(name, seed, failure=f"{type(error).__name__}: {error}")

    def _scored(
        self, name: str, seed: int, fitted: Fitted, watch: Snapshots, config: TrainConfig
    ) -> Trial:
        subject, seconds = self._subject(fitted), fitted.seconds
        model = fitted.trained.model
        last = quality(subject, seconds, sampling_seconds=sampling_seconds(model))
        if self.labels is not None:
            last = with_editing(last, subject, self.held_out, self.labels, seed)
        return Trial(
            name,
            seed,
            (*self._early(fitted, watch, config), last),
            tuple(scores_by_steps(subject, seconds, self.settings.steps)),
            latency(model),
            sampling_megabytes(model, SAMPLED_AT_ONCE),
            sum(p.numel() for p in model.parameters()),
            tuple(fitted.result.history),
            floor=floor(subject),
            samples=fitted.trained.sample(SHOWN, None, 0, "fitted"),
            trained=fitted.trained,
        )

    def _early(self, fitted: Fitted, watch: Snapshots, config: TrainConfig) -> list[Score]:
        """Scores of the weights kept on the way, each with a prior fitted to its own latents."""
        items, found = as_items(self.domain, None, self.training, None), []
        prior = fitted.preset.prior
        share = training_share(prior, len(items))
        steps = fitted.result.history[-1]["step"] / fitted.result.seconds
        for seconds, weights in watch.kept:
            model = copy.deepcopy(fitted.trained.model)
            if isinstance(model, VAE):
                model.fitted_prior = None
            model.load_state_dict(weights)
            early = replace(fitted, trained=replace(fitted.trained, model=model))
            left = seconds * (1 - share) / share or None
            spent = fit_prior(early.trained, items, config, prior, int(steps * seconds), left)
            found.append(quality(self._subject(early), seconds + spent))
        return found

    def _subject(self, fitted: Fitted) -> Subject:
        settings = EvaluationSettings(samples=self.settings.samples, k=self.settings.k)
        return Subject.of(fitted.trained, self.held_out, None, None, None, settings, self.features)


def _split(count: int, share: float) -> tuple[NDArray[np.int64], ...]:
    """Places of items to learn features from, to compare with, and to train on."""
    if count < _LEAST_ITEMS:
        raise DataError(
            f"a comparison needs at least {_LEAST_ITEMS} items; got {count}. Some thousands are "
            "better: scores of few items are mostly chance."
        )
    order = torch.randperm(count, generator=make_generator(0)).numpy()
    held_out = max(25, int(share * count))
    learn, compared, training = np.split(order, [int(_LEARNT_SHARE * held_out), held_out])
    return np.sort(learn), np.sort(compared), np.sort(training)


def _part(X: Any, places: NDArray[np.int64]) -> Any:
    """Some of the items, in the form of the data; indexing a data frame would take columns."""
    return getattr(X, "iloc", X)[places]


def _classes(labels: Any, count: int) -> NDArray[Any] | None:
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.shape != (count,):
        raise DataError(
            f"labels must be one class for each of the {count} items; got shape {array.shape}."
        )
    return array.astype(str)
