"""Training that starts from a model that is trained already."""

import copy
import time
import warnings
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from vaekit.autoencoder import Autoencoder
from vaekit.errors import CompositionError, DataError, unknown_name
from vaekit.fitting.fit import Fitted, Plan, examine, fit_prior, train_further
from vaekit.fitting.trained import Trained, as_items
from vaekit.models.vae import VAE
from vaekit.randomness import seeded
from vaekit.storage.loading import load
from vaekit.training.config import TrainConfig


def fine_tune_model(
    trained: Trained,
    plan: Plan,
    X: Any,
    context: Any,
    config: TrainConfig,
    targets: Sequence[str] = (),
) -> Fitted:
    """Train a model further on new items, then fit its sampling prior to them.

    Args:
        trained: The model; changed in place.
        plan: How it was built, for its objective.
        X: The new items.
        context: Their labels or properties, if the model is conditional.
        config: How to train.
        targets: Of molecules: properties that it is to learn as well; see `MoleculeDomain`.

    Raises:
        CompositionError: A model without latents, or targets of other data.
        DataError: Items that the model cannot read.
    """
    if not isinstance(trained.model, VAE):
        raise CompositionError(
            f"fine-tuning needs a model with latents; got {type(trained.model).__name__}. Fit it "
            "anew with all of the data."
        )
    started = time.monotonic()
    found = _readable(trained, X, context)
    if targets:
        with seeded(config.seed):
            trained = trained.domain.taught(trained, targets, found)
    items = as_items(trained.domain, trained.context, found, context)
    preset, _ = plan.settled_for(trained.domain)
    config = config.suggested(preset.training_for(len(items)))
    result = train_further(trained, plan, items, config)
    trained = trained.domain.finished(trained, items, config)
    steps = int(result.history[-1]["step"])
    fit_prior(trained, items, config, preset.prior, steps, None)
    health = examine(trained, items, config)
    return Fitted(preset, trained, result, health, time.monotonic() - started)


def _readable(trained: Trained, X: Any, context: Any) -> Any:
    """Return the items that the model can read; others are an error with a context."""
    kept, lost = trained.domain.readable(X)
    if not lost:
        return kept
    if context is not None or not len(kept):
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


def fine_tune(
    start: Autoencoder | str | Path,
    X: Any,
    context: Any = None,
    targets: Sequence[str] = (),
    **options: Any,
) -> Autoencoder:
    """Fit a copy of a trained model to other data of its kind, for instance few of them.

    What was learnt of the form of the data (columns, scales, tokens) stays, so the new ones must
    have it as well; of molecules those with other tokens, or longer ones, are left out with a
    warning. The step size is a quarter of the usual one, and as many steps are taken as the
    preset takes for so many items.

    Args:
        start: A fitted model, a run folder, or the name of a model of the package (``"moses"``).
        X: The new items, in any form that `Autoencoder.fit` takes.
        context: Their labels or properties, if the model is conditional.
        targets: Of molecules: properties that the latents are to tell as well, columns of numbers
            that come with them or computed ones; see `MoleculeDomain`. The model given need not
            have had any.
        **options: Options of the training, as of `Autoencoder`: ``max_epochs=5``.

    Returns:
        A new model; the one given stays as it was.

    Raises:
        CompositionError: The model is none with latents, or targets are asked of other data.
        SpecError: An option that is not of the training, or no target of that name.
        DataError: Items that the model cannot read.

    Example:
        >>> from vaekit.datasets import digits
        >>> x = digits().images
        >>> model = Autoencoder(latent_dim=4, max_epochs=1, progress=False).fit(x[:1500])
        >>> fine_tune(model, x[1500:], max_epochs=2).sample(3, seed=0).shape
        (3, 8, 8)
    """
    model = start if isinstance(start, Autoencoder) else load(start)
    known = [f.name for f in fields(TrainConfig)]
    for name in options:
        if name not in known:
            raise unknown_name("option of the training", name, known)
    chosen = {f.name: getattr(Autoencoder(), f.name) for f in fields(TrainConfig)} | options
    if "progress" not in options:
        chosen["progress"] = model.progress
    plan = Plan(**{f.name: getattr(model, f.name) for f in fields(Plan)})
    trained = copy.deepcopy(model.trained_)
    fitted = fine_tune_model(trained, plan, X, context, TrainConfig(**chosen), targets)
    tuned = Autoencoder(**{**model.get_params(deep=False), **chosen})
    domain = fitted.trained.domain
    if targets:
        tuned.set_params(domain=domain.unlearned())
    tuned.health_ = fitted.health
    notes = {"seconds": fitted.seconds, "preset": str(fitted.preset)}
    return tuned.adopt(fitted.trained, fitted.result.history, notes)
