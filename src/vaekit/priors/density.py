"""Densities that are fitted to latents after training: Gaussian, mixture, kernels."""

import math
import warnings
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.distributions import Distribution, MixtureSameFamily

from vaekit.distributions.gaussian import FullNormal
from vaekit.distributions.wrappers import Categories
from vaekit.priors.base import FittedPrior, check_context, check_latents, check_whole
from vaekit.priors.flow import Rows
from vaekit.randomness import fresh_seed, seeded
from vaekit.types import Aggregate

_CANDIDATES = (1, 5, 10, 20, 40)
_HELD_OUT = 0.2
_MAX_ROWS = 20_000  # more rows change a 40-component fit little and cost seconds
_ROWS_TO_CHOOSE = 6_000  # tell the candidates apart as well as all rows, in a third of the time
_RIDGE = 1e-4


class GaussianMixture(FittedPrior):
    """A mixture of full-covariance Gaussians over the latents, conditional where the model is.

    With a context, the mixture is fitted to (u, c) jointly; p(u | c) is then again a mixture, in
    closed form (Bishop 2006, eq. 2.81-2.82 for each component, reweighted by its p(c)).

    Args:
        latent_dim: Number of latents.
        num_components: Number of Gaussians; ``None`` chooses among 1, 5, 10, 20 and 40 by the
            log-likelihood of a held-out fifth of the latents.
        context_dim: Size of the context; 0 for an unconditional model.

    Source: Ghosh et al. 2020, "From variational to deterministic autoencoders", section 4
    ("ex-post density estimation").

    Example:
        >>> u = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
        >>> prior = GaussianMixture(2, num_components=3).fit(u)
        >>> prior(None, aggregate=None).sample((4,)).shape
        torch.Size([4, 2])
    """

    logits: Tensor
    means: Tensor
    factors: Tensor

    def __init__(
        self, latent_dim: int, num_components: int | None = None, context_dim: int = 0
    ) -> None:
        super().__init__(latent_dim)
        if num_components is not None:
            check_whole(1, num_components=num_components)
        check_whole(0, context_dim=context_dim)
        self.num_components = num_components
        self.context_dim = context_dim
        count, size = num_components or 1, latent_dim + context_dim
        self.register_buffer("logits", torch.zeros(count))
        self.register_buffer("means", torch.zeros(count, size))
        self.register_buffer("factors", torch.eye(size).repeat(count, 1, 1))

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Fit by expectation-maximisation (scikit-learn); at most 20,000 rows are used."""
        check_latents(self, u, context, self.context_dim, needed=max(2, self.num_components or 0))
        joint = u if context is None else torch.cat([u, context], dim=-1)
        seed = fresh_seed(generator)
        rows = np.random.default_rng(seed).permutation(len(joint))[:_MAX_ROWS]
        points = joint.detach().cpu().double().numpy()[rows]
        self.num_components = self.num_components or self._choose(points, seed)
        self._adopt(fit_mixture(points, self.num_components, seed))
        return self

    def _choose(self, points: np.ndarray[Any, Any], seed: int) -> int:
        """Return the number of components under which held-out latents are most likely."""
        points = points[:_ROWS_TO_CHOOSE]
        cut = max(1, int(len(points) * _HELD_OUT))
        held_out, rest = points[:cut], points[cut:]
        counts = [count for count in _CANDIDATES if count == 1 or len(rest) >= 10 * count]
        if len(counts) == 1:
            return counts[0]
        scores = [fit_mixture(rest, count, seed).score(held_out) for count in counts]
        return counts[int(np.argmax(scores))]

    def _adopt(self, mixture: Any) -> None:
        with np.errstate(divide="ignore"):
            logits = np.maximum(np.log(mixture.weights_), -50.0)  # an empty component has weight 0
        factors = np.linalg.cholesky(mixture.covariances_)
        self.logits = torch.as_tensor(logits).to(self.means)
        self.factors = torch.as_tensor(factors).to(self.means)
        self.means = torch.as_tensor(mixture.means_).to(self.means)

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return p(u), or p(u | c) with batch shape (batch,).

        Raises:
            CompositionError: The context is missing, or of another size.
        """
        context = check_context(self, context, self.context_dim)
        if context is None:
            return _mixture(self.logits, self.means, self.factors)
        k = self.latent_dim
        covariance = self.factors @ self.factors.mT
        factors = torch.linalg.cholesky(covariance[:, k:, k:])
        marginal: Distribution = FullNormal(self.means[:, k:], factors)
        logits = self.logits + marginal.log_prob(context[:, None])
        gain = torch.linalg.solve(covariance[:, k:, k:], covariance[:, k:, :k]).mT
        shift = (gain @ (context[:, None] - self.means[:, k:]).unsqueeze(-1)).squeeze(-1)
        rest = covariance[:, :k, :k] - gain @ covariance[:, k:, :k]
        factors = torch.linalg.cholesky(rest + _RIDGE * torch.eye(k).to(rest))
        return _mixture(
            logits, self.means[:, :k] + shift, factors.expand(context.shape[0], -1, -1, -1)
        )


