"""Priors p(z): trained with the model, or fitted to its latents afterwards."""

from vaekit.priors.base import FittedPrior, Prior
from vaekit.priors.ex_post import GaussianMixture
from vaekit.priors.mixture import LearnedMixture
from vaekit.priors.normal import StandardNormal

__all__ = ["FittedPrior", "GaussianMixture", "LearnedMixture", "Prior", "StandardNormal"]
