"""Models whose latents should each mean one thing."""

from vaekit.networks import Critic
from vaekit.objectives import (
    CapacityKL,
    CovariancePenalty,
    DecomposedKL,
    Linear,
    Reconstruction,
    Sum,
    TotalCorrelationCritic,
    elbo,
)
from vaekit.objectives.terms import KL
from vaekit.presets.base import Parts, Recipe, preset

__all__ = ["beta_tc_vae", "dip_vae_i", "dip_vae_ii", "disentangled_beta_vae", "factor_vae"]


@preset
def disentangled_beta_vae(
    parts: Parts, *, capacity: float = 25.0, weight: float = 10.0, share: float = 0.8
) -> Recipe:
    """A VAE whose KL is held at a capacity, in nats, that grows over a share of the training.

    Source: Burgess et al. 2018, "Understanding disentangling in beta-VAE".
    """
    held = CapacityKL(Linear(0.0, capacity, share))
    return Recipe(parts.vae(), Sum(Reconstruction(), (weight, held)))


@preset
def beta_tc_vae(
    parts: Parts, *, beta: float = 6.0, information: float = 1.0, marginals: float = 1.0
) -> Recipe:
    """A VAE that pays beta for the total correlation of its latents, and only for that.

    Source: Chen et al. 2018, "Isolating sources of disentanglement in VAEs".
    """
    return Recipe(parts.vae(), Sum(Reconstruction(), DecomposedKL(information, beta, marginals)))


@preset
def dip_vae_i(parts: Parts, *, off_diagonal: float = 10.0, diagonal: float = 100.0) -> Recipe:
    """A VAE whose posterior means are held uncorrelated, with variance 1.

    Source: Kumar et al. 2018, "Variational inference of disentangled latent concepts".
    """
    penalty = CovariancePenalty("means", off_diagonal, diagonal)
    return Recipe(parts.vae(), Sum(Reconstruction(), KL(), penalty))


@preset
def dip_vae_ii(parts: Parts, *, off_diagonal: float = 10.0, diagonal: float = 10.0) -> Recipe:
    """A VAE whose latents, noise included, are held uncorrelated, with variance 1.

    Source: Kumar et al. 2018, "Variational inference of disentangled latent concepts".
    """
    penalty = CovariancePenalty("draws", off_diagonal, diagonal)
    return Recipe(parts.vae(), Sum(Reconstruction(), KL(), penalty))


@preset
def factor_vae(parts: Parts, *, gamma: float = 10.0) -> Recipe:
    """A VAE that pays gamma for its total correlation, as a critic estimates it.

    Source: Kim & Mnih 2018, "Disentangling by factorising".
    """
    return Recipe(parts.vae(), TotalCorrelationCritic(elbo(), Critic(parts.latent_dim), gamma))
