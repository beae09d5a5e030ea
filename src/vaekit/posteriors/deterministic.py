"""The posterior of a plain autoencoder."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions import Delta
from vaekit.posteriors.base import Posterior
from vaekit.types import LogDensity

__all__ = ["Deterministic"]


class Deterministic(Posterior):
    """A point per item: no spread, no density.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Size of the code.

    Example:
        >>> import torch
        >>> q = Deterministic(8, 2)(torch.zeros(5, 8), log_joint=lambda z: z.sum(-1))
        >>> q.mean.shape
        torch.Size([5, 2])
    """

    provides: ClassVar[frozenset[str]] = frozenset({"factorised"})

    def __init__(self, features_dim: int, latent_dim: int) -> None:
        super().__init__(features_dim, latent_dim)
        self.head = nn.Linear(features_dim, latent_dim)

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return the point."""
        return Delta(self.head(h).float())
