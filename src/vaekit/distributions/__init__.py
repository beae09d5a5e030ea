"""Distributions that ``torch.distributions`` lacks, or has too slow for the inner loop."""

from vaekit.distributions.delta import Delta
from vaekit.distributions.diagonal_normal import DiagonalNormal, kl_per_latent
from vaekit.distributions.discretised_logistic import DiscretisedLogistic

__all__ = ["Delta", "DiagonalNormal", "DiscretisedLogistic", "kl_per_latent"]
