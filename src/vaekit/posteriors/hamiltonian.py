"""Posteriors refined by Hamiltonian dynamics, in flat space and on a learned metric."""

import itertools
import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Size, Tensor, nn
from torch.distributions import Distribution, constraints

from vaekit.bounds import Iterations, NotNegative, Positive
from vaekit.distributions.gaussian import Metric
from vaekit.distributions.wrappers import SampleWithLogProb
from vaekit.posteriors.gaussian import DiagonalGaussian, Posterior
from vaekit.types import LogDensity


def gradient_of(log_density: LogDensity, z: Tensor, *, second_order: bool = True) -> Tensor:
    """Return the gradient by z, itself differentiable where gradients are on and second_order.

    It is the *partial* derivative: z is viewed first, so that the graph of how z came about is
    not walked again at every step.
    """
    learning = torch.is_grad_enabled() and second_order
    with torch.enable_grad():
        here = z.view_as(z) if learning and z.requires_grad else z.detach().requires_grad_()
        total = log_density(here).sum()
        (gradient,) = torch.autograd.grad(total, here, create_graph=learning)
    return gradient


def tempered(temperature: Positive, steps: int) -> list[float]:
    """Factors of the momentum after each step; all together the root of the temperature.

    Source: Caterini et al. 2018, section 3.2 (quadratic scheme).
    """
    start = 1 / math.sqrt(temperature)
    roots = [1 / ((1 - start) * (k / steps) ** 2 + start) for k in range(steps + 1)]
    return [before / after for before, after in itertools.pairwise(roots)]


def check_steps(steps: int, step_size: Positive, temperature: Positive) -> None:
    """Refuse settings under which nothing would move, or all would fly apart."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1; got {steps}.")
    if not (math.isfinite(step_size) and step_size > 0):
        raise ValueError(f"step_size must be positive and finite; got {step_size}.")
    if not 0 < temperature <= 1:
        raise ValueError(f"temperature must be in (0, 1]; got {temperature}.")


class Hamiltonian(Posterior):
    """A Gaussian draw that then rolls downhill for a few leapfrog steps.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents.
        steps: Leapfrog steps, each with a gradient through the decoder; at least 1.
        step_size: Where the learned step size of each latent starts, positive.
        temperature: Inverse temperature at the start, in (0, 1]; below 1 explores wider.
        second_order: Whether learning differentiates through the gradients of the steps, as the
            source does, or takes them as given. Draws and densities are the same. Through them a
            training step takes about twice the time and learns more, but less than two without.

    Source: Caterini et al. 2018, "Hamiltonian variational auto-encoder", algorithm 1. The
    effective log q counts the momenta: log q(z0) + log N(r0) - log N(rK), both steps of the
    tempering cancelling against the wider start.

    Example:
        >>> posterior = Hamiltonian(8, 2, steps=2)
        >>> q = posterior(torch.zeros(5, 8), log_joint=lambda z: -z.square().sum(-1))
        >>> q.rsample((3,)).shape
        torch.Size([3, 5, 2])
    """

    provides: ClassVar[frozenset[str]] = frozenset({"density"})

    def __init__(
        self,
        features_dim: int,
        latent_dim: int,
        steps: Iterations = 3,
        step_size: Positive = 0.05,
        temperature: Positive = 0.3,
        second_order: bool = False,
    ) -> None:
        super().__init__(features_dim, latent_dim)
        check_steps(steps, step_size, temperature)
        self.steps = steps
        self.step_size = step_size
        self.temperature = temperature
        self.second_order = second_order
        self.base = DiagonalGaussian(features_dim, latent_dim)
        self.log_step = nn.Parameter(torch.full((latent_dim,), step_size).log())

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return the distribution at the end of the way."""
        return _Trajectory(self.base(h, log_joint), self, log_joint)

    def roll(self, z: Tensor, momentum: Tensor, log_joint: LogDensity) -> tuple[Tensor, Tensor]:
        """Follow the way to its end.

        Args:
            z: Where it starts, (draws, batch, latent).
            momentum: Standard normal.
            log_joint: log p(x, z).

        Returns:
            Place and momentum at the end.
        """
        step = self.log_step.exp()
        factors = tempered(self.temperature, self.steps)
        momentum = momentum / self.temperature**0.5
        gradient = self._gradient(log_joint, z)
        for factor in factors:
            momentum = momentum + step / 2 * gradient
            z = z + step * momentum
            gradient = self._gradient(log_joint, z)  # serves this step's end and the next's start
            momentum = factor * (momentum + step / 2 * gradient)
        return z, momentum

    def _gradient(self, log_joint: LogDensity, z: Tensor) -> Tensor:
        return gradient_of(log_joint, z, second_order=self.second_order)


class _Trajectory(SampleWithLogProb):
    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, base: Distribution, posterior: Hamiltonian, log_joint: LogDensity) -> None:
        self.base, self.posterior, self.log_joint = base, posterior, log_joint
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Where the way from the base's mean leads that starts without momentum."""
        start = self.base.mean.unsqueeze(0)
        end, _ = self.posterior.roll(start, torch.zeros_like(start), self.log_joint)
        return end.squeeze(0)

    def rsample_with_log_prob(self, sample_shape: Size) -> tuple[Tensor, Tensor]:
        """Draw start and momentum, and follow the way."""
        start = self.base.rsample(sample_shape)
        momentum = torch.randn_like(start)
        z, end = self.posterior.roll(start, momentum, self.log_joint)
        kinetic = (end.square() - momentum.square()).sum(-1) / 2
        return z, self.base.log_prob(start) + kinetic


