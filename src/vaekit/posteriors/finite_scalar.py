"""Finite scalar quantisation."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vaekit.distributions import PointCodes
from vaekit.posteriors.quantiser import Quantiser
from vaekit.types import LogDensity

__all__ = ["FiniteScalar"]


class FiniteScalar(Quantiser):
    """Each latent is bounded and rounded to one of a few levels: a codebook without learning.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents, each of them one code.
        levels: Values that a latent may take, evenly spaced from -1 to 1.

    Source: Mentzer et al. 2024, "Finite scalar quantization: VQ-VAE made simple", section 3.1.

    Example:
        >>> q = FiniteScalar(8, 2, levels=5)(torch.zeros(3, 8), log_joint=lambda z: z.sum(-1))
        >>> q.num_codes
        5
    """

    def __init__(self, features_dim: int, latent_dim: int, levels: int = 8) -> None:
        super().__init__(features_dim, latent_dim, latent_dim, levels)
        self.levels = levels
        self.head = nn.Linear(features_dim, latent_dim)

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> PointCodes:
        """Bound by a tangent, round; gradients pass straight through the rounding."""
        bounded = torch.tanh(self.head(h).float())
        indices = self._nearest(bounded.detach())
        z = self.embed(indices)
        straight = z + (bounded - bounded.detach())  # this order adds an exact zero
        zero = straight.new_zeros(len(straight))
        return PointCodes(straight, indices, self.num_codes, zero)

    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """The value of each level."""
        return 2 * indices.to(torch.get_default_dtype()) / (self.levels - 1) - 1

    def _nearest(self, z: Tensor) -> Tensor:
        """The level nearest to each value."""
        place = (z + 1) / 2 * (self.levels - 1)
        return place.round().clamp(0, self.levels - 1).long()
