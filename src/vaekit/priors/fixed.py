"""Priors without parameters: standard normal, uniform on the sphere, wrapped normal."""

import math
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions.gaussian import DiagonalNormal
from vaekit.distributions.manifolds import SPHERE, Ball
from vaekit.distributions.manifolds import WrappedNormal as WrappedNormalDistribution
from vaekit.distributions.sphere import UniformSphere as UniformDistribution
from vaekit.priors.base import FittedPrior, Prior
from vaekit.types import Aggregate


class StandardNormal(Prior):
    """N(0, I).

    Args:
        latent_dim: Number of latents.

    Source: Kingma & Welling 2014, section 3.

    Example:
        >>> StandardNormal(2)(None, aggregate=None).sample((3,)).shape
        torch.Size([3, 2])
    """

    zeros: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return N(0, I), whatever the context."""
        return DiagonalNormal(self.zeros, self.zeros, is_standard=True)


class UniformSphere(FittedPrior):
    """All directions equally probable: the prior of spherical VAEs, trained or ex post.

    Args:
        latent_dim: Number of latents, at least 2.

    Source: Davidson et al. 2018, section 3.1.

    Example:
        >>> UniformSphere(3)(None, aggregate=None).sample((4,)).norm(dim=-1).allclose(torch.ones(4))
        True
    """

    zeros: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, SPHERE)
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Return self: there is nothing to fit."""
        return self

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the uniform distribution, whatever the context."""
        return UniformDistribution(self.zeros)


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
