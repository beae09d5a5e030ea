"""What every prior promises."""

import abc
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.types import Aggregate

__all__ = ["FittedPrior", "Prior"]


class Prior(nn.Module, abc.ABC):
    """The distribution of latents before any item is seen."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @abc.abstractmethod
    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return p(z | c): batch shape () where it ignores the context, else (batch,).

        Args:
            context: What the model is conditioned on.
            aggregate: q(z | x) of pseudo-inputs; only priors made of posteriors use it.
        """


class FittedPrior(Prior, abc.ABC):
    """A prior that is fitted to encoded latents after training, and used for sampling."""

    @abc.abstractmethod
    def fit(
        self,
        z: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Fit the density of the latents and return self."""
