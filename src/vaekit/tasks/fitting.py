"""From raw data to a trained model, its sampling prior and the health of its latents."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vaekit.domains import Context, Domain, find_domain
from vaekit.likelihoods import Likelihood
from vaekit.metrics import Health
from vaekit.objectives import Arrived
from vaekit.presets import Preset, Recipe, find_preset
from vaekit.tasks.assemble import assemble
from vaekit.tasks.examine import examine, fit_prior, settle
from vaekit.tasks.molecules.measured import with_errors
from vaekit.tasks.named_priors import training_share
from vaekit.tasks.trained import Trained, as_items
from vaekit.training import Callback, Items, TrainConfig, TrainResult, train

__all__ = ["Fitted", "Plan", "fit_model", "train_further"]

_FEW = 10
_CAREFUL = 0.25  # of the usual step size: what is there already is to be kept


@dataclass(frozen=True)
class Plan:
    """What to build; see `Autoencoder` for the options.

    Attributes:
        preset: The named model; ``"auto"`` takes what suits the data.
        latent_dim: Number of latents; ``None`` takes what suits the model.
        domain: The kind of data.
        network: Name of the networks.
        network_size: Their size.
        likelihood: A name, or a likelihood.
        encoder: The user's own.
        decoder: The user's own.
    """

    preset: str | Preset = "auto"
    latent_dim: int | None = None
    domain: str | Domain = "auto"
    network: str = "auto"
    network_size: str = "small"
    likelihood: str | Likelihood = "auto"
    encoder: nn.Module | None = None
    decoder: nn.Module | None = None

    def settled_for(self, domain: Domain) -> tuple[Preset, int]:
        """The preset for these data, and its number of latents.

        Raises:
            SpecError: No preset has that name.
        """
        preset = find_preset(domain.default_preset if self.preset == "auto" else self.preset)
        suiting = preset.latents_for(domain.event_shape)
        return preset, suiting if self.latent_dim is None else self.latent_dim

    def assembled(self, domain: Domain, context: Context | None, rows: Tensor, seed: int) -> Recipe:
        """The model, untrained, and its objective; see `vaekit.tasks.assemble`."""
        preset, latent_dim = self.settled_for(domain)
        return assemble(
            preset,
            domain,
            rows,
            latent_dim,
            context_dim=0 if context is None else context.dim,
            network=self.network,
            network_size=self.network_size,
            likelihood=self.likelihood,
            encoder=self.encoder,
            decoder=self.decoder,
            seed=seed,
        )


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves behind.

    Attributes:
        preset: The named model.
        trained: The model, with its prior for sampling.
        result: How the training went.
        health: The state of the latents; ``None`` for models without latents.
        seconds: Time that training and the fit of the prior took.
    """

    preset: Preset
    trained: Trained
    result: TrainResult
    health: Health | None
    seconds: float


def fit_model(
    plan: Plan,
    X: Any,
    context: Any,
    config: TrainConfig,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Fitted:
    """Learn the schema, train, fit the sampling prior, and examine the latents.

    Args:
        plan: What to build.
        X: Raw data, or a path to them.
        context: Labels or properties to condition the model on, or ``None``.
        config: How to train; the preset may fill what is left open.
        folder: For checkpoints.
        resume: Go on from the checkpoint there.
        callbacks: Called with each `Event` of the training.

    Raises:
        VaekitError: See `Autoencoder.fit`.

    Example:
        >>> from vaekit.datasets import digits
        >>> config = TrainConfig(max_epochs=1, progress=False)
        >>> fit_model(Plan(latent_dim=4), digits().images, None, config).result.best_epoch
        1
    """
    domain = find_domain(X, plan.domain)
    X = domain.read(X)
    domain = domain.fit(X)
    preset, _ = plan.settled_for(domain)
    learnt = None if context is None else Context().fit(context)
    items = as_items(domain, learnt, X, context)
    config = config.suggested(preset.training_for(len(items)))
    if len(items) < _FEW:
        warnings.warn(
            f"{len(items)} items are few to learn from: the model will know them by heart. Some "
            "hundreds are better.",
            stacklevel=3,
        )
    model, objective = plan.assembled(domain, learnt, items.rows, config.seed)
    learnt_from = len(items) - round(config.held_out * len(items))
    training, seconds = _shared_time(config, preset.prior, learnt_from)
    result = train(
        model, objective, items, training, folder=folder, resume=resume, callbacks=callbacks
    )
    trained = Trained(model.eval(), domain, learnt)
    settle(trained, items, config)
    trained = with_errors(trained, items, config)
    steps = int(result.history[-1]["step"])
    spent = fit_prior(trained, items, config, preset.prior, steps, seconds)
    health = examine(trained, items, config)
    return Fitted(preset, trained, result, health, result.seconds + spent)


def train_further(trained: Trained, plan: Plan, items: Items, config: TrainConfig) -> TrainResult:
    """Go on training a model, on other items of the same kind.

    The optimiser starts anew, with a quarter of the usual step size; so do critics, where the
    objective has some; else its schedules stand where they ended. The prior for sampling stays as
    it was.

    Args:
        trained: The model; changed in place.
        plan: How it was built, for its objective.
        items: What to train on: old items among the new ones, or the old will be forgotten.
        config: How to train.

    Raises:
        NonFiniteLossError: As of `train`; the model is then of no use.

    Example:
        >>> from vaekit.datasets import digits
        >>> config = TrainConfig(max_epochs=1, progress=False)
        >>> first = fit_model(Plan(latent_dim=4), digits().images[:900], None, config).trained
        >>> more = as_items(first.domain, None, digits().images, None)
        >>> len(train_further(first, Plan(latent_dim=4), more, config).history)
        1
    """
    preset, _ = plan.settled_for(trained.domain)
    config = config.suggested(preset.training_for(len(items)))
    careful = _CAREFUL * config.peak_rate(trained.model)
    config = replace(config, learning_rate=config.learning_rate or careful)
    objective = plan.assembled(trained.domain, trained.context, items.rows, config.seed).objective
    if set(objective.groups(trained.model)) == {"model"}:
        objective = Arrived(objective)
    result = train(trained.model.train(), objective, items, config)
    trained.model.eval()
    settle(trained, items, config)
    return result


def _shared_time(config: TrainConfig, prior: str, items: int) -> tuple[TrainConfig, float | None]:
    """The training's part of a given time, and the seconds that are left for the prior."""
    if config.max_minutes is None:
        return config, None
    minutes = training_share(prior, items) * config.max_minutes
    left = 60 * (config.max_minutes - minutes)
    return replace(config, max_minutes=minutes), left or None
