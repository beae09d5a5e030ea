"""Presets: autoencoders and VAEs, with tighter bounds, regularized, disentangled, conditional."""

import copy

from vaekit.errors import CompositionError
from vaekit.latents.base import Single
from vaekit.networks.critics import Critic, FeatureCritic
from vaekit.objectives.adversarial import VAEGAN, ContextCritic, PriorCritic, TotalCorrelationCritic
from vaekit.objectives.base import KL, CapacityKL, Linear, Reconstruction
from vaekit.objectives.evidence_bounds import (
    AddNoise,
    ImportanceBound,
    PartialImportance,
    Sum,
    elbo,
    importance_weighted,
)
from vaekit.objectives.regularizers import (
    CovariancePenalty,
    DecoderNorm,
    DecomposedKL,
    GradientPenalty,
    LatentNorm,
    MeanDiscrepancy,
)
from vaekit.posteriors.gaussian import Deterministic
from vaekit.presets.base import Parts, Recipe, preset, preset_for
from vaekit.priors.base import StandardNormal


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


@preset
def iwae(parts: Parts, *, k: int = 8, gradient: str = "standard") -> Recipe:
    """A VAE trained on the tighter bound of k importance samples; k times the decoder's work.

    The gradient is "standard", "path" (sticking the landing) or "doubly" (DReG).

    Source: Burda et al. 2016, "Importance weighted autoencoders"; Roeder et al. 2017; Tucker et
    al. 2019.
    """
    return Recipe(parts.vae(), importance_weighted(k, gradient=gradient))


@preset
def miwae(parts: Parts, *, k: int = 8, bounds: int = 4, gradient: str = "standard") -> Recipe:
    """A VAE trained on the mean of several importance-weighted bounds: less noisy gradients.

    Source: Rainforth et al. 2018, "Tighter variational bounds are not necessarily better".
    """
    return Recipe(parts.vae(), importance_weighted(k, bounds, gradient))


@preset
def piwae(parts: Parts, *, k: int = 8, bounds: int = 4) -> Recipe:
    """A VAE whose decoder has one tight bound, and whose encoder the mean of several looser ones.

    Source: Rainforth et al. 2018, "Tighter variational bounds are not necessarily better".
    """
    return Recipe(parts.vae(), PartialImportance(k, bounds))


@preset
def ciwae(parts: Parts, *, k: int = 8, beta: float = 0.5) -> Recipe:
    """A VAE trained on a blend: beta times the ELBO, the rest the importance-weighted bound.

    Source: Rainforth et al. 2018, "Tighter variational bounds are not necessarily better".
    """
    blend = (beta, Reconstruction()), (beta, KL()), (1 - beta, ImportanceBound())
    return Recipe(parts.vae(), Sum(*blend, draws=k))


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


@preset
def cvae(parts: Parts, *, beta: float = 1.0) -> Recipe:
    """A VAE conditioned on labels or properties; any preset becomes one when given a context.

    Source: Sohn et al. 2015, "Learning structured output representation".
    """
    _check_context(parts, "cvae")
    return Recipe(parts.vae(), elbo(beta))


@preset
def fader_vae(parts: Parts, *, adversarial: float = 5.0, beta: float = 1.0) -> Recipe:
    """A conditional VAE whose latents hide the labels from a critic: content beside style.

    Source: Lample et al. 2017, "Fader networks: manipulating images by sliding attributes".
    """
    _check_context(parts, "fader_vae")
    critic = Critic(parts.latent_dim, out_dim=parts.context_dim)
    return Recipe(parts.vae(), ContextCritic(elbo(beta), critic, adversarial))


def _check_context(parts: Parts, name: str) -> None:
    if parts.context_dim == 0:
        raise CompositionError(
            f"preset {name!r} must be given a context; pass fit(X, context=...)."
        )
