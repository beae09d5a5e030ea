"""Sampling where a Riemannian metric, read off the latents, has room."""

import math
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Size, Tensor
from torch.distributions import Distribution, constraints

from vaekit.bounds import Iterations, NotNegative
from vaekit.distributions.gaussian import Metric
from vaekit.priors.base import FittedPrior, check_latents, check_whole
from vaekit.randomness import seeded
from vaekit.types import Aggregate

_FLOOR = 1e-3
_STEP, _LEAPS = 0.1, 5


class RiemannianManifold(FittedPrior):
    """Draws in proportion to the volume of a metric that is built from the encoded items.

    Around some of the latents the inverse metric is the covariance of their neighbours; draws
    follow the square root of its determinant, by Hamiltonian Monte Carlo from those latents.
    The density is known up to a constant only.

    Args:
        latent_dim: Number of coordinates.
        num_centroids: Latents around which the metric is built.
        neighbors: Latents whose covariance each of them takes.
        regularization: The inverse metric far from all latents, relative to near them.
        steps: Monte Carlo steps per draw.

    Source: Chadebec & Allassonnière 2022, "A geometric perspective on variational autoencoders",
    eq. 7-9 and algorithm 1; Chadebec et al. 2020 (the sampler of the RHVAE).

    Example:
        >>> z = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
        >>> prior = RiemannianManifold(2, num_centroids=20, steps=5).fit(z)
        >>> prior(None, aggregate=None).sample((4,)).shape
        torch.Size([4, 2])
    """

    normalized: ClassVar[bool] = False
    center: Tensor
    spread: Tensor

    def __init__(
        self,
        latent_dim: int,
        num_centroids: int = 200,
        neighbors: int = 20,
        regularization: NotNegative = 1e-2,
        steps: Iterations = 20,
    ) -> None:
        super().__init__(latent_dim)
        check_whole(1, num_centroids=num_centroids, neighbors=neighbors, steps=steps)
        self.num_centroids = num_centroids
        self.neighbors = neighbors
        self.regularization = regularization
        self.steps = steps
        self.metric = Metric(latent_dim, num_centroids, 1.0, regularization)
        self.register_buffer("center", torch.zeros(latent_dim))
        self.register_buffer("spread", torch.ones(latent_dim))

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Choose centroids among the latents and measure their neighbourhoods.

        The context is ignored: the metric is that of all items.
        """
        needed = max(self.num_centroids, self.neighbors) + 1
        check_latents(self, u, None, 0, needed)
        self.center.copy_(u.mean(0))
        self.spread.copy_(u.std(0).clamp_min(_FLOOR))
        points = (u - self.center) / self.spread
        with seeded(generator):
            chosen = points[torch.randperm(len(u), device=u.device)[: self.num_centroids]]
        near = torch.cdist(chosen, points).topk(self.neighbors, largest=False).indices
        around = points[near] - chosen.unsqueeze(1)
        ridge = _FLOOR * torch.eye(self.latent_dim, device=u.device)
        factors = torch.linalg.cholesky(around.mT @ around / self.neighbors + ridge)
        gaps = torch.cdist(chosen, chosen).fill_diagonal_(torch.inf).min(1).values
        with torch.no_grad():
            self.metric.centroids.copy_(chosen)
            self.metric.factors.copy_(factors)
            self.metric.reach.copy_(gaps.max().clamp_min(_FLOOR))
        return self

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the distribution, which can be drawn from but not scored."""
        return _VolumeDraws(self)


class _VolumeDraws(Distribution):
    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, prior: RiemannianManifold) -> None:
        self.prior = prior
        super().__init__(Size(), Size((prior.latent_dim,)), validate_args=False)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw: start at a latent, then follow the volume."""
        metric, count = self.prior.metric, math.prod(sample_shape)
        with torch.no_grad():
            start = torch.randint(len(metric.centroids), (count,), device=metric.centroids.device)
            z = metric.centroids[start]
            for _ in range(self.prior.steps):
                z = _move(z, metric)
        z = self.prior.center + self.prior.spread * z
        return z.view(*sample_shape, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Refuse: what the volume integrates to is not known."""
        raise NotImplementedError("the density is known up to a constant only")


def _move(z: Tensor, metric: Metric) -> Tensor:
    """Return one step of Hamiltonian Monte Carlo (Neal 2011, figure 2)."""
    momentum = torch.randn_like(z)
    new, kick = z, momentum + _STEP / 2 * metric.volume_slope(z)
    for _ in range(_LEAPS):
        new = new + _STEP * kick
        kick = kick + _STEP * metric.volume_slope(new)
    kick = kick - _STEP / 2 * metric.volume_slope(new)
    before = metric.log_volume(z) - momentum.square().sum(-1) / 2
    after = metric.log_volume(new) - kick.square().sum(-1) / 2
    accepted = torch.rand_like(before).log() < after - before
    return torch.where(accepted.unsqueeze(-1), new, z)
