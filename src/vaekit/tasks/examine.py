"""What happens once training is over: fit the sampling prior, look at the latents."""

import time

import torch

from vaekit.metrics import Health, latent_health
from vaekit.models import VAE
from vaekit.priors import FlowMatching
from vaekit.priors.network import NetworkPrior
from vaekit.randomness import make_generator, seeded
from vaekit.tasks.named_priors import prior_after
from vaekit.tasks.refit import refit_prior
from vaekit.tasks.trained import Trained, batches_of
from vaekit.training import Items, TrainConfig

__all__ = ["examine", "fit_prior", "settle"]

_HEALTH_ITEMS = 2000
_PRIOR_ITEMS = 20_000
_FLOW_ITEMS = 100_000
_SETTLING_ROUNDS, _SETTLING_CELLS = 5, 1_000_000


@torch.no_grad()
def settle(trained: Trained, items: Items, config: TrainConfig) -> None:
    """Let the likelihood put its constants right, where it has some to put right.

    Args:
        trained: The model.
        items: What it was trained on.
        config: How: the same split and seed are used here.
    """
    if not (isinstance(trained.model, VAE) and trained.vae.likelihood.settles):
        return
    generator = make_generator(config.seed)
    training, _ = items.split(config.held_out, generator)
    some = _some(training, max(500, _SETTLING_CELLS // trained.domain.num_features))
    with seeded(generator):
        for _ in range(_SETTLING_ROUNDS):
            batches = batches_of(some, trained.device)
            trained.vae.likelihood.settle((trained.vae.evidence(b).px, b) for b in batches)


def fit_prior(
    trained: Trained,
    items: Items,
    config: TrainConfig,
    prior: str = "auto",
    steps: int = 0,
    seconds: float | None = None,
) -> float:
    """Fit a prior to the latents of training items, for the model to sample from.

    Args:
        trained: The model; its fitted prior is set. One without latents is left as it is.
        items: What it was trained on.
        config: How: the same split and seed are used here.
        prior: Name of what to fit; see `NAMED_PRIORS`.
        steps: How many steps the training took; see `prior_after`.
        seconds: After which the fit of a network stops; ``None`` for no limit.

    Returns:
        The seconds that it took.
    """
    started = time.monotonic()
    if not isinstance(trained.model, VAE):
        return 0.0
    generator = make_generator(config.seed)
    training, _ = items.split(config.held_out, generator)
    shape = trained.domain.event_shape
    chosen = prior_after(prior, trained.vae, shape, len(training), steps)
    if isinstance(chosen, NetworkPrior) and seconds is not None:
        chosen.deadline = started + seconds
    most = _FLOW_ITEMS if isinstance(chosen, FlowMatching) else _PRIOR_ITEMS
    fitting = batches_of(_some(training, most), trained.device)
    refit_prior(trained.vae, fitting, chosen, generator=generator)
    return time.monotonic() - started


def examine(trained: Trained, items: Items, config: TrainConfig) -> Health | None:
    """Measure the latents, and both priors, on held-out items.

    Args:
        trained: The model.
        items: What it was trained on.
        config: How: the same split and seed are used here.

    Returns:
        The health of the latents; ``None`` for a model without latents.
    """
    if not isinstance(trained.model, VAE):
        return None
    training, held_out = items.split(config.held_out, make_generator(config.seed))
    measured = batches_of(_some(held_out or training, _HEALTH_ITEMS), trained.device)
    with seeded(config.seed):
        return latent_health(trained.vae, measured)


def _some(items: Items, most: int) -> Items:
    """The items, or evenly spaced ones where there are too many."""
    if len(items) <= most:
        return items
    return items.subset(torch.linspace(0, len(items) - 1, most).long())
