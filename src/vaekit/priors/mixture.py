"""A Gaussian mixture that is learned with the model."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from vaekit.distributions import DiagonalNormal
from vaekit.errors import DataError
from vaekit.group import take_from_first
from vaekit.priors.base import Prior
from vaekit.priors.checks import check_whole
from vaekit.priors.ex_post import fit_mixture
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

    provides: ClassVar[frozenset[str]] = frozenset({"components"})

    def __init__(self, latent_dim: int, num_components: int = 10) -> None:
        super().__init__(latent_dim)
        check_whole(1, num_components=num_components)
        self.num_components = num_components
        self.logits = nn.Parameter(torch.zeros(num_components))
        self.means = nn.Parameter(torch.randn(num_components, latent_dim))
        self.log_scales = nn.Parameter(torch.zeros(num_components, latent_dim))

    @torch.no_grad()
    def start_from(self, z: Float[Tensor, "batch latent"]) -> None:
        """Put the components where these latents cluster; reads the global random stream.

        In a group of processes all take what the first one finds.

        Raises:
            DataError: Fewer latents than components.
        """
        if len(z) < self.num_components:
            raise DataError(
                f"{self.num_components} components need as many items to start from; got {len(z)}."
            )
        seed = int(torch.randint(2**31 - 1, ()))
        mixture = fit_mixture(z.cpu().double().numpy(), self.num_components, seed)
        self.logits.copy_(torch.as_tensor(mixture.weights_).log())
        self.means.copy_(torch.as_tensor(mixture.means_))
        variances = torch.as_tensor(mixture.covariances_).diagonal(dim1=-2, dim2=-1)
        self.log_scales.copy_(0.5 * variances.log())
        for parameter in self.parameters():
            take_from_first(parameter.data)

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the mixture, whatever the context."""
        return MixtureSameFamily(
            Categorical(logits=self.logits, validate_args=False),
            DiagonalNormal(self.means, self.log_scales),
            validate_args=False,
        )