class Riemannian(Posterior):
    """Hamiltonian steps under a learned metric: momenta are long where data are.

    The paper's centroids are encodings of training items, refreshed after each epoch; here they
    and their factors are parameters, learned by the same bound, so that a model has no hidden
    state, resumes exactly and trains in a group of processes. The implicit steps are solved by
    so many fixed-point iterations that the volume is kept to float32.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents.
        steps: Generalised leapfrog steps, at least 1.
        step_size: Where the learned step size starts, positive.
        temperature: Inverse temperature at the start, in (0, 1].
        num_centroids: Centroids of the metric.
        reach: Reach of a centroid.
        regularization: The inverse metric far from all centroids.
        iterations: Fixed-point iterations of each implicit step.

    Source: Chadebec et al. 2020, "Geometry-aware Hamiltonian variational auto-encoder", eq. 6-9;
    Girolami & Calderhead 2011, eq. 16-18 (generalised leapfrog).

    Example:
        >>> posterior = Riemannian(8, 2, steps=1, num_centroids=3)
        >>> q = posterior(torch.zeros(5, 8), log_joint=lambda z: -z.square().sum(-1))
        >>> q.rsample((3,)).shape
        torch.Size([3, 5, 2])
    """

    provides: ClassVar[frozenset[str]] = frozenset({"density"})

    def __init__(
        self,
        features_dim: int,
        latent_dim: int,
        steps: Iterations = 2,
        step_size: Positive = 0.03,
        temperature: Positive = 0.3,
        num_centroids: int = 50,
        reach: Positive = 3.0,
        regularization: NotNegative = 0.1,
        iterations: Iterations = 5,
    ) -> None:
        super().__init__(features_dim, latent_dim)
        check_steps(steps, step_size, temperature)
        self.steps = steps
        self.step_size = step_size
        self.temperature = temperature
        self.num_centroids = num_centroids
        self.reach = reach
        self.regularization = regularization
        self.iterations = iterations
        self.base = DiagonalGaussian(features_dim, latent_dim)
        self.metric = Metric(latent_dim, num_centroids, reach, regularization)
        self.log_step = nn.Parameter(torch.tensor(step_size).log())

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return the distribution at the end of the way."""
        return _RiemannianTrajectory(self.base(h, log_joint), self, log_joint)

    def roll(self, z: Tensor, momentum: Tensor, log_joint: LogDensity) -> tuple[Tensor, Tensor]:
        """Follow the way to its end.

        Args:
            z: Where it starts, (draws, batch, latent).
            momentum: Normal with covariance G(z).
            log_joint: log p(x, z).

        Returns:
            Place and momentum at the end.
        """
        half = self.log_step.exp() / 2
        momentum = momentum / self.temperature**0.5
        slope = gradient_of(log_joint, z) + self.metric.volume_slope(z)
        for factor in tempered(self.temperature, self.steps):
            momentum = self._implicit_kick(z, momentum + half * slope, half)
            z = self._implicit_move(z, momentum, half)
            slope = gradient_of(log_joint, z) + self.metric.volume_slope(z)
            kick = slope - self.metric.energy_slope(z, momentum)
            momentum = factor * (momentum + half * kick)
        return z, momentum

    def _implicit_kick(self, z: Tensor, start: Tensor, half: Tensor) -> Tensor:
        momentum = start
        for _ in range(self.iterations):
            momentum = start - half * self.metric.energy_slope(z, momentum)
        return momentum

    def _implicit_move(self, z: Tensor, momentum: Tensor, half: Tensor) -> Tensor:
        start = z + half * _times(self.metric.inverse(z), momentum)
        for _ in range(self.iterations):
            z = start + half * _times(self.metric.inverse(z), momentum)
        return z

    def energy(self, z: Tensor, momentum: Tensor) -> Tensor:
        """rᵀ G⁻¹ r / 2, shape (draws, batch)."""
        return (momentum * _times(self.metric.inverse(z), momentum)).sum(-1) / 2

    def log_momentum(self, z: Tensor, momentum: Tensor) -> Tensor:
        """log N(r; 0, G(z)) but for a constant."""
        return self.metric.log_volume(z) - self.energy(z, momentum)


class _RiemannianTrajectory(SampleWithLogProb):
    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, base: Distribution, posterior: Riemannian, log_joint: LogDensity) -> None:
        self.base, self.posterior, self.log_joint = base, posterior, log_joint
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Where the way from the base's mean leads that starts without momentum."""
        start = self.base.mean.unsqueeze(0)
        end, _ = self.posterior.roll(start, torch.zeros_like(start), self.log_joint)
        return end.squeeze(0)

    def rsample_with_log_prob(self, sample_shape: Size) -> tuple[Tensor, Tensor]:
        """Draw start and momentum, and follow the way."""
        posterior = self.posterior
        start = self.base.rsample(sample_shape)
        factor = torch.linalg.cholesky(posterior.metric.inverse(start))
        noise = torch.randn_like(start).unsqueeze(-1)
        # G⁻¹ = F Fᵀ, so F⁻ᵀ times noise has covariance G.
        momentum = torch.linalg.solve_triangular(factor.mT, noise, upper=True).squeeze(-1)
        z, end = posterior.roll(start, momentum, self.log_joint)
        change = posterior.log_momentum(start, momentum) - posterior.log_momentum(z, end)
        return z, self.base.log_prob(start) + change


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)
