"""Priors that can be fitted to any trained model, by name."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from vaekit.errors import CompositionError, unknown_name
from vaekit.latents.base import Discrete, Single
from vaekit.models.vae import VAE, Model
from vaekit.networks.context import ContextReader
from vaekit.posteriors.gaussian import GridGaussian
from vaekit.priors.base import FittedPrior, Prior, UniformSphere
from vaekit.priors.codes import AutoregressiveCodes
from vaekit.priors.density import (
    FittedGaussian,
    GaussianMixture,
    KernelDensity,
    RiemannianManifold,
    Vamp,
)
from vaekit.priors.flow import FittedFlow, NetworkPrior, SecondStage
from vaekit.priors.flow_matching import FlowMatching
from vaekit.randomness import seeded
from vaekit.training.config import TrainConfig
from vaekit.types import Batch

_WIDTH = 256  # of the flow that images are drawn from: 512 are no better in the same time
_MANY_ITEMS = 10_000
_MANY_STEPS = 500
MOST_STEPS = 12_000
"""Of a prior that is a network."""
_TRAINING_SHARE = {
    "latent_flow": 0.75,
    "grid_flow": 0.35,
    "grid_transformer": 0.35,
    "transformer": 0.4,
    "codes": 0.6,
}
_GRID_STEPS = 4000
_READING_STEPS, _READING_ROUNDS = 1500, 10
_READING_SHARE = 0.6
_READ_BY_FLOWS = ("auto", "latent_flow")
_CODE_LAYERS, _CODE_ROUNDS = 2, 2  # few and cheap steps: what tells codes needs many of them
_TEMPERATURE, _TOP_P = 0.7, 0.95  # of codes told by a context
_OF_CODES = ("codes", "transformer")
_OF_GRIDS: Mapping[str, Mapping[str, Any]] = {
    "grid_flow": {},
    "grid_transformer": {"network": "transformer", "width": 192, "depth": 4},
}

Reader = ContextReader | None

Maker = Callable[[VAE, Sequence[int], Reader], FittedPrior | Vamp]


def default_prior(model: VAE) -> FittedPrior:
    """Return what is fitted to a model's latents where nothing else is asked for.

    Mixtures of Gaussians take seconds and beat flows at small budgets; codes need a prior that
    knows which of them go together.
    """
    latent, context_dim = model.latent, model.conditioning_dim
    if latent.num_codes:
        return AutoregressiveCodes(latent.num_coordinates, latent.num_codes, context_dim)
    return GaussianMixture(latent.num_coordinates, context_dim=context_dim)


def get_prior(
    name: str, model: VAE, event_shape: Sequence[int], reader: Reader = None
) -> FittedPrior | Vamp:
    """Return a prior that fits a model, not fitted yet.

    Args:
        name: A key of `NAMED_PRIORS`.
        model: The trained model.
        event_shape: Shape of one item, which only ``"vamp"`` reads.
        reader: What reads the context, for priors that learn to read it by themselves; see
            `Context.reader`. ``None`` where the model tells them what it was told.

    Raises:
        SpecError: No prior has that name.
        CompositionError: It does not fit this model's latents.
    """
    if name not in NAMED_PRIORS:
        raise unknown_name("prior", name, NAMED_PRIORS)
    is_code = model.latent.num_codes > 0
    if name != "auto" and is_code != (name in _OF_CODES):
        kind = "codes; use 'codes'" if is_code else "real numbers; 'codes' is for codes"
        raise CompositionError(f"prior {name!r} does not fit this model, whose latents are {kind}.")
    with seeded(0):  # weights to begin with, which the fit replaces
        if reads_captions(name, model):
            return _reading_flow(model, _GRID_STEPS, reader)
        return NAMED_PRIORS[name](model, event_shape, reader)


def prior_after(
    name: str,
    model: VAE,
    event_shape: Sequence[int],
    items: int,
    steps: int,
    reader: Reader = None,
) -> FittedPrior | Vamp:
    """Return the prior to fit after a training, with the effort that suits it.

    Args:
        name: A key of `NAMED_PRIORS`. ``"latent_flow"`` gives a mixture after a training of fewer
            than 10,000 items or 500 steps: a network learns few latents by heart, and nobody
            waits for it after a training of seconds. Of a model of captions it gives a flow that
            learns to read them by itself, and so does ``"auto"``. Of latents on a grid,
            ``"grid_flow"`` and ``"grid_transformer"`` always give a flow: nothing smaller could
            tell how their places go together.
        model: The trained model.
        event_shape: Shape of one item.
        items: How many it was trained on.
        steps: How many steps it was trained for. A prior that is a network takes twice as many at
            most, so that nobody waits for it after a quick try.
        reader: As of `get_prior`.

    Raises:
        SpecError: No prior has that name.
        CompositionError: It does not fit this model's latents.
    """
    if name in _OF_GRIDS:
        with seeded(0):
            return _grid_flow(model, _steps_after(steps, reader), reader, _OF_GRIDS[name])
    if name == "transformer" and model.latent.num_codes:
        with seeded(0):
            return _transformer(model, _steps_after(steps, reader), reader)
    if reads_captions(name, model):
        with seeded(0):
            return _reading_flow(model, _steps_after(steps, reader), reader)
    if name != "latent_flow" or model.latent.num_codes:
        chosen = get_prior(name, model, event_shape, reader)
        if isinstance(chosen, AutoregressiveCodes | NetworkPrior):
            chosen.steps = min(chosen.steps, max(1, 2 * steps))
        return chosen
    if items < _MANY_ITEMS or steps < _MANY_STEPS:
        return default_prior(model)
    make = _sized(FlowMatching, width=_WIDTH, steps=min(2 * steps, MOST_STEPS))
    with seeded(0):
        return make(model, event_shape, reader)


def _steps_after(steps: int, reader: Reader) -> int:
    """Twice as many as the training had; to read a context takes some, however few those were."""
    least = 0 if reader is None else min(_READING_STEPS, _READING_ROUNDS * steps)
    return min(max(2 * steps, least), MOST_STEPS)


def reads_captions(name: str, model: Any) -> bool:
    """Return whether `prior_after` gives a flow that reads captions by itself.

    Latents tell most of what captions do, for a decoder learns to read those sooner than words. A
    mixture of Gaussians, whose means are linear in what the model was told, gives latents that are
    at odds with the caption.
    """
    is_vector = isinstance(model, VAE) and not model.latent.num_codes
    return name in _READ_BY_FLOWS and is_vector and model.scorer is not None


def has_codes(model: Any) -> bool:
    """Return whether a model's latents are codes."""
    return isinstance(model, VAE) and model.latent.num_codes > 0


