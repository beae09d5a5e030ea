"""Where latents live: flat space, a sphere, the Poincaré ball."""

import abc
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vaekit.errors import CompositionError

__all__ = ["REAL", "SPHERE", "Ball", "Manifold", "Real", "Sphere"]

_EDGE = 1e-5  # float32 cannot tell points nearer to the ball's edge than this from the edge


class Manifold(abc.ABC):
    """A space of latents, with flat coordinates in which any density can be fitted."""

    @abc.abstractmethod
    def check(self, latent_dim: int) -> None:
        """Refuse numbers of latents that the space cannot have.

        Raises:
            CompositionError: Says which numbers it can have.
        """

    @abc.abstractmethod
    def flatten(self, z: Tensor) -> Tensor:
        """Points as flat coordinates of the same size."""

    @abc.abstractmethod
    def unflatten(self, u: Tensor) -> Tensor:
        """Flat coordinates as points."""


@dataclass(frozen=True)
class Real(Manifold):
    """Flat space of any dimension."""

    def check(self, latent_dim: int) -> None:
        """Accept all."""

    def flatten(self, z: Tensor) -> Tensor:
        """The same."""
        return z

    def unflatten(self, u: Tensor) -> Tensor:
        """The same."""
        return u


@dataclass(frozen=True)
class Sphere(Manifold):
    """Unit vectors: d latents are a sphere of dimension d - 1."""

    def check(self, latent_dim: int) -> None:
        """Need two latents at least: one is the two points -1 and 1."""
        _at_least_two(latent_dim, "a sphere")

    def flatten(self, z: Tensor) -> Tensor:
        """The same: a sphere has no flat map, so densities are fitted around it."""
        return z

    def unflatten(self, u: Tensor) -> Tensor:
        """The nearest unit vector."""
        unit: Tensor = u / u.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return unit


@dataclass(frozen=True)
class Ball(Manifold):
    """The Poincaré ball: hyperbolic space of constant negative curvature.

    Attributes:
        curvature: Minus the curvature, positive; the ball's radius is its inverse square root.

    Source: Mathieu et al. 2019, "Continuous hierarchical representations with Poincaré
    variational auto-encoders", section 2.2 (maps), appendix A.

    Example:
        >>> ball = Ball(1.0)
        >>> u = torch.tensor([[0.3, -0.4]])
        >>> torch.allclose(ball.flatten(ball.unflatten(u)), u)
        True
    """

    curvature: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.curvature) and self.curvature > 0):
            raise CompositionError(f"curvature must be positive and finite; got {self.curvature}.")

    def check(self, latent_dim: int) -> None:
        """Need two latents at least: hyperbolic space of one dimension is flat."""
        _at_least_two(latent_dim, "the Poincaré ball")

    def flatten(self, z: Tensor) -> Tensor:
        """The logarithm at the origin: a vector as long as the distance from the origin."""
        root = math.sqrt(self.curvature)
        norm = z.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        distance = 2 / root * torch.atanh((root * norm).clamp_max(1 - _EDGE))
        coordinates: Tensor = z / norm * distance
        return coordinates

    def unflatten(self, u: Tensor) -> Tensor:
        """The exponential at the origin."""
        root = math.sqrt(self.curvature)
        norm = u.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return self.clip(u * (torch.tanh(root / 2 * norm) / (root * norm)))

    def clip(self, z: Tensor) -> Tensor:
        """Points pulled off the edge, where float32 ends."""
        largest = (1 - _EDGE) / math.sqrt(self.curvature)
        norm = z.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return torch.where(norm > largest, z / norm * largest, z)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """Möbius addition, the ball's translation."""
        c = self.curvature
        product = (a * b).sum(-1, keepdim=True)
        squared_a = a.square().sum(-1, keepdim=True)
        squared_b = b.square().sum(-1, keepdim=True)
        top = (1 + 2 * c * product + c * squared_b) * a + (1 - c * squared_a) * b
        total: Tensor = top / (1 + 2 * c * product + c**2 * squared_a * squared_b).clamp_min(1e-12)
        return total


def _at_least_two(latent_dim: int, space: str) -> None:
    if latent_dim < 2:
        raise CompositionError(f"{space} needs latent_dim of at least 2; got {latent_dim}.")


REAL, SPHERE = Real(), Sphere()
