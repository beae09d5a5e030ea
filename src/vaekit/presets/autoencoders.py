"""The plain autoencoder and the VAE, with other noise, other weights or other gradients."""

from vaekit.latents import Single
from vaekit.objectives import AddNoise, Linear, Reconstruction, Sum, elbo
from vaekit.posteriors import Deterministic
from vaekit.presets.base import Parts, Recipe, preset, preset_for
from vaekit.priors import StandardNormal

__all__ = [
    "annealed_vae",
    "autoencoder",
    "beta_vae",
    "denoising_autoencoder",
    "ms_ssim_vae",
    "points",
    "sigma_vae",
    "vae",
]


def points(parts: Parts) -> Single:
    """Latents that are points, under a standard normal prior that only some objectives read."""
    posterior = Deterministic(parts.posterior_dim, parts.latent_dim)
    return Single(posterior, StandardNormal(parts.latent_dim))


@preset
def autoencoder(parts: Parts) -> Recipe:
    """Points instead of distributions: compresses, but its latent space has holes.

    Source: Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data".
    """
    return Recipe(parts.vae(points(parts)), Sum(Reconstruction()))


@preset
def denoising_autoencoder(parts: Parts, *, noise: float = 0.3) -> Recipe:
    """An autoencoder that sees noisy items and is asked for the clean ones.

    Source: Vincent et al. 2008, "Extracting and composing robust features".
    """
    return Recipe(parts.vae(points(parts)), Sum(Reconstruction(), corrupt=AddNoise(noise)))


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


@preset_for(likelihood="optimal_gaussian")
def sigma_vae(parts: Parts) -> Recipe:
    """A VAE whose Gaussian noise is always the one that fits best: no weight to tune.

    Source: Rybkin et al. 2021, "Simple and effective VAE training with calibrated decoders".
    """
    return Recipe(parts.vae(), elbo())


@preset_for(likelihood="structural_similarity")
def ms_ssim_vae(parts: Parts, *, beta: float = 1.0) -> Recipe:
    """A VAE of images judged by structure instead of pixel by pixel; it has no likelihood.

    Source: Snell et al. 2017, "Learning to generate images with perceptual similarity metrics".
    """
    return Recipe(parts.vae(), elbo(beta))
