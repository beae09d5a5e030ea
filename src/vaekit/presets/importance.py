"""Models trained on importance-weighted bounds."""

from vaekit.objectives import importance_weighted
from vaekit.presets.base import Parts, Recipe, preset

__all__ = ["iwae"]


@preset
def iwae(parts: Parts, *, k: int = 8) -> Recipe:
    """A VAE trained on the tighter bound of k importance samples; k times the decoder's work.

    Source: Burda et al. 2016, "Importance weighted autoencoders".
    """
    return Recipe(parts.vae(), importance_weighted(k))
