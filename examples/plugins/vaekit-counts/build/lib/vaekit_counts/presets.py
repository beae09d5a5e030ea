"""The named model for counts."""

from vaekit.objectives import Linear, elbo
from vaekit.presets import Parts, Recipe, preset


@preset
def count_vae(parts: Parts, warm_up: float = 0.25) -> Recipe:
    """Counts compressed into a Gaussian latent, with the KL phased in over the first steps.

    Source: Lopez et al. 2018, "Deep generative modeling for single-cell transcriptomics".
    """
    return Recipe(parts.vae(), elbo(beta=Linear(0.0, 1.0, warm_up)))
