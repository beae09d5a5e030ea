"""The plain autoencoder and the VAE with its KL weighted."""

from vaekit.latents import Single
from vaekit.objectives import Linear, Reconstruction, Sum, elbo
from vaekit.posteriors import Deterministic
from vaekit.presets.base import Parts, Recipe, preset
from vaekit.priors import StandardNormal

__all__ = ["annealed_vae", "autoencoder", "beta_vae", "vae"]


@preset
def autoencoder(parts: Parts) -> Recipe:
    """Points instead of distributions: compresses, but its latent space has holes.

    Source: Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data".
    """
    posterior = Deterministic(parts.posterior_dim, parts.latent_dim)
    latent = Single(posterior, StandardNormal(parts.latent_dim))
    return Recipe(parts.vae(latent), Sum(Reconstruction()))


@preset
def vae(parts: Parts) -> Recipe:
    """The variational autoencoder.

    Source: Kingma & Welling 2014, "Auto-encoding variational Bayes".
    """
    return Recipe(parts.vae(), elbo())


@preset
def beta_vae(parts: Parts, *, beta: float = 4.0) -> Recipe:
    """A VAE that pays beta for each nat of KL: above 1 simpler latents, below 1 sharper pictures.

    Source: Higgins et al. 2017, "beta-VAE".
    """
    return Recipe(parts.vae(), elbo(beta))


@preset
def annealed_vae(parts: Parts, *, beta: float = 1.0, share: float = 0.3) -> Recipe:
    """A VAE whose KL weight grows from 0 to beta over the first share of the training.

    Source: Bowman et al. 2016; Sønderby et al. 2016 (warm-up against collapsed latents).
    """
    return Recipe(parts.vae(), elbo(Linear(0.0, beta, share)))
