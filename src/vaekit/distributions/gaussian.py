"""Gaussians, lean enough for the inner loop, a point mass, and the spaces where latents live."""

import abc
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Size, Tensor, nn
from torch.distributions import Distribution, MultivariateNormal, constraints, register_kl

from vaekit.errors import CompositionError

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def broadcast_shape(*shapes: Size) -> Size:
    """Return the shape to which shapes broadcast, as `torch.broadcast_shapes` does.

    That one imports PyTorch's compiler when it is first called, which takes a second.

    Example:
        >>> broadcast_shape(Size([3, 1]), Size([4]))
        torch.Size([3, 4])
    """
    if torch.compiler.is_compiling():  # sizes may be symbols
        return Size(torch.broadcast_shapes(*shapes))
    return Size(np.broadcast_shapes(*shapes))


class FullNormal(MultivariateNormal):
    """A Gaussian over vectors with full covariance, which imports no compiler.

    Args:
        loc: Means, shape (..., latent).
        scale_tril: Cholesky factors of the covariances, shape (..., latent, latent).

    Example:
        >>> q = FullNormal(torch.zeros(3, 2), torch.eye(2))
        >>> q.batch_shape, q.event_shape
        (torch.Size([3]), torch.Size([2]))
    """

    def __init__(
        self,
        loc: Float[Tensor, "*#batch latent"],
        scale_tril: Float[Tensor, "*#batch latent latent"],
    ) -> None:
        batch = broadcast_shape(scale_tril.shape[:-2], loc.shape[:-1])
        self.scale_tril = scale_tril.expand(*batch, -1, -1)
        self.loc = loc.expand(*batch, -1)
        Distribution.__init__(self, batch, self.loc.shape[-1:], validate_args=False)
        self._unbroadcasted_scale_tril = scale_tril  # what PyTorch's own methods compute with

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """Return the distribution with its parameters expanded."""
        new: Self = _instance or type(self).__new__(type(self))
        super().expand(batch_shape, new)  # type: ignore[no-untyped-call]
        return new


class DiagonalNormal(Distribution):
    """A Gaussian over vectors with independent entries.

    It is ``Independent(Normal(loc, scale), 1)`` with fewer and larger operations: on a small
    network that wrapper alone costs 3 % of a training step.

    Args:
        loc: Means, shape (..., latent).
        log_scale: Logs of the standard deviations, same shape.
        is_standard: Promises that both are 0, which shortens the KL.

    Example:
        >>> q = DiagonalNormal(torch.zeros(3, 2), torch.zeros(3, 2))
        >>> q.batch_shape, q.event_shape
        (torch.Size([3]), torch.Size([2]))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(
        self,
        loc: Float[Tensor, "*batch latent"],
        log_scale: Float[Tensor, "*batch latent"],
        is_standard: bool = False,
    ) -> None:
        self.is_standard = is_standard
        self.loc, self.log_scale = loc, log_scale
        super().__init__(loc.shape[:-1], loc.shape[-1:], validate_args=False)

    @cached_property
    def scale(self) -> Tensor:
        """Standard deviations of the entries."""
        return self.log_scale.exp()

    @property
    def mean(self) -> Tensor:
        """The means."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """The means."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The variances of the entries."""
        return self.scale.square()

    def expand(self, batch_shape: Any, _instance: Any = None) -> "DiagonalNormal":
        """Return the same distribution with another batch shape."""
        shape = torch.Size(batch_shape) + self.event_shape
        loc, log_scale = self.loc.expand(shape), self.log_scale.expand(shape)
        return DiagonalNormal(loc, log_scale, self.is_standard)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw, reparametrised: loc + scale * noise."""
        shape = self._extended_shape(sample_shape)
        noise = torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        if noise.numel() == self.loc.numel():
            # One draw needs no broadcasting, whose backward pass would sum over the draws.
            return torch.addcmul(self.loc, self.scale, noise.view_as(self.loc)).view(shape)
        return torch.addcmul(self.loc, self.scale, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, summed over the entries."""
        error = (value - self.loc) / self.scale
        constant = self.loc.shape[-1] * _HALF_LOG_TWO_PI
        squares: Tensor = torch.linalg.vecdot(error, error)
        return -0.5 * squares - self.log_scale.sum(-1) - constant

    def entropy(self) -> Tensor:
        """Differential entropy in nats."""
        return self.log_scale.sum(-1) + self.loc.shape[-1] * (0.5 + _HALF_LOG_TWO_PI)


