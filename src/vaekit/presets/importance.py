"""Models trained on importance-weighted bounds."""

from vaekit.objectives import (
    KL,
    ImportanceBound,
    PartialImportance,
    Reconstruction,
    Sum,
    importance_weighted,
)
from vaekit.presets.base import Parts, Recipe, preset

__all__ = ["ciwae", "iwae", "miwae", "piwae"]


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
