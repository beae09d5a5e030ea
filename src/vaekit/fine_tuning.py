"""Training that starts from a model that is trained already."""

import copy
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from vaekit.autoencoder import Autoencoder
from vaekit.domains import MoleculeDomain
from vaekit.errors import unknown_name
from vaekit.loading import load
from vaekit.tasks import Plan
from vaekit.tasks.fine_tune import fine_tune_model
from vaekit.training import TrainConfig

__all__ = ["fine_tune"]


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
    if targets and isinstance(domain, MoleculeDomain):
        unlearnt = replace(domain, tokeniser=None, vocabulary=None, scales=None)
        tuned.set_params(domain=unlearnt)
    tuned.health_ = fitted.health
    notes = {"seconds": fitted.seconds, "preset": str(fitted.preset)}
    return tuned.adopt(fitted.trained, fitted.result.history, notes)
