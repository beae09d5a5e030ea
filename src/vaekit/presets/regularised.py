"""Models that hold the latents to the prior, or the decoder smooth, by other means than the KL."""

import copy

from vaekit.networks import Critic, FeatureCritic
from vaekit.objectives import (
    KL,
    VAEGAN,
    DecoderNorm,
    GradientPenalty,
    LatentNorm,
    MeanDiscrepancy,
    PriorCritic,
    Reconstruction,
    Sum,
)
from vaekit.presets.autoencoders import points
from vaekit.presets.base import Parts, Recipe, preset, preset_for

__all__ = ["aae", "info_vae", "rae_gp", "rae_l2", "vae_gan", "wae"]


@preset
def info_vae(
    parts: Parts,
    *,
    kl: float = 0.5,
    discrepancy: float = 10.0,
    kernel: str = "inverse_multiquadratic",
) -> Recipe:
    """A VAE with a weaker KL, and a penalty on the mean discrepancy of latents and prior.

    Source: Zhao et al. 2019, "InfoVAE: balancing learning and inference".
    """
    terms = Reconstruction(), (kl, KL()), (discrepancy, MeanDiscrepancy(kernel))
    return Recipe(parts.vae(), Sum(*terms))


@preset
def wae(
    parts: Parts, *, discrepancy: float = 100.0, kernel: str = "inverse_multiquadratic"
) -> Recipe:
    """A Wasserstein autoencoder: points, whose cloud is held to the prior by the discrepancy.

    Source: Tolstikhin et al. 2018, "Wasserstein auto-encoders".
    """
    objective = Sum(Reconstruction(), (discrepancy, MeanDiscrepancy(kernel)))
    return Recipe(parts.vae(points(parts)), objective)


@preset
def aae(parts: Parts, *, adversarial: float = 10.0) -> Recipe:
    """An adversarial autoencoder: points, whose cloud is held to the prior by a critic.

    Source: Makhzani et al. 2016, "Adversarial autoencoders".
    """
    objective = PriorCritic(Sum(Reconstruction()), Critic(parts.latent_dim), adversarial)
    return Recipe(parts.vae(points(parts)), objective)


@preset
def rae_l2(parts: Parts, *, latent: float = 0.05, decoder: float = 1e-3) -> Recipe:
    """A regularised autoencoder: points held together, the decoder's weights held small.

    Source: Ghosh et al. 2020, "From variational to deterministic autoencoders".
    """
    terms = Reconstruction(), (latent, LatentNorm()), (decoder, DecoderNorm())
    return Recipe(parts.vae(points(parts)), Sum(*terms))


@preset
def rae_gp(parts: Parts, *, latent: float = 0.05, gradient: float = 0.1) -> Recipe:
    """A regularised autoencoder: points held together, the decoder's slope held small.

    Source: Ghosh et al. 2020, "From variational to deterministic autoencoders".
    """
    terms = Reconstruction(), (latent, LatentNorm()), (gradient, GradientPenalty())
    return Recipe(parts.vae(points(parts)), Sum(*terms))


@preset_for(likelihood="optimal_gaussian")
def vae_gan(
    parts: Parts, *, values: float = 1.0, features: float = 1.0, adversarial: float = 10.0
) -> Recipe:
    """A VAE whose decoder must also fool a critic: sharper items, looser likelihood.

    Source: Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric".
    """
    critic = FeatureCritic(copy.deepcopy(parts.encoder), parts.features_dim)
    return Recipe(parts.vae(), VAEGAN(critic, values, features, adversarial))
