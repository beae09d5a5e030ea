"""Priors that are learned mixtures: of Gaussians, and of posteriors of pseudo-inputs (VAMP)."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.distributions import Distribution, MixtureSameFamily

from vaekit.distributed import take_from_first
from vaekit.distributions.gaussian import DiagonalNormal
from vaekit.distributions.wrappers import Categories
from vaekit.errors import DataError
from vaekit.priors.base import Prior, check_whole
from vaekit.priors.density import fit_mixture
from vaekit.types import Aggregate


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
            Categories(logits=self.logits, validate_args=False),
            DiagonalNormal(self.means, self.log_scales),
            validate_args=False,
        )


class Vamp(Prior):
    """The mixture of the posteriors of learned pseudo-inputs.

    Args:
        latent_dim: Number of latents.
        shape: Shape of one item.
        num_components: Pseudo-inputs, at least 1.

    Source: Tomczak & Welling 2018, "VAE with a VampPrior", eq. 9.

    Example:
        >>> from vaekit.distributions import DiagonalNormal
        >>> prior = Vamp(2, (4,), num_components=3)
        >>> prior(None, lambda x: DiagonalNormal(x[:, :2], x[:, :2])).sample((5,)).shape
        torch.Size([5, 2])
    """

    requires: ClassVar[frozenset[str]] = frozenset({"pointwise"})

    def __init__(self, latent_dim: int, shape: Sequence[int], num_components: int = 100) -> None:
        super().__init__(latent_dim)
        if num_components < 1:
            raise ValueError(f"num_components must be at least 1; got {num_components}.")
        self.shape = tuple(shape)
        self.num_components = num_components
        self.pseudo_inputs = nn.Parameter(torch.rand(num_components, *self.shape))
        self.logits = nn.Parameter(torch.zeros(num_components))

    @torch.no_grad()
    def start_from(self, x: Shaped[Tensor, "items *event"]) -> None:
        """Make pseudo-inputs of items, spread evenly over those given.

        Raises:
            DataError: Fewer items than pseudo-inputs.
        """
        if len(x) < self.num_components:
            raise DataError(
                f"a Vamp prior of {self.num_components} components needs as many items; got "
                f"{len(x)}. Use fewer components."
            )
        chosen = torch.linspace(0, len(x) - 1, self.num_components).long().clamp_max(len(x) - 1)
        self.pseudo_inputs.copy_(x[chosen])
        self.logits.zero_()

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the mixture, whatever the context."""
        weights = Categories(logits=self.logits, validate_args=False)
        return MixtureSameFamily(weights, aggregate(self.pseudo_inputs), validate_args=False)
