"""Checks of objectives, and one call for any part."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from vaekit.errors import ConformanceError
from vaekit.likelihoods.base import Likelihood
from vaekit.models.vae import Model
from vaekit.objectives.base import Objective, check_composition
from vaekit.posteriors.base import Posterior
from vaekit.priors.base import Prior
from vaekit.randomness import seeded
from vaekit.testing.parts import check_likelihood, check_posterior, check_prior, require
from vaekit.types import Batch, TrainingProgress

_CLOCKS = (TrainingProgress(0, 10, 100), TrainingProgress(9, 10, 100))


def check_objective(objective: Objective, model: Model, batch: Batch, seed: int = 0) -> None:
    """Check that an objective keeps its promises on a model that it should train.

    Its groups hold every parameter once; its losses are finite scalars, each with a gradient to
    its own group; it can be evaluated without gradients, as validation does.

    Args:
        objective: Yours.
        model: A model that it trains; a copy is used.
        batch: Some items.
        seed: Of the draws.

    Raises:
        ConformanceError: Says which rule is broken.
        CompositionError: The model does not provide what the objective requires.
    """
    model, objective = copy.deepcopy((model, objective))
    check_composition(model, objective)
    groups = {name: list(group) for name, group in objective.groups(model).items()}
    _check_groups(objective, model, groups)
    with seeded(seed):
        for progress in _CLOCKS:
            _check_losses(objective, model, batch, progress, groups)
        _check_evaluation(objective, model, batch)


def _check_groups(
    objective: Objective, model: Model, groups: Mapping[str, list[nn.Parameter]]
) -> None:
    name = type(objective).__name__
    grouped = [id(p) for group in groups.values() for p in group]
    trained = {id(p) for p in [*model.parameters(), *objective.parameters()]}
    require(
        len(grouped) == len(set(grouped)),
        f"no parameter may be in two groups of {name}",
        f"{len(grouped) - len(set(grouped))} that are",
        "Two optimisers would pull at it.",
    )
    require(
        set(grouped) == trained,
        f"the groups of {name} must hold every parameter of model and objective",
        f"{len(trained - set(grouped))} left out",
        "Critics belong to a group of their own.",
    )


def _check_losses(
    objective: Objective,
    model: Model,
    batch: Batch,
    progress: TrainingProgress,
    groups: Mapping[str, list[nn.Parameter]],
) -> None:
    name, count = type(objective).__name__, 0
    for update in objective.losses(model, batch, progress):
        count += 1
        require(
            set(update.losses) <= set(groups),
            f"losses of {name} must be for its groups {sorted(groups)}",
            sorted(update.losses),
            "",
        )
        for group, loss in update.losses.items():
            require(
                loss.shape == () and bool(loss.isfinite()),
                f"the loss of group {group!r} of {name} must be a finite scalar",
                loss,
                "Take the mean over draws and items last.",
            )
            gradients = torch.autograd.grad(
                loss, groups[group], allow_unused=True, retain_graph=True
            )
            require(
                any(g is not None and bool(g.any()) for g in gradients),
                f"the loss of group {group!r} of {name} must have a gradient to that group",
                "none",
                "Look for a detach too many.",
            )
        attached = [term for term, value in update.terms.items() if value.requires_grad]
        require(not attached, f"terms of {name} must be detached", attached, "")
    require(count > 0, f"{name} must yield an update", "none", "")


def _check_evaluation(objective: Objective, model: Model, batch: Batch) -> None:
    model.eval()
    objective.eval()
    with torch.no_grad():
        updates = list(objective.losses(model, batch, _CLOCKS[1]))
    require(bool(updates), f"{type(objective).__name__} must be evaluated, too", "nothing", "")


def check(part: Any) -> None:
    """Check a posterior, a prior or a likelihood of your own.

    An objective needs a model to be checked on: see `check_objective`.

    Raises:
        ConformanceError: Says which promise of its base class it breaks.

    Example:
        >>> from vaekit.priors import LearnedMixture
        >>> check(LearnedMixture(2, num_components=3))
    """
    if isinstance(part, Posterior):
        check_posterior(part)
    elif isinstance(part, Prior):
        check_prior(part)
    elif isinstance(part, Likelihood):
        check_likelihood(part)
    else:
        raise ConformanceError(
            f"check takes a Posterior, a Prior or a Likelihood; got {type(part).__name__}. Derive "
            "from one of these; for objectives call check_objective(objective, model, batch)."
        )
