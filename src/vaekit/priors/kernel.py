"""A kernel density of the latents: every training latent is a place to sample around."""

import math
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.priors.base import FittedPrior
from vaekit.priors.checks import check_context, check_latents, check_whole
from vaekit.priors.rows import Rows
from vaekit.randomness import seeded
from vaekit.types import Aggregate

__all__ = ["KernelDensity"]

_MAX_ROWS = 20_000
_WIDTH = 0.1  # standard deviations; wider ones suit unseen latents and blur what rows are made of
_PART = 256
_NEAR = 0.1  # of a standard deviation of the context, within which latents count as of it
_SMALLEST = 1e-6


class KernelDensity(FittedPrior):
    """A small Gaussian around each of up to 20,000 latents, shrunk so that the variance stays.

    Latents are drawn from posteriors, so that this is the aggregate posterior, a little smoothed:
    what is sampled is decoded as training items are. It knows the training latents by heart, and
    so suits latents that say little of an item, like the kind of a row; of latents that say
    everything, it would repeat the items.

    Args:
        latent_dim: Number of latents.
        count: How many latents it has learnt; ``None`` before the fit.
        context_dim: Size of the context; with one, latents count by how near theirs is.

    Source: Silverman & Young 1987, "The bootstrap: to smooth or not to smooth?", section 2.

    Example:
        >>> u = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
        >>> prior = KernelDensity(2).fit(u)
        >>> prior(None, aggregate=None).sample((4,)).shape
        torch.Size([4, 2])
    """

    points: Tensor
    contexts: Tensor
    scale: Tensor
    near: Tensor

    def __init__(self, latent_dim: int, count: int | None = None, context_dim: int = 0) -> None:
        super().__init__(latent_dim)
        check_whole(0, context_dim=context_dim)
        if count is not None:
            check_whole(1, count=count)
        self.count, self.context_dim = count, context_dim
        self.register_buffer("points", torch.zeros(count or 1, latent_dim))
        self.register_buffer("contexts", torch.zeros(count or 1, context_dim))
        self.register_buffer("scale", torch.ones(latent_dim))
        self.register_buffer("near", torch.ones(context_dim))

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Keep latents, and put a Gaussian around each."""
        check_latents(self, u, context, self.context_dim, needed=2)
        with seeded(generator):
            kept = torch.randperm(len(u))[:_MAX_ROWS].to(u.device)
        u = u.detach()[kept]
        mean, spread, shrink = u.mean(0), _spread(u), 1 / math.sqrt(1 + _WIDTH**2)
        self.points = mean + shrink * (u - mean)
        self.scale = spread * _WIDTH * shrink
        self.contexts = u.new_zeros(len(u), 0) if context is None else context.detach()[kept]
        if context is not None:
            self.near = _spread(self.contexts) * _NEAR
        self.count = len(u)
        return self

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return p(u), or p(u | c) with batch shape (batch,).

        Raises:
            CompositionError: The context is missing, or of another size.
        """
        context = check_context(self, context, self.context_dim)
        return Rows(self.latent_dim, self._draw, self._score, context, _PART)

    def _draw(self, n: int, context: Tensor | None) -> Tensor:
        if context is None:
            places = torch.randint(len(self.points), (n,), device=self.points.device)
        else:
            places = torch.multinomial(self._log_weights(context).exp(), 1).squeeze(1)
        points = self.points[places]
        return points + self.scale * torch.randn_like(points)

    def _score(self, u: Tensor, context: Tensor | None) -> Tensor:
        far = torch.cdist(u / self.scale, self.points / self.scale).square() / 2
        log_p = (self._log_weights(context) - far).logsumexp(-1)
        return log_p - self.scale.log().sum() - self.latent_dim / 2 * math.log(2 * math.pi)

    def _log_weights(self, context: Tensor | None) -> Tensor:
        """How much each latent counts, shape (1, count), or (rows, count) in a context."""
        if context is None:
            return self.points.new_zeros(1, len(self.points)).log_softmax(-1)
        far = torch.cdist(context / self.near, self.contexts / self.near).square() / 2
        return (-far).log_softmax(-1)


def _spread(x: Tensor) -> Tensor:
    return x.std(0).clamp_min(_SMALLEST) if len(x) > 1 else torch.ones_like(x[0])
