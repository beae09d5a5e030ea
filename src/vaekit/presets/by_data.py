"""Presets for one kind of data, and the samplers without latents to compare with."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from vaekit.errors import unknown_name
from vaekit.latents.base import Discrete, Single
from vaekit.models.samplers import GAN
from vaekit.networks.conv import code_latents, grid_latents, is_large, latent_grid
from vaekit.networks.critics import FeatureCritic, PatchCritic
from vaekit.networks.diffusers_autoencoders import own_grid
from vaekit.networks.patches import start_from_patches
from vaekit.networks.wrappers import NoiseConditionedDecoder, ParallelDecoders
from vaekit.objectives.adversarial import Adversarial, PatchAdversary
from vaekit.objectives.base import KL, Linear, Objective, Reconstruction
from vaekit.objectives.evidence_bounds import Denoising, HideColumns, Sum, elbo
from vaekit.objectives.regularizers import Commitment, PowerSpectrum
from vaekit.posteriors.discrete import Placewise, VectorQuantized
from vaekit.posteriors.gaussian import GridGaussian
from vaekit.presets.base import Parts, Recipe, preset_for
from vaekit.priors.base import StandardNormal


def _image_training(shape: Sequence[int]) -> dict[str, Any]:
    """A step of a large image costs more, and small batches give more of them."""
    return {"ema": 0.999, **({"batch_size": 32} if len(shape) == 3 and is_large(shape) else {})}


@preset_for(
    likelihood="optimal_gaussian",
    prior="latent_flow",
    image_network="resnet",
    latent_dim=32,
    training=_image_training,
    prior_reads_captions=True,
)
def image_vae(
    parts: Parts, *, beta: float = 1.0, adversarial: float = 1.0, start: float = 0.3
) -> Recipe:
    """A sigma-VAE that a critic of patches keeps sharp, sampled from by a latent flow.

    Of images of 48 pixels and more to a side the critic judges a window of 32x32 at every other
    step.

    Captions are for the latent flow alone, which reads them by itself.

    Source: Rombach et al. 2022, "High-resolution image synthesis with latent diffusion models".
    """
    critic = PatchCritic(parts.channels)
    costs = (2, 32) if is_large(parts.some_items(1).shape[1:]) else (1, 0)
    return Recipe(parts.vae(), PatchAdversary(elbo(beta), critic, adversarial, start, *costs))


_DENOISERS = {"unet": "grid_flow", "transformer": "grid_transformer"}


def _prior_of_denoiser(options: Mapping[str, Any]) -> str:
    chosen = options.get("denoiser", "unet")
    if chosen not in _DENOISERS:
        raise unknown_name("denoiser", chosen, _DENOISERS)
    return _DENOISERS[chosen]


@preset_for(
    likelihood="optimal_gaussian",
    prior=_prior_of_denoiser,
    image_network="spatial",
    latent_dim=grid_latents,
    training={"ema": 0.999, "batch_size": 64},
    prior_reads_context=True,
    guided=True,
)
def latent_diffusion(
    parts: Parts,
    *,
    beta: float = 1.0,
    spectrum: float = 1.0,
    adversarial: float = 0.0,
    start: float = 0.5,
    denoiser: str = "unet",
) -> Recipe:
    """A sigma-VAE whose latents lie on a grid, where a U-Net learns to make them from noise.

    The power spectrum of images keeps reconstructions sharp and free of a checkerboard, at a
    weight of ``spectrum``. A critic of patches may join (``adversarial``) after a share ``start``
    of the training, which costs a quarter of the speed. With ``denoiser="transformer"`` a DiT takes
    the place of the U-Net, which pays on a graphics card and in long trainings alone.

    Labels, properties and captions are for the U-Net alone, which reads them by itself.

    Source: Rombach et al. 2022, "High-resolution image synthesis with latent diffusion models"
    (with the straight path of Lipman et al. 2023 for the diffusion); Peebles & Xie 2023 (DiT).
    """
    del denoiser  # chose the prior, before there were parts
    examples = parts.some_items(1)
    grid = own_grid(parts.encoder) or latent_grid(examples.shape[1:], parts.latent_dim)
    start_from_patches(parts.encoder, parts.decoder, examples)
    latent = Single(GridGaussian(parts.posterior_dim, grid), StandardNormal(parts.latent_dim))
    addends = [(beta, KL()), *([(spectrum, PowerSpectrum())] if spectrum else [])]
    return Recipe(
        parts.vae(latent), _judged(parts, Sum(Reconstruction(), *addends), adversarial, start)
    )


def _judged(parts: Parts, terms: Sum, adversarial: float, start: float) -> Objective:
    """The terms, and a critic where it has a weight; it judges every other step."""
    if not adversarial:
        return terms
    return PatchAdversary(terms, PatchCritic(parts.channels), adversarial, start, every=2)


@preset_for(
    likelihood="optimal_gaussian",
    prior="transformer",
    image_network="coarse",
    latent_dim=code_latents,
    prior_reads_context=True,
    guided=True,
)
def vq_transformer(
    parts: Parts,
    *,
    num_codes: int = 256,
    depth: int = 4,
    commitment: float = 1.0,
    spectrum: float = 1.0,
    adversarial: float = 0.0,
    start: float = 0.5,
) -> Recipe:
    """Codes on a grid, and a Transformer that tells them one after the other: DALL-E's kind.

    The power spectrum of images, and where asked for a critic of patches, keep reconstructions
    sharp, as in `latent_diffusion`. Labels, properties and captions are for the Transformer alone,
    which reads them by itself.

    Source: Ramesh et al. 2021, "Zero-shot text-to-image generation" (DALL-E); van den Oord et al.
    2017, "Neural discrete representation learning", for the codes; Esser et al. 2021, "Taming
    transformers for high-resolution image synthesis", for the critic.
    """
    examples = parts.some_items(1)
    per_place, *places = latent_grid(examples.shape[1:], parts.latent_dim, 1)
    start_from_patches(parts.encoder, parts.decoder, examples)
    quantizer = VectorQuantized(2 * per_place, per_place, num_codes, depth=depth)
    latent = Discrete(Placewise(quantizer, places))
    addends = [(commitment, Commitment()), *([(spectrum, PowerSpectrum())] if spectrum else [])]
    return Recipe(
        parts.vae(latent), _judged(parts, Sum(Reconstruction(), *addends), adversarial, start)
    )


_TOKEN_BATCH, _TOKEN_STEPS, _TOKEN_PASSES = 128, (400, 20_000), 12


def _token_steps(rows: int) -> int:
    """Twelve passes, but 400 to 20,000 steps."""
    least, most = _TOKEN_STEPS
    return max(least, min(most, _TOKEN_PASSES * rows // _TOKEN_BATCH))


@preset_for(
    image_network="mlp",
    latent_dim=lambda _: 64,
    training={
        "batch_size": _TOKEN_BATCH,
        "steps": _token_steps,
        "learning_rate": 2e-3,
        "validation": 0.0,
    },
)
def sequence_vae(
    parts: Parts, *, beta: float = 0.25, share: float = 0.4, blur: float = 0.5
) -> Recipe:
    """A VAE whose decoder goes token by token, and whose latents stay in use.

    The weight of the KL rises from 0 to beta within a share of the training. At 1 such a decoder
    learns to do without latents; the lower beta, the more is reconstructed, and the less of what
    the prior draws makes sense. Therefore a share ``blur`` of the latents reaches the decoder with
    noise mixed in, and it is told how much (see `NoiseConditionedDecoder`): what is drawn can then
    lean on what is known of all sequences, while what is reconstructed leans on its latents. 0 does
    without.

    Source: Bowman et al. 2016, "Generating sentences from a continuous space", section 3.1, for
    the rising weight; Higgins et al. 2017, "beta-VAE", for its end.
    """
    if blur:
        parts = replace(parts, decoder=_blurred(parts.decoder, parts.latent_dim, 1 - blur))
    return Recipe(parts.vae(), elbo(Linear(0.0, beta, share)))


def _blurred(decoder: nn.Module, latent_dim: int, clean: float) -> nn.Module:
    """What stands beside the tokens is told by latents without noise."""
    if isinstance(decoder, ParallelDecoders):
        return ParallelDecoders(_blurred(decoder.first, latent_dim, clean), decoder.second)
    return NoiseConditionedDecoder(decoder, latent_dim, clean=clean)


_ROW_BATCH, _ROW_STEPS, _ROW_PASSES = 256, (400, 4000), (30, 80)


def _row_steps(rows: int) -> int:
    """Thirty passes, but 400 to 4,000 steps, and at most 80 passes.

    With more of them, of fewer than 1,300 rows, the model comes to know its rows by heart: new
    rows come nearer to them than other real rows do, and are no better for it.
    """
    least, most = _ROW_STEPS
    few, many = (passes * rows / _ROW_BATCH for passes in _ROW_PASSES)
    return max(1, round(min(many, max(least, min(most, int(few))))))


@preset_for(
    table_likelihood="autoregressive",
    prior="kernel",
    latent_dim=8,
    training={
        "batch_size": _ROW_BATCH,
        "steps": _row_steps,
        "learning_rate": 2e-3,
        "validation": 0.0,
    },
)
def table_vae(parts: Parts, *, start: float = 1.0, beta: float = 0.1, share: float = 0.5) -> Recipe:
    """A VAE whose latents say what kind of row it is, and whose decoder goes cell by cell.

    The weight of the KL falls from start to beta within a share of the training: else such a
    decoder leaves the latents unused.

    Source: Chen et al. 2017, "Variational lossy autoencoder", for latents of an autoregressive
    decoder; Zhang et al. 2024, "Mixed-type tabular data synthesis with score-based diffusion in
    latent space" (TabSyn), section 4.1, for the falling weight.
    """
    return Recipe(parts.vae(), elbo(Linear(start, beta, share)))


@preset_for(latent_dim=32, training={"batch_size": 64, "validation": 0.0})
def masked_vae(parts: Parts, *, beta: float = 0.5, most: float = 0.4) -> Recipe:
    """A VAE that sees some columns of a row and is asked for all: what fills holes best.

    Of each row a share between 0 and most is hidden from the encoder.

    Source: Ivanov et al. 2019, "Variational autoencoder with arbitrary conditioning"; Im et al.
    2017, "Denoising criterion for variational auto-encoding framework", for its bound.
    """
    hide = HideColumns(parts.columns, most)
    return Recipe(parts.vae(), Sum(Reconstruction(), (beta, KL()), corrupt=hide))


@preset_for(image_network="resnet", latent_dim=64, training={"ema": 0.999, "batch_size": 64})
def gan(
    parts: Parts,
    *,
    loss: str = "non_saturating",
    spectral: bool = False,
    gradient_penalty: float = 0.3,
    critic_steps: int = 1,
) -> Recipe:
    """A generator that learns to fool a critic: samples at once, but neither encodes nor scores.

    The loss is "hinge", "non_saturating" or "wasserstein".

    Source: Goodfellow et al. 2014; Mescheder et al. 2018 (the penalty); Miyato et al. 2018
    (hinge with spectral=True, gradient_penalty=0); Gulrajani et al. 2017 (wasserstein with
    gradient_penalty=10, critic_steps=5).
    """
    body = copy.deepcopy(parts.encoder)
    critic = FeatureCritic(body, parts.features_dim, parts.context_dim, spectral)
    sizes = (parts.latent_dim, parts.context_rows)
    model = GAN(parts.decoder, parts.likelihood, *sizes, reader=parts.reader)
    return Recipe(model, Adversarial(critic, loss, gradient_penalty, critic_steps))


@preset_for(training={"ema": 0.999, "learning_rate": 4e-3}, guided=True)
def diffusion(parts: Parts, *, steps: int = 20) -> Recipe:
    """Noise made into items in steps: faithful and stable, slow to sample, has no latents.

    Steps are calls of the network per sample.

    Source: Ho et al. 2020, "Denoising diffusion probabilistic models"; Song et al. 2021,
    "Denoising diffusion implicit models" (its sampler).
    """
    return Recipe(parts.diffusion("diffusion", steps), Denoising())


@preset_for(training={"ema": 0.999, "learning_rate": 4e-3}, guided=True)
def flow_matching(parts: Parts, *, steps: int = 20, times: str = "logit_normal") -> Recipe:
    """Diffusion along straight lines: as faithful in fewer steps.

    Source: Lipman et al. 2023, "Flow matching for generative modeling"; Liu et al. 2023,
    "Flow straight and fast"; Esser et al. 2024 (times).
    """
    return Recipe(parts.diffusion("straight", steps), Denoising(times))
