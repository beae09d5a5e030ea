"""One Gaussian fitted to the latents."""

from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.priors.base import FittedPrior
from vaekit.priors.checks import check_latents
from vaekit.priors.ex_post import GaussianMixture
from vaekit.types import Aggregate

__all__ = ["FittedGaussian"]


class FittedGaussian(FittedPrior):
    """A Gaussian with full covariance; with a context, its mean is linear in the context.

    Args:
        latent_dim: Number of latents.
        context_dim: Size of the context; 0 for an unconditional model.

    Source: Ghosh et al. 2020, "From variational to deterministic autoencoders", section 4.

    Example:
        >>> u = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
        >>> FittedGaussian(2).fit(u)(None, aggregate=None).log_prob(u).shape
        torch.Size([500])
    """

    def __init__(self, latent_dim: int, context_dim: int = 0) -> None:
        super().__init__(latent_dim)
        self.context_dim = context_dim
        self.joint = GaussianMixture(latent_dim, 1, context_dim)

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Take mean and covariance of at most 20,000 latents (and contexts)."""
        check_latents(self, u, context, self.context_dim, needed=2)
        self.joint.fit(u, context, generator=generator)
        return self

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return p(u), or p(u | c) with batch shape (batch,)."""
        density: Distribution = self.joint(context, aggregate)
        return density
