"""Densities of latents: Gaussian, mixtures, kernels, where a Riemannian metric has room."""

import math
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Shaped
from threadpoolctl import threadpool_limits
from torch import Size, Tensor, nn
from torch.distributions import Distribution, MixtureSameFamily, constraints

from vaekit.bounds import Iterations, NotNegative
from vaekit.distributed import take_from_first
from vaekit.distributions.gaussian import DiagonalNormal, FullNormal, Metric
from vaekit.distributions.wrappers import Categories
from vaekit.errors import DataError
from vaekit.priors.base import FittedPrior, Prior, check_context, check_latents, check_whole
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


class LearnedMixture(Prior):
    """A mixture of diagonal Gaussians, moved by the same gradients as the model.

    Args:
        latent_dim: Number of latents.
        num_components: Number of Gaussians, at least 1.

    Source: Dilokthanakul et al. 2016, "Deep unsupervised clustering with Gaussian mixture
    variational autoencoders" (here without its second latent); Tomczak & Welling 2018, "VAE with
    a VampPrior", section 3 ("mixture of Gaussians prior").

    Example:
        >>> LearnedMixture(2, 5)(None, aggregate=None).sample((3,)).shape
        torch.Size([3, 2])
    """

    provides: ClassVar[frozenset[str]] = frozenset({"components"})

    def __init__(self, latent_dim: int, num_components: int = 10) -> None:
        super().__init__(latent_dim)
        check_whole(1, num_components=num_components)
        self.num_components = num_components
        self.logits = nn.Parameter(torch.zeros(num_components))
        self.means = nn.Parameter(torch.randn(num_components, latent_dim))
        self.log_scales = nn.Parameter(torch.zeros(num_components, latent_dim))

    @torch.no_grad()
    def start_from(self, z: Float[Tensor, "batch latent"]) -> None:
        """Put the components where these latents cluster; reads the global random stream.

        In a group of processes all take what the first one finds.

        Raises:
            DataError: Fewer latents than components.
        """
        if len(z) < self.num_components:
            raise DataError(
                f"{self.num_components} components need as many items to start from; got {len(z)}."
            )
        seed = int(torch.randint(2**31 - 1, ()))
        mixture = fit_mixture(z.cpu().double().numpy(), self.num_components, seed)
        self.logits.copy_(torch.as_tensor(mixture.weights_).log())
        self.means.copy_(torch.as_tensor(mixture.means_))
        variances = torch.as_tensor(mixture.covariances_).diagonal(dim1=-2, dim2=-1)
        self.log_scales.copy_(0.5 * variances.log())
        for parameter in self.parameters():
            take_from_first(parameter.data)

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the mixture, whatever the context."""
        return MixtureSameFamily(
            Categories(logits=self.logits, validate_args=False),
            DiagonalNormal(self.means, self.log_scales),
            validate_args=False,
        )


class Vamp(Prior):
    """The mixture of the posteriors of learned pseudo-inputs.

    Args:
        latent_dim: Number of latents.
        shape: Shape of one item.
        num_components: Pseudo-inputs, at least 1.

    Source: Tomczak & Welling 2018, "VAE with a VampPrior", eq. 9.

    Example:
        >>> from vaekit.distributions import DiagonalNormal
        >>> prior = Vamp(2, (4,), num_components=3)
        >>> prior(None, lambda x: DiagonalNormal(x[:, :2], x[:, :2])).sample((5,)).shape
        torch.Size([5, 2])
    """

    requires: ClassVar[frozenset[str]] = frozenset({"pointwise"})

    def __init__(self, latent_dim: int, shape: Sequence[int], num_components: int = 100) -> None:
        super().__init__(latent_dim)
        if num_components < 1:
            raise ValueError(f"num_components must be at least 1; got {num_components}.")
        self.shape = tuple(shape)
        self.num_components = num_components
        self.pseudo_inputs = nn.Parameter(torch.rand(num_components, *self.shape))
        self.logits = nn.Parameter(torch.zeros(num_components))

    @torch.no_grad()
    def start_from(self, x: Shaped[Tensor, "items *event"]) -> None:
        """Make pseudo-inputs of items, spread evenly over those given.

        Raises:
            DataError: Fewer items than pseudo-inputs.
        """
        if len(x) < self.num_components:
            raise DataError(
                f"a Vamp prior of {self.num_components} components needs as many items; got "
                f"{len(x)}. Use fewer components."
            )
        chosen = torch.linspace(0, len(x) - 1, self.num_components).long().clamp_max(len(x) - 1)
        self.pseudo_inputs.copy_(x[chosen])
        self.logits.zero_()

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the mixture, whatever the context."""
        weights = Categories(logits=self.logits, validate_args=False)
        return MixtureSameFamily(weights, aggregate(self.pseudo_inputs), validate_args=False)