def kl_per_latent(q: DiagonalNormal, p: DiagonalNormal) -> Tensor:
    """KL(q || p) of each entry in nats (Kingma & Welling 2014, appendix B)."""
    ratio, error = q.scale / p.scale, (q.loc - p.loc) / p.scale
    return 0.5 * (ratio.square() + error.square() - 1) + p.log_scale - q.log_scale


@register_kl(DiagonalNormal, DiagonalNormal)  # type: ignore[untyped-decorator]
def _kl(q: DiagonalNormal, p: DiagonalNormal) -> Tensor:
    if p.is_standard:
        squares = torch.addcmul(q.loc.square(), q.scale, q.scale)
        return 0.5 * (squares.sub(q.log_scale, alpha=2).sum(-1) - q.loc.shape[-1])
    return kl_per_latent(q, p).sum(-1)


class Delta(Distribution):
    """All mass at one point: the posterior of a plain autoencoder.

    It has no density, so ``log_prob`` is refused; objectives that need one are told so before
    the first step.

    Args:
        point: The point, shape (batch, *event).
        event_dim: How many trailing axes form one event.

    Example:
        >>> Delta(torch.ones(3, 2)).rsample((5,)).shape
        torch.Size([5, 3, 2])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, point: Tensor, event_dim: int = 1) -> None:
        self.point = point
        split = point.dim() - event_dim
        super().__init__(point.shape[:split], point.shape[split:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The point."""
        return self.point

    @property
    def variance(self) -> Tensor:
        """Zero."""
        return torch.zeros_like(self.point)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Repeat the point; gradients pass through."""
        return self.point.expand(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Refuse: a point mass has no density."""
        raise NotImplementedError("a point mass has no density")


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
        """Return points as flat coordinates of the same size."""

    @abc.abstractmethod
    def unflatten(self, u: Tensor) -> Tensor:
        """Flat coordinates as points."""


@dataclass(frozen=True)
class Real(Manifold):
    """Flat space of any dimension."""

    def check(self, latent_dim: int) -> None:
        """Accept all."""

    def flatten(self, z: Tensor) -> Tensor:
        """Return the same."""
        return z

    def unflatten(self, u: Tensor) -> Tensor:
        """Return the same."""
        return u


@dataclass(frozen=True)
class Sphere(Manifold):
    """Unit vectors: d latents are a sphere of dimension d - 1."""

    def check(self, latent_dim: int) -> None:
        """Need two latents at least: one is the two points -1 and 1."""
        _at_least_two(latent_dim, "a sphere")

    def flatten(self, z: Tensor) -> Tensor:
        """Return the same: a sphere has no flat map, so densities are fitted around it."""
        return z

    def unflatten(self, u: Tensor) -> Tensor:
        """Return the nearest unit vector."""
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
        """Return the logarithm at the origin: a vector as long as the distance from the origin."""
        root = math.sqrt(self.curvature)
        norm = z.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        distance = 2 / root * torch.atanh((root * norm).clamp_max(1 - _EDGE))
        coordinates: Tensor = z / norm * distance
        return coordinates

    def unflatten(self, u: Tensor) -> Tensor:
        """Return the exponential at the origin."""
        root = math.sqrt(self.curvature)
        norm = u.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return self.clip(u * (torch.tanh(root / 2 * norm) / (root * norm)))

    def clip(self, z: Tensor) -> Tensor:
        """Return points pulled off the edge, where float32 ends."""
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


