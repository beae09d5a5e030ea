"""The wrapped normal of hyperbolic space."""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Size, Tensor
from torch.distributions import Distribution, constraints

from vaekit.distributions.diagonal_normal import DiagonalNormal
from vaekit.distributions.manifolds import Ball

__all__ = ["WrappedNormal"]


class WrappedNormal(Distribution):
    """A Gaussian of the tangent space at the centre, wrapped onto the Poincaré ball.

    Its density is with respect to the ball's own volume, not that of the paper it is drawn on.

    Args:
        centre: Points of the ball, shape (..., latent).
        log_scale: Logs of the standard deviations in the tangent space, same shape.
        ball: The space.

    Source: Nagano et al. 2019; Mathieu et al. 2019, eq. 3 and appendix B.3.

    Example:
        >>> q = WrappedNormal(torch.zeros(3, 2), torch.zeros(3, 2), Ball(1.0))
        >>> (q.rsample((100,)).norm(dim=-1) < 1).all().item()
        True
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(
        self,
        centre: Float[Tensor, "*batch latent"],
        log_scale: Float[Tensor, "*batch latent"],
        ball: Ball,
    ) -> None:
        self.centre, self.ball = centre, ball
        self._tangent = DiagonalNormal(torch.zeros_like(log_scale), log_scale)
        super().__init__(log_scale.shape[:-1], log_scale.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The centre (points of the ball have no mean; this is the Fréchet mean)."""
        return self.centre

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw in the tangent space at the origin, wrap, translate to the centre."""
        v = self._tangent.rsample(sample_shape)
        return self.ball.clip(self.ball.add(self.centre.expand_as(v), self.ball.unflatten(v)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats."""
        centre, value = torch.broadcast_tensors(self.centre, value)
        v = self.ball.flatten(self.ball.add(-centre, value))
        r = self.ball.curvature**0.5 * v.norm(dim=-1).clamp_min(1e-6)
        # log(sinh(r) / r) without overflow
        log_stretch = r + torch.log1p(-torch.exp(-2 * r)) - torch.log(2 * r)
        density: Tensor = self._tangent.log_prob(v) - (self.event_shape[0] - 1) * log_stretch
        return density
