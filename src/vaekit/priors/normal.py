"""The standard normal prior."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import DiagonalNormal
from vaekit.priors.base import Prior
from vaekit.types import Aggregate

__all__ = ["StandardNormal"]


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
