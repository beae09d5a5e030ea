"""Training that starts from a model that is trained already."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vaekit.errors import CompositionError, DataError
from vaekit.fitting.callbacks import FitReporter, stage_of
from vaekit.fitting.first_stage import is_frozen, planned_steps
from vaekit.fitting.fit import (
    Fitted,
    Plan,
    continue_training,
    examine,
    fit_prior,
    fit_start,
    weighted,
)
from vaekit.fitting.prior import MOST_STEPS, time_left
from vaekit.fitting.trained import TrainedModel, as_items, resolve_context
from vaekit.models.vae import VAE
from vaekit.presets.base import Preset
from vaekit.randomness import seeded
from vaekit.training.callbacks import Callback, CallbackList
from vaekit.training.config import Items, TrainConfig


def fine_tune_model(
    trained: TrainedModel,
    plan: Plan,
    X: Any,
    context: Any,
    config: TrainConfig,
    targets: Sequence[str] = (),
    callbacks: Sequence[Callback] | None = None,
    sample_weight: Any = None,
    folder: str | Path | None = None,
    resume: bool = False,
) -> Fitted:
    """Train a model further on new items, then fit its sampling prior to them.

    Args:
        trained: The model; changed in place.
        plan: How it was built, for its objective.
        X: The new items.
        context: Their labels or properties, if the model is conditional.
        config: How to train.
        targets: Of molecules: properties that it is to learn as well; see `MoleculeDomain`.
        callbacks: Of the user; all hooks but `Callback.on_fit_end` are called here.
        sample_weight: How much each item counts, at least 0; ``None`` for all alike.
        folder: Where checkpoints go; ``None`` for nowhere.
        resume: Whether to go on from the checkpoint there.

    Raises:
        CompositionError: A model without latents, or targets of other data.
        DataError: Items that the model cannot read, or weights that do not suit them.
    """
    if not isinstance(trained.model, VAE):
        raise CompositionError(
            f"fine-tuning needs a model with latents; got {type(trained.model).__name__}. Fit it "
            "anew with all of the data."
        )
    told = CallbackList(callbacks)
    started = time.monotonic()
    context = resolve_context(trained.domain, X, context, must=True)
    found = _readable(trained, X, context, sample_weight)
    if targets:
        with seeded(config.seed):
            trained = trained.domain.taught(trained, targets, found)
    items = as_items(trained.domain, trained.context, found, context, all_captions=True)
    items = weighted(replace(items, groups=trained.domain.split_groups(found)), sample_weight)
    place = _Place(folder, resume)
    preset, _ = plan.resolve(trained.domain)
    config = config.suggested(preset.training_for(len(items), trained.domain.event_shape))
    if not told:
        return _continue(trained, plan, items, config, preset, started, None, place)
    reporter = FitReporter(told, trained.domain, trained.context, items)
    with told.fitting(
        fit_start(plan, preset, trained.domain, items, config, trained.model, folder)
    ):
        fitted = _continue(trained, plan, items, config, preset, started, reporter, place)
        reporter.finish(fitted.trained.model, fitted.health)
    return fitted


@dataclass(frozen=True)
class _Place:
    """Where checkpoints go, and whether to go on from one."""

    folder: str | Path | None
    resume: bool


def _continue(
    trained: TrainedModel,
    plan: Plan,
    items: Items,
    config: TrainConfig,
    preset: Preset,
    started: float,
    reporter: FitReporter | None,
    place: _Place,
) -> Fitted:
    """Train further, fit the sampling prior, and examine the latents."""
    listeners = () if reporter is None else (reporter,)
    with stage_of(reporter, "model", is_there=not is_frozen(trained.model)):
        result = continue_training(
            trained, plan, items, config, listeners, place.folder, place.resume
        )
    trained = trained.domain.finished(trained, items, config)
    if is_frozen(trained.model):
        steps, seconds = planned_steps(config, len(items), MOST_STEPS), time_left(config, 0.0)
    else:
        steps, seconds = int(result.history[-1]["step"]), None
    with stage_of(reporter, "prior"):
        fit_prior(trained, items, config, preset.prior, steps, seconds, reporter=reporter)
    health = examine(trained, items, config)
    return Fitted(preset, trained, result, health, time.monotonic() - started)


def _readable(trained: TrainedModel, X: Any, context: Any, sample_weight: Any) -> Any:
    """Return the items that the model can read; others are an error with context or weights."""
    kept, lost = trained.domain.readable(X)
    if not lost:
        return kept
    if context is not None or sample_weight is not None or not len(kept):
        raise DataError(
            f"items must have the tokens and lengths that the model was trained with; "
            f"{lost} of {lost + len(kept)} have others. Leave them out, or fit a new model."
        )
    warnings.warn(
        f"left out: {lost} of {lost + len(kept)} items, which have tokens or lengths that the "
        "model was not trained with. A new model would learn them.",
        stacklevel=4,
    )
    return kept
