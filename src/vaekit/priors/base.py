"""What every prior promises, and those without parameters."""

import abc
import math
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions.gaussian import DiagonalNormal
from vaekit.distributions.manifolds import REAL, SPHERE, Ball, Manifold, WrappedNormalDistribution
from vaekit.distributions.sphere import UniformSphereDistribution
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


class StandardNormal(Prior):
    """N(0, I).

    Args:
        latent_dim: Number of latents.

    Source: Kingma & Welling 2014, section 3.

    Example:
        >>> StandardNormal(2)(None, aggregate=None).sample((3,)).shape
        torch.Size([3, 2])
    """

    zeros: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return N(0, I), whatever the context."""
        return DiagonalNormal(self.zeros, self.zeros, is_standard=True)


class UniformSphere(FittedPrior):
    """All directions equally probable: the prior of spherical VAEs, trained or ex post.

    Args:
        latent_dim: Number of latents, at least 2.

    Source: Davidson et al. 2018, section 3.1.

    Example:
        >>> UniformSphere(3)(None, aggregate=None).sample((4,)).norm(dim=-1).allclose(torch.ones(4))
        True
    """

    zeros: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, SPHERE)
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Return self: there is nothing to fit."""
        return self

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the uniform distribution, whatever the context."""
        return UniformSphereDistribution(self.zeros)


class WrappedNormal(Prior):
    """A wrapped normal around the origin of the Poincaré ball.

    Args:
        latent_dim: Number of latents, at least 2.
        curvature: Minus the curvature, positive; that of the posterior.
        scale: Standard deviation, positive.

    Source: Mathieu et al. 2019, section 3.1.

    Example:
        >>> WrappedNormal(2)(None, aggregate=None).sample((4,)).norm(dim=-1).max().item() < 1
        True
    """

    zeros: Tensor

    def __init__(self, latent_dim: int, curvature: float = 1.0, scale: float = 1.0) -> None:
        self.ball = Ball(curvature)
        super().__init__(latent_dim, self.ball)
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"scale must be positive and finite; got {scale}.")
        self.curvature = curvature
        self.scale = scale
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the wrapped normal, whatever the context."""
        log_scale = self.zeros + math.log(self.scale)
        return WrappedNormalDistribution(self.zeros, log_scale, self.ball)