def training_share(name: str, items: int, codes: bool = False, captions: bool = False) -> float:
    """Return the part of a given time that the training gets; the fit of the prior takes the rest.

    All of it, where what is fitted takes seconds.

    Args:
        name: What `prior_after` will be asked for.
        items: How many items there are to train on.
        codes: Whether the latents are codes, which ``"auto"`` tells by a network.
        captions: Whether what is fitted reads captions by itself.
    """
    if captions:
        return _READING_SHARE
    if name == "auto" and codes:
        name = "codes"
    few = name == "latent_flow" and items < _MANY_ITEMS
    return 1.0 if few else _TRAINING_SHARE.get(name, 1.0)


def shared_time(
    config: TrainConfig, prior: str, items: int, model: Model
) -> tuple[TrainConfig, float | None]:
    """Return the training's part of a given time, and the seconds that are left for the prior."""
    if config.most_seconds is None:
        return config, None
    share = training_share(prior, items, has_codes(model), reads_captions(prior, model))
    seconds = share * config.most_seconds
    return config.within(seconds), config.most_seconds - seconds or None


def time_left(config: TrainConfig, spent: float) -> float | None:
    """Return the seconds that are left of a given time: all are the prior's."""
    return None if config.most_seconds is None else max(config.most_seconds - spent, 1e-3)


def _grid_flow(
    model: VAE, steps: int, reader: Reader, sizes: Mapping[str, Any] = MappingProxyType({})
) -> FittedPrior:
    posterior = model.latent.posterior if isinstance(model.latent, Single) else None
    if not isinstance(posterior, GridGaussian):
        raise CompositionError(
            "priors 'grid_flow' and 'grid_transformer' are for latents on a grid; this model's "
            "are a vector. Use 'latent_flow'."
        )
    return FlowMatching(
        model.latent_dim,
        solver_steps=5,
        context_dim=model.conditioning_dim if reader is None else reader.context_dim,
        steps=max(1, steps),
        grid=posterior.grid,
        reader=reader,
        **sizes,
    )


def _reading_flow(model: VAE, steps: int, reader: Reader) -> FittedPrior:
    return FlowMatching(
        model.latent.num_coordinates,
        width=_WIDTH,
        solver_steps=5,
        context_dim=model.conditioning_dim if reader is None else reader.context_dim,
        steps=steps,
        reader=reader,
    )


