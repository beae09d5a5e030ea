"""Going on from a trained model, on other data of its kind."""

import time
import warnings
from collections.abc import Sequence
from typing import Any

from vaekit.domains import MoleculeDomain
from vaekit.errors import CompositionError, DataError
from vaekit.models import VAE
from vaekit.randomness import seeded
from vaekit.tasks.examine import examine, fit_prior
from vaekit.tasks.fitting import Fitted, Plan, train_further
from vaekit.tasks.molecules.measured import with_errors
from vaekit.tasks.molecules.readable import readable_molecules
from vaekit.tasks.molecules.teach import with_targets
from vaekit.tasks.trained import Trained, as_items
from vaekit.training import TrainConfig

__all__ = ["fine_tune_model"]


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
        targets: Of molecules: properties that it is to learn as well; see `with_targets`.

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
            trained = with_targets(trained, targets, found)
    items = as_items(trained.domain, trained.context, found, context)
    preset, _ = plan.settled_for(trained.domain)
    config = config.suggested(preset.training_for(len(items)))
    result = train_further(trained, plan, items, config)
    trained = with_errors(trained, items, config)
    steps = int(result.history[-1]["step"])
    fit_prior(trained, items, config, preset.prior, steps, None)
    health = examine(trained, items, config)
    return Fitted(preset, trained, result, health, time.monotonic() - started)


def _readable(trained: Trained, X: Any, context: Any) -> Any:
    """Of molecules those that the model has tokens for; others are an error with a context."""
    domain = trained.domain
    if not isinstance(domain, MoleculeDomain):
        return domain.read(X)
    kept, lost = readable_molecules(domain, X)
    if not lost:
        return kept
    if context is not None or not len(kept):
        raise DataError(
            f"molecules must have the tokens and lengths that the model was trained with; "
            f"{lost} of {lost + len(kept)} have others. Leave them out, or fit a new model."
        )
    warnings.warn(
        f"left out: {lost} of {lost + len(kept)} molecules, which have tokens or lengths that the "
        "model was not trained with. A new model would learn them.",
        stacklevel=4,
    )
    return kept
