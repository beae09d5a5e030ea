"""Posteriors q(z | x): modules whose forward turns features into a distribution."""

from vaekit.posteriors.base import Posterior
from vaekit.posteriors.deterministic import Deterministic
from vaekit.posteriors.gaussian import DiagonalGaussian, FullGaussian

__all__ = ["Deterministic", "DiagonalGaussian", "FullGaussian", "Posterior"]
