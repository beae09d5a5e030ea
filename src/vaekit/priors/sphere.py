"""The uniform prior on the sphere."""

from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import SPHERE
from vaekit.distributions.sphere import UniformSphere as UniformDistribution
from vaekit.priors.base import FittedPrior
from vaekit.types import Aggregate

__all__ = ["UniformSphere"]


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
