"""What every posterior promises; Gaussian ones, diagonal and full; and the point mass."""

import abc
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions.gaussian import REAL, Delta, DiagonalNormal, FullNormal, Manifold
from vaekit.errors import CompositionError
from vaekit.types import LogDensity


class Posterior(nn.Module, abc.ABC):
    """Turns the encoder's features into q(z | x).

    Attributes:
        provides: What objectives and priors may count on: ``"density"`` (log q of a draw is
            known), ``"pointwise"`` (log q of any point is known), ``"factorised"`` (latents are
            independent given x), ``"path"`` (`frozen` can stop the gradient of its parameters).
        manifold: The space that its draws lie in.
    """

    provides: ClassVar[frozenset[str]]

    def __init__(self, features_dim: int, latent_dim: int, manifold: Manifold = REAL) -> None:
        super().__init__()
        manifold.check(latent_dim)
        self.manifold = manifold
        self.features_dim = features_dim
        self.latent_dim = latent_dim

    @abc.abstractmethod
    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return q(z | x).

        Args:
            h: Features of the batch.
            log_joint: log p(x, z) of the batch; only posteriors that follow its gradient use it.
        """


# Beyond these bounds a standard deviation is 0 or infinite for any practical purpose, and its
# square would leave float32.
_LOG_SCALE_BOUNDS = (-12.0, 8.0)
_MIN_DIAGONAL = 1e-5


class DiagonalGaussian(Posterior):
    """A Gaussian with independent latents: the posterior of the original VAE.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents.

    Source: Kingma & Welling 2014, "Auto-encoding variational Bayes", eq. 9.

    Example:
        >>> q = DiagonalGaussian(8, 2)(torch.zeros(5, 8), log_joint=lambda z: z.sum(-1))
        >>> q.rsample((3,)).shape
        torch.Size([3, 5, 2])
    """

    provides: ClassVar[frozenset[str]] = frozenset({"density", "pointwise", "factorised", "path"})

    def __init__(self, features_dim: int, latent_dim: int) -> None:
        super().__init__(features_dim, latent_dim)
        self.head = nn.Linear(features_dim, 2 * latent_dim)

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return N(mean(h), diag(scale(h)²))."""
        return _diagonal(self.head(h))


class GridGaussian(Posterior):
    """Independent Gaussians on a grid, of which the features are means and log variances.

    No layer of its own mixes the places, so each latent knows of its surroundings only. A context
    after those features is not looked at.

    Args:
        features_dim: Size of the encoder's features, at least twice the number of latents.
        grid: (latents per place, height, width).

    Raises:
        CompositionError: There are fewer features.

    Source: Rombach et al. 2022, "High-resolution image synthesis with latent diffusion models",
    section 3.1.

    Example:
        >>> q = GridGaussian(36, (2, 3, 3))(torch.zeros(5, 36), log_joint=lambda z: z.sum(-1))
        >>> q.rsample((3,)).shape
        torch.Size([3, 5, 18])
    """

    provides: ClassVar[frozenset[str]] = DiagonalGaussian.provides

    def __init__(self, features_dim: int, grid: Sequence[int]) -> None:
        super().__init__(features_dim, math.prod(grid))
        self.grid = tuple(grid)
        if features_dim < 2 * self.latent_dim:
            raise CompositionError(
                f"latents on a grid need 2 features each, {2 * self.latent_dim} for "
                f"{self.latent_dim}; got {features_dim}. Use network='spatial'."
            )

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return N(mean, diag(scale²))."""
        return _diagonal(h[:, : 2 * self.latent_dim])


def _diagonal(numbers: Float[Tensor, "batch both"]) -> DiagonalNormal:
    mean, log_variance = numbers.float().chunk(2, dim=-1)
    # hardtanh is clamp with one kernel instead of five in the backward pass.
    return DiagonalNormal(mean, F.hardtanh(log_variance / 2, *_LOG_SCALE_BOUNDS))


class FullGaussian(Posterior):
    """A Gaussian with a full covariance, given by its Cholesky factor.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents; the head has latent_dim * (latent_dim + 3) / 2 outputs.

    Source: Kingma & Welling 2019, "An introduction to variational autoencoders", section 2.5.1.

    Example:
        >>> q = FullGaussian(8, 2)(torch.zeros(5, 8), log_joint=lambda z: z.sum(-1))
        >>> q.covariance_matrix.shape
        torch.Size([5, 2, 2])
    """

    provides: ClassVar[frozenset[str]] = frozenset({"density", "pointwise", "path"})

    def __init__(self, features_dim: int, latent_dim: int) -> None:
        super().__init__(features_dim, latent_dim)
        self.head = nn.Linear(features_dim, latent_dim + latent_dim * (latent_dim + 1) // 2)
        rows, columns = torch.tril_indices(latent_dim, latent_dim).unbind()
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return N(mean(h), L(h) L(h)ᵀ)."""
        out = self.head(h).float()
        mean, entries = out[..., : self.latent_dim], out[..., self.latent_dim :]
        raw = out.new_zeros(*out.shape[:-1], self.latent_dim, self.latent_dim)
        raw[..., self.rows, self.columns] = entries
        diagonal = F.softplus(raw.diagonal(dim1=-2, dim2=-1)) + _MIN_DIAGONAL
        factor = raw.tril(-1) + torch.diag_embed(diagonal)
        return FullNormal(mean, factor)


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
