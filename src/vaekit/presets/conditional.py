"""Models that need a context."""

from vaekit.errors import CompositionError
from vaekit.networks import Critic
from vaekit.objectives import ContextCritic, elbo
from vaekit.presets.base import Parts, Recipe, preset

__all__ = ["cvae", "fader_vae"]


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
