"""A posterior on the unit sphere."""

from typing import ClassVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions import SPHERE, PowerSpherical, VonMisesFisher
from vaekit.errors import unknown_name
from vaekit.posteriors.base import Posterior
from vaekit.types import LogDensity

__all__ = ["Spherical"]

_FAMILIES = {"power_spherical": PowerSpherical, "von_mises_fisher": VonMisesFisher}
_LARGEST = 1e4  # beyond it the draws of an item differ by less than float32 shows


class Spherical(Posterior):
    """A direction and a concentration around it: latents of length one.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents, at least 2; the sphere has one dimension less.
        family: ``"power_spherical"`` (fast, exact gradients) or ``"von_mises_fisher"``.

    Source: Davidson et al. 2018, "Hyperspherical variational auto-encoders"; De Cao & Aziz 2020.

    Example:
        >>> import torch
        >>> q = Spherical(8, 3)(torch.zeros(5, 8), log_joint=lambda z: z.sum(-1))
        >>> q.rsample().shape
        torch.Size([5, 3])
    """

    provides: ClassVar[frozenset[str]] = frozenset({"density", "pointwise"})

    def __init__(self, features_dim: int, latent_dim: int, family: str = "power_spherical") -> None:
        super().__init__(features_dim, latent_dim, SPHERE)
        if family not in _FAMILIES:
            raise unknown_name("family", family, _FAMILIES)
        self.family = family
        self.head = nn.Linear(features_dim, latent_dim + 1)

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return the density around direction(h)."""
        out = self.head(h).float()
        direction = F.normalize(out[..., :-1], dim=-1)
        # Starts wide for any number of latents: concentration counts against dimensions.
        concentration = (F.softplus(out[..., -1]) * self.latent_dim).clamp(1e-2, _LARGEST)
        return _FAMILIES[self.family](direction, concentration)
