"""A prior made of posteriors."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from vaekit.errors import DataError
from vaekit.priors.base import Prior
from vaekit.types import Aggregate

__all__ = ["Vamp"]


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
        chosen = torch.linspace(0, len(x) - 1, self.num_components).long()
        self.pseudo_inputs.copy_(x[chosen])
        self.logits.zero_()

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the mixture, whatever the context."""
        weights = Categorical(logits=self.logits, validate_args=False)
        return MixtureSameFamily(weights, aggregate(self.pseudo_inputs), validate_args=False)
