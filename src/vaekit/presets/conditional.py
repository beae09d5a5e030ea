"""Models that need a context."""

from vaekit.errors import CompositionError
from vaekit.objectives import elbo
from vaekit.presets.base import Parts, Recipe, preset

__all__ = ["cvae"]


@preset
def cvae(parts: Parts, *, beta: float = 1.0) -> Recipe:
    """A VAE conditioned on labels or properties; any preset becomes one when given a context.

    Source: Sohn et al. 2015, "Learning structured output representation".
    """
    if parts.context_dim == 0:
        raise CompositionError("preset 'cvae' must be given a context; pass fit(X, context=...).")
    return Recipe(parts.vae(), elbo(beta))