def fit_mixture(points: np.ndarray[Any, Any], count: int, seed: int) -> Any:
    """Fit so many full-covariance Gaussians; returns scikit-learn's mixture."""
    import sklearn.mixture  # costs half a second and is needed here only

    mixture = sklearn.mixture.GaussianMixture(
        count, reg_covar=_RIDGE, random_state=seed, max_iter=100, tol=1e-2
    )
    with threadpool_limits(1), warnings.catch_warnings():
        # Threads cost more than they bring on matrices of 16 columns: six times the CPU time.
        # EM at its iteration limit is still a valid density; candidates are compared by held-out
        # likelihood, which is what tells whether it is a good one.
        warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
        return mixture.fit(points)


def _mixture(logits: Tensor, means: Tensor, factors: Tensor) -> Distribution:
    return MixtureSameFamily(
        Categories(logits=logits, validate_args=False),
        FullNormal(means, factors),
        validate_args=False,
    )


class FittedGaussian(FittedPrior):
    """A Gaussian with full covariance; with a context, its mean is linear in the context.

    Args:
        latent_dim: Number of latents.
        context_dim: Size of the context; 0 for an unconditional model.

    Source: Ghosh et al. 2020, "From variational to deterministic autoencoders", section 4.

    Example:
        >>> u = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
        >>> FittedGaussian(2).fit(u)(None, aggregate=None).log_prob(u).shape
        torch.Size([500])
    """

    def __init__(self, latent_dim: int, context_dim: int = 0) -> None:
        super().__init__(latent_dim)
        self.context_dim = context_dim
        self.joint = GaussianMixture(latent_dim, 1, context_dim)

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Take mean and covariance of at most 20,000 latents (and contexts)."""
        check_latents(self, u, context, self.context_dim, needed=2)
        self.joint.fit(u, context, generator=generator)
        return self

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return p(u), or p(u | c) with batch shape (batch,)."""
        density: Distribution = self.joint(context, aggregate)
        return density


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
        count: How many latents it has learned; ``None`` before the fit.
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
            positions = torch.randint(len(self.points), (n,), device=self.points.device)
        else:
            positions = torch.multinomial(self._log_weights(context).exp(), 1).squeeze(1)
        points = self.points[positions]
        return points + self.scale * torch.randn_like(points)

    def _score(self, u: Tensor, context: Tensor | None) -> Tensor:
        far = torch.cdist(u / self.scale, self.points / self.scale).square() / 2
        log_p = (self._log_weights(context) - far).logsumexp(-1)
        return log_p - self.scale.log().sum() - self.latent_dim / 2 * math.log(2 * math.pi)

    def _log_weights(self, context: Tensor | None) -> Tensor:
        """Return how much each latent counts, shape (1, count), or (rows, count) in a context."""
        if context is None:
            return self.points.new_zeros(1, len(self.points)).log_softmax(-1)
        far = torch.cdist(context / self.near, self.contexts / self.near).square() / 2
        return (-far).log_softmax(-1)


def _spread(x: Tensor) -> Tensor:
    return x.std(0).clamp_min(_SMALLEST) if len(x) > 1 else torch.ones_like(x[0])
