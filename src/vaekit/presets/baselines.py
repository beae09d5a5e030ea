"""What variational autoencoders are compared with: adversarial networks and diffusion."""

import copy

from vaekit.models import GAN
from vaekit.networks import FeatureCritic
from vaekit.objectives import Adversarial, Denoising
from vaekit.presets.base import Parts, Recipe, preset_for

__all__ = ["diffusion", "flow_matching", "gan"]


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
    model = GAN(parts.decoder, parts.likelihood, parts.latent_dim, parts.context_dim)
    return Recipe(model, Adversarial(critic, loss, gradient_penalty, critic_steps))


@preset_for(training={"ema": 0.999, "learning_rate": 4e-3})
def diffusion(parts: Parts, *, steps: int = 20) -> Recipe:
    """Noise made into items in steps: faithful and stable, slow to sample, has no latents.

    Steps are calls of the network per sample.

    Source: Ho et al. 2020, "Denoising diffusion probabilistic models"; Song et al. 2021,
    "Denoising diffusion implicit models" (its sampler).
    """
    return Recipe(parts.diffusion("diffusion", steps), Denoising())


@preset_for(training={"ema": 0.999, "learning_rate": 4e-3})
def flow_matching(parts: Parts, *, steps: int = 20, times: str = "logit_normal") -> Recipe:
    """Diffusion along straight lines: as faithful in fewer steps.

    Source: Lipman et al. 2023, "Flow matching for generative modeling"; Liu et al. 2023,
    "Flow straight and fast"; Esser et al. 2024 (times).
    """
    return Recipe(parts.diffusion("straight", steps), Denoising(times))