class Metric(nn.Module):
    """G(z)⁻¹ = sum_i L_i L_iᵀ exp(-|z - c_i|² / T²) + r I.

    Args:
        latent_dim: Number of latents.
        num_centroids: How many c_i.
        temperature: T, the reach of a centroid.
        regularization: r, the inverse metric far from all centroids.

    Source: Chadebec et al. 2020, "Geometry-aware Hamiltonian variational auto-encoder", eq. 6.
    """

    reach: Tensor

    def __init__(
        self, latent_dim: int, num_centroids: int, temperature: float, regularization: float
    ) -> None:
        super().__init__()
        if num_centroids < 1 or not temperature > 0 or not regularization > 0:
            raise ValueError(
                "a metric needs at least one centroid, and a positive temperature and "
                f"regularisation; got {num_centroids}, {temperature} and {regularization}."
            )
        self.regularization = regularization
        self.register_buffer("reach", torch.tensor(temperature))
        self.centroids = nn.Parameter(torch.randn(num_centroids, latent_dim))
        factors = 0.5 * torch.eye(latent_dim) + 0.05 * torch.randn(latent_dim, latent_dim).tril()
        self.factors = nn.Parameter(factors.repeat(num_centroids, 1, 1))

    def inverse(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch latent latent"]:
        """G(z)⁻¹, symmetric and positive."""
        factors = self.factors.tril()
        size = z.shape[-1]
        near = self._weights(z) @ (factors @ factors.mT).flatten(1)
        floor = self.regularization * torch.eye(size, dtype=z.dtype, device=z.device)
        inverse: Tensor = near.unflatten(-1, (size, size)) + floor
        return inverse

    def log_volume(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch"]:
        """log of sqrt(det G(z)⁻¹): large near the centroids, where data are."""
        factor = torch.linalg.cholesky(self.inverse(z))
        volume: Tensor = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return volume

    def volume_slope(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch latent"]:
        """Gradient by z of `log_volume`: half the trace of G times that of G⁻¹."""
        factors = self.factors.tril()
        metric = torch.linalg.inv(self.inverse(z)).flatten(-2)
        traces = metric @ (factors @ factors.mT).flatten(1).mT
        return self._towards(z, self._weights(z) * traces / 2)

    def energy_slope(
        self, z: Float[Tensor, "*batch latent"], momentum: Float[Tensor, "*batch latent"]
    ) -> Float[Tensor, "*batch latent"]:
        """Gradient by z of rᵀ G(z)⁻¹ r / 2 at a fixed momentum r."""
        along = torch.einsum("...d,kde->...ke", momentum, self.factors.tril())
        return self._towards(z, self._weights(z) * along.square().sum(-1) / 2)

    def _weights(self, z: Tensor) -> Tensor:
        """Return how near each centroid is, in (0, 1]."""
        away = (z.unsqueeze(-2) - self.centroids).square().sum(-1)
        return torch.exp(-away / self.reach.square())

    def _towards(self, z: Tensor, weights: Tensor) -> Tensor:
        """Gradient of a sum of near-nesses with these weights held: it points to the centroids."""
        pull = weights @ self.centroids - weights.sum(-1, keepdim=True) * z
        return 2 / self.reach.square() * pull


class WrappedNormalDistribution(Distribution):
    """A Gaussian of the tangent space at the centre, wrapped onto the Poincaré ball.

    Its density is with respect to the ball's own volume, not that of the paper it is drawn on.

    Args:
        center: Points of the ball, shape (..., latent).
        log_scale: Logs of the standard deviations in the tangent space, same shape.
        ball: The space.

    Source: Nagano et al. 2019; Mathieu et al. 2019, eq. 3 and appendix B.3.

    Example:
        >>> q = WrappedNormalDistribution(torch.zeros(3, 2), torch.zeros(3, 2), Ball(1.0))
        >>> (q.rsample((100,)).norm(dim=-1) < 1).all().item()
        True
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(
        self,
        center: Float[Tensor, "*batch latent"],
        log_scale: Float[Tensor, "*batch latent"],
        ball: Ball,
    ) -> None:
        self.center, self.ball = center, ball
        self._tangent = DiagonalNormal(torch.zeros_like(log_scale), log_scale)
        super().__init__(log_scale.shape[:-1], log_scale.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The centre (points of the ball have no mean; this is the Fréchet mean)."""
        return self.center

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw in the tangent space at the origin, wrap, translate to the centre."""
        v = self._tangent.rsample(sample_shape)
        return self.ball.clip(self.ball.add(self.center.expand_as(v), self.ball.unflatten(v)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats."""
        center, value = torch.broadcast_tensors(self.center, value)
        v = self.ball.flatten(self.ball.add(-center, value))
        r = self.ball.curvature**0.5 * v.norm(dim=-1).clamp_min(1e-6)
        # log(sinh(r) / r) without overflow
        log_stretch = r + torch.log1p(-torch.exp(-2 * r)) - torch.log(2 * r)
        density: Tensor = self._tangent.log_prob(v) - (self.event_shape[0] - 1) * log_stretch
        return density
