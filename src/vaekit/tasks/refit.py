"""Fitting a prior to the latents of a trained model: what other libraries call a sampler."""

from collections.abc import Iterable

import torch
from torch import Tensor

from vaekit.errors import CompositionError
from vaekit.models import VAE
from vaekit.priors import FittedPrior, Prior, Vamp
from vaekit.randomness import seeded
from vaekit.types import Batch

__all__ = ["refit_prior"]


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
