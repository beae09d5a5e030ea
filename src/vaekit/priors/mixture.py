"""A Gaussian mixture that is learned with the model."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from vaekit.distributions import DiagonalNormal
from vaekit.priors.base import Prior
from vaekit.types import Aggregate

__all__ = ["LearnedMixture"]


class LearnedMixture(Prior):
    """A mixture of diagonal Gaussians, moved by the same gradients as the model.

    Args:
        latent_dim: Number of latents.
        num_components: Number of Gaussians, at least 1.

    Source: Dilokthanakul et al. 2016, "Deep unsupervised clustering with Gaussian mixture
    variational autoencoders" (here without its second latent); Tomczak & Welling 2018, "VAE with
    a VampPrior", section 3 ("mixture of Gaussians prior").

    Example:
        >>> LearnedMixture(2, 5)(None, aggregate=None).sample((3,)).shape
        torch.Size([3, 2])
    """

    def __init__(self, latent_dim: int, num_components: int = 10) -> None:
        super().__init__(latent_dim)
        if num_components < 1:
            raise ValueError(f"num_components must be at least 1; got {num_components}.")
        self.num_components = num_components
        self.logits = nn.Parameter(torch.zeros(num_components))
        self.means = nn.Parameter(torch.randn(num_components, latent_dim))
        self.log_scales = nn.Parameter(torch.zeros(num_components, latent_dim))

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the mixture, whatever the context."""
        return MixtureSameFamily(
            Categorical(logits=self.logits, validate_args=False),
            DiagonalNormal(self.means, self.log_scales),
            validate_args=False,
        )
