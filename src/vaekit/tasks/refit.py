"""Fitting a prior to the latents of a trained model: what other libraries call a sampler."""

from collections.abc import Iterable

import torch
from torch import Tensor

from vaekit.errors import CompositionError
from vaekit.models import VAE
from vaekit.priors import FittedPrior
from vaekit.randomness import seeded
from vaekit.types import Batch

__all__ = ["refit_prior"]


@torch.no_grad()
def refit_prior(
    model: VAE,
    batches: Iterable[Batch],
    prior: FittedPrior,
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
        prior: What to fit, of the model's latent size.
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
    z, context = _latents(model, batches, generator)
    if z.shape[-1] != prior.latent_dim:
        raise CompositionError(
            f"the prior's latent_dim must be the model's, {z.shape[-1]}; got {prior.latent_dim}."
        )
    prior.to(z.device).fit(z, context, generator=generator)
    model.fitted_prior = prior
    return model


def _latents(
    model: VAE, batches: Iterable[Batch], generator: torch.Generator | None
) -> tuple[Tensor, Tensor | None]:
    with seeded(generator):
        pairs = [(model.infer(batch).z[0], batch.context) for batch in batches]
    contexts = [context for _, context in pairs if context is not None]
    return torch.cat([z for z, _ in pairs]), torch.cat(contexts) if contexts else None
