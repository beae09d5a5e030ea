"""Posteriors on the sphere and in the Poincaré ball."""

from typing import ClassVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions.gaussian import SPHERE, Ball, WrappedNormalDistribution
from vaekit.distributions.sphere import PowerSpherical, VonMisesFisher
from vaekit.errors import unknown_name
from vaekit.posteriors.gaussian import Posterior
from vaekit.types import LogDensity

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


_LOG_SCALE_BOUNDS = (-8.0, 2.0)
_LARGEST_DISTANCE = 8.0  # from the origin; float32 ends at about 12


class Hyperbolic(Posterior):
    """A wrapped normal on the Poincaré ball, which has room for trees.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents, at least 2.
        curvature: Minus the curvature of the space, positive.

    Source: Mathieu et al. 2019, "Continuous hierarchical representations with Poincaré
    variational auto-encoders".

    Example:
        >>> import torch
        >>> q = Hyperbolic(8, 2)(torch.zeros(5, 8), log_joint=lambda z: z.sum(-1))
        >>> q.rsample().norm(dim=-1).max().item() < 1
        True
    """

    provides: ClassVar[frozenset[str]] = frozenset({"density", "pointwise"})

    def __init__(self, features_dim: int, latent_dim: int, curvature: float = 1.0) -> None:
        self.ball = Ball(curvature)
        super().__init__(features_dim, latent_dim, self.ball)
        self.curvature = curvature
        self.head = nn.Linear(features_dim, 2 * latent_dim)

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return the wrapped normal around centre(h)."""
        tangent, log_scale = self.head(h).float().chunk(2, dim=-1)
        length = tangent.norm(dim=-1, keepdim=True)
        tangent = tangent * (_LARGEST_DISTANCE / length.clamp_min(1e-6)).clamp_max(1.0)
        log_scale = F.hardtanh(log_scale, *_LOG_SCALE_BOUNDS)
        return WrappedNormalDistribution(self.ball.unflatten(tangent), log_scale, self.ball)
