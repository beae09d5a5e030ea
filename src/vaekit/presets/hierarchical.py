"""Models with more than one layer of latents."""

from vaekit.latents import Ladder
from vaekit.objectives import Linear, elbo
from vaekit.presets.base import Parts, Recipe, preset, preset_for

__all__ = ["hierarchical_vae", "ladder_vae", "two_stage_vae"]


def _levels(parts: Parts, levels: int, merge: str) -> Ladder:
    """The latents shared out evenly; what is left over goes to the lower levels."""
    size, rest = divmod(parts.latent_dim, levels)
    sizes = [size + (level >= levels - rest) for level in range(levels)]
    return Ladder(parts.posterior_dim, sizes, merge=merge, context_dim=parts.context_dim)


@preset
def ladder_vae(parts: Parts, *, levels: int = 2, share: float = 0.2) -> Recipe:
    """Levels of latents that join what comes from below and above by precision.

    The KL grows over the first share of the training, so that upper levels come to be used.

    Source: Sønderby et al. 2016, "Ladder variational autoencoders".
    """
    latent = _levels(parts, levels, "precision")
    return Recipe(parts.vae(latent), elbo(Linear(0.0, 1.0, share)))


@preset
def hierarchical_vae(parts: Parts, *, levels: int = 4, share: float = 0.2) -> Recipe:
    """A deeper hierarchy, whose posteriors are corrections to the priors from above.

    Source: Vahdat & Kautz 2020, "NVAE"; Child 2021, "Very deep VAEs".
    """
    latent = _levels(parts, levels, "residual")
    return Recipe(parts.vae(latent), elbo(Linear(0.0, 1.0, share)))


@preset_for(prior="second_stage")
def two_stage_vae(parts: Parts, *, beta: float = 1.0) -> Recipe:
    """A VAE, and a second small one that learns where the first one's latents lie.

    Source: Dai & Wipf 2019, "Diagnosing and enhancing VAE models".
    """
    return Recipe(parts.vae(), elbo(beta))