def _transformer(model: VAE, steps: int, reader: Reader) -> FittedPrior:
    latent = model.latent
    context_dim = model.conditioning_dim if reader is None else reader.context_dim
    grid = latent.quantizer.places if isinstance(latent, Discrete) else None
    return AutoregressiveCodes(
        latent.num_coordinates,
        latent.num_codes,
        context_dim,
        steps=max(1, _CODE_ROUNDS * steps),
        network="transformer",
        layers=_CODE_LAYERS,
        reader=reader,
        grid=grid,
        depth=1 if grid is None else latent.num_coordinates // math.prod(grid),
        beside=True,
        scored=model.scorer is None,
        temperature=_TEMPERATURE,
        top_p=_TOP_P,
    )


def _sized(make: Callable[..., FittedPrior], **options: Any) -> Maker:
    """Return a maker for a model's number of coordinates and context."""
    return lambda m, _, __: make(
        m.latent.num_coordinates, context_dim=m.conditioning_dim, **options
    )


NAMED_PRIORS: dict[str, Maker] = {
    "auto": lambda m, _, __: default_prior(m),
    "gaussian": _sized(FittedGaussian),
    "mixture": _sized(GaussianMixture),
    "kernel": _sized(KernelDensity),
    "maf": _sized(FittedFlow, kind="maf"),
    "nsf": _sized(FittedFlow, kind="nsf"),
    "iaf": _sized(FittedFlow, kind="iaf"),
    "flow_matching": _sized(FlowMatching),
    "diffusion": _sized(FlowMatching, path="diffusion"),
    "latent_flow": _sized(FlowMatching, width=_WIDTH, steps=4000),
    "grid_flow": lambda m, _, reader: _grid_flow(m, _GRID_STEPS, reader),
    "grid_transformer": lambda m, _, reader: _grid_flow(
        m, _GRID_STEPS, reader, _OF_GRIDS["grid_transformer"]
    ),
    "second_stage": _sized(SecondStage),
    "wrapped_normal": _sized(FittedGaussian),  # Gaussian in the tangent space at the origin
    "manifold": lambda m, _, __: RiemannianManifold(m.latent.num_coordinates),
    "uniform_sphere": lambda m, _, __: UniformSphere(m.latent.num_coordinates),
    "codes": lambda m, _, __: default_prior(m),
    "transformer": lambda m, _, reader: _transformer(m, _GRID_STEPS, reader),
    "vamp": lambda m, shape, _: Vamp(m.latent_dim, shape),
}
"""Makers by the name that `Autoencoder.refit_prior` and the command line know."""


@torch.no_grad()
def refit_prior(
    model: VAE,
    batches: Iterable[Batch],
    prior: FittedPrior | Vamp,
    *,
    generator: torch.Generator | None = None,
) -> VAE:
    """Fit a density to the encoded items and make it the one that the model samples from.

    One latent is drawn from each item's posterior, so that the density covers the aggregate
    posterior and not only its means. The model's own prior, and with it every log-likelihood,
    stays as it was.

    Args:
        model: A trained VAE; changed in place.
        batches: Training items.
        prior: What to fit, of the size of the model's coordinates (`Latent.flatten`); a `Vamp`
            is made of items themselves, and mixes their posteriors.
        generator: Source of randomness; ``None`` uses fresh entropy.

    Returns:
        The same model.

    Source: Ghosh et al. 2020, section 4; Tomczak & Welling 2018 (aggregate posterior).

    Example:
        >>> from vaekit.priors import GaussianMixture
        >>> from vaekit import networks, likelihoods, presets
        >>> encoder, decoder, width = networks.make_networks("mlp", "small", (4,), 2, 1)
        >>> parts = presets.Parts(encoder, decoder, likelihoods.Gaussian(), width, 2)
        >>> model = presets.vae().build(parts).model
        >>> model = refit_prior(model, [Batch(torch.randn(64, 4))], GaussianMixture(2, 3))
        >>> model.sample(5).shape
        torch.Size([5, 4])
    """
    if isinstance(prior, Vamp):
        x = torch.cat([batch.x for batch in batches])
        prior.to(x.device).start_from(x)
    else:
        u, context = _coordinates(model, batches, generator)
        context = model.conditioning_for(prior, context)
        _check_size(u, prior)
        prior.to(u.device).fit(u, context, generator=generator)
    model.fitted_prior = prior
    return model


def _check_size(u: Tensor, prior: Prior) -> None:
    if u.shape[-1] != prior.latent_dim:
        raise CompositionError(
            f"the prior's latent_dim must be the model's, {u.shape[-1]}; got {prior.latent_dim}."
        )


def _coordinates(
    model: VAE, batches: Iterable[Batch], generator: torch.Generator | None
) -> tuple[Tensor, Tensor | None]:
    with seeded(generator):
        pairs = [(model.latent.flatten(model.infer(batch)), batch.context) for batch in batches]
    contexts = [context for _, context in pairs if context is not None]
    return torch.cat([u for u, _ in pairs]), torch.cat(contexts) if contexts else None
