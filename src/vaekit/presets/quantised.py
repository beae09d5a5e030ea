"""Models whose latents are codes."""

import math

from vaekit.latents import Discrete
from vaekit.objectives import Commitment, Reconstruction, Sum, elbo
from vaekit.posteriors import Categorical, FiniteScalar, VectorQuantised
from vaekit.presets.base import Parts, Recipe, preset

__all__ = ["categorical_vae", "fsq_vae", "residual_vq_vae", "vq_vae"]


def _pieces(parts: Parts, wanted: int | None) -> int:
    """As many as wanted, or up to eight that come out even."""
    return math.gcd(parts.latent_dim, 8) if wanted is None else wanted


@preset
def vq_vae(
    parts: Parts, *, num_codes: int = 256, pieces: int | None = None, commitment: float = 1.0
) -> Recipe:
    """Pieces of the latents are replaced by the nearest entries of learned codebooks.

    Source: van den Oord et al. 2017, "Neural discrete representation learning".
    """
    size = parts.posterior_dim, parts.latent_dim
    quantiser = VectorQuantised(*size, num_codes, _pieces(parts, pieces))
    objective = Sum(Reconstruction(), (commitment, Commitment()))
    return Recipe(parts.vae(Discrete(quantiser)), objective)


@preset
def residual_vq_vae(
    parts: Parts, *, num_codes: int = 64, depth: int = 8, commitment: float = 1.0
) -> Recipe:
    """A codebook for the latents, one for what that leaves over, and so on.

    Source: Lee et al. 2022, "Autoregressive image generation using residual quantization".
    """
    size = parts.posterior_dim, parts.latent_dim
    quantiser = VectorQuantised(*size, num_codes, num_pieces=1, depth=depth)
    objective = Sum(Reconstruction(), (commitment, Commitment()))
    return Recipe(parts.vae(Discrete(quantiser)), objective)


@preset
def fsq_vae(parts: Parts, *, levels: int = 8) -> Recipe:
    """Each latent is rounded to one of a few levels: codes without a codebook.

    Source: Mentzer et al. 2024, "Finite scalar quantization: VQ-VAE made simple".
    """
    quantiser = FiniteScalar(parts.posterior_dim, parts.latent_dim, levels)
    return Recipe(parts.vae(Discrete(quantiser)), Sum(Reconstruction()))


@preset
def categorical_vae(parts: Parts, *, num_codes: int = 16, temperature: float = 0.5) -> Recipe:
    """Categorical latents, relaxed while training so that gradients pass (Gumbel-softmax).

    Source: Jang et al. 2017, "Categorical reparameterization with Gumbel-softmax".
    """
    size = parts.posterior_dim, parts.latent_dim
    quantiser = Categorical(*size, num_codes, temperature=temperature)
    return Recipe(parts.vae(Discrete(quantiser)), elbo())
