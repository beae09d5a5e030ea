"""The named model for point clouds."""

from vaekit.objectives import elbo
from vaekit.presets import Parts, Recipe, preset


@preset
def cloud_vae(parts: Parts, beta: float = 0.5) -> Recipe:
    """Point clouds compressed into a Gaussian latent.

    Source: Achlioptas et al. 2018, "Learning representations and generative models for 3D point
    clouds".
    """
    return Recipe(parts.vae(), elbo(beta))
