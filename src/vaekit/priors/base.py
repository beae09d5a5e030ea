"""What every prior promises."""

import abc
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions.manifolds import REAL, Manifold
from vaekit.types import Aggregate


class Prior(nn.Module, abc.ABC):
    """The distribution of latents before any item is seen.

    Attributes:
        requires: What the posterior must provide.
        provides: What objectives may count on: ``"components"`` that can be put somewhere.
        normalized: Whether ``log_prob`` is the log of a density; else it is a lower bound, or
            refused.
        manifold: The space that its draws lie in.
    """

    requires: ClassVar[frozenset[str]] = frozenset()
    provides: ClassVar[frozenset[str]] = frozenset()
    normalized: ClassVar[bool] = True

    def __init__(self, latent_dim: int, manifold: Manifold = REAL) -> None:
        super().__init__()
        manifold.check(latent_dim)
        self.manifold = manifold
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
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Fit the density of the latents and return self.

        Args:
            u: Latents in flat coordinates, or the numbers of codes.
            context: What they are conditioned on.
            generator: Source of randomness; ``None`` uses fresh entropy.
        """
