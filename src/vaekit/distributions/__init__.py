"""Distributions that ``torch.distributions`` lacks, or has too slow for the inner loop."""

from vaekit.distributions.continuous_bernoulli import ContinuousBernoulli
from vaekit.distributions.delta import Delta
from vaekit.distributions.diagonal_normal import DiagonalNormal, kl_per_latent
from vaekit.distributions.discretised_logistic import DiscretisedLogistic

__all__ = ["ContinuousBernoulli", "Delta", "DiagonalNormal", "DiscretisedLogistic", "kl_per_latent"]
