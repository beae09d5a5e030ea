"""The wrapped normal prior of hyperbolic space."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import Ball
from vaekit.distributions import WrappedNormal as WrappedNormalDistribution
from vaekit.priors.base import Prior
from vaekit.types import Aggregate

__all__ = ["WrappedNormal"]


class WrappedNormal(Prior):
    """A wrapped normal around the origin of the Poincaré ball.

    Args:
        latent_dim: Number of latents, at least 2.
        curvature: Minus the curvature, positive; that of the posterior.
        scale: Standard deviation, positive.

    Source: Mathieu et al. 2019, section 3.1.

    Example:
        >>> WrappedNormal(2)(None, aggregate=None).sample((4,)).norm(dim=-1).max().item() < 1
        True
    """

    zeros: Tensor

    def __init__(self, latent_dim: int, curvature: float = 1.0, scale: float = 1.0) -> None:
        self.ball = Ball(curvature)
        super().__init__(latent_dim, self.ball)
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"scale must be positive and finite; got {scale}.")
        self.curvature = curvature
        self.scale = scale
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the wrapped normal, whatever the context."""
        log_scale = self.zeros + math.log(self.scale)
        return WrappedNormalDistribution(self.zeros, log_scale, self.ball)
