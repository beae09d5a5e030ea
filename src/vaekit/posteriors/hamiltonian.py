"""Posteriors that follow the gradient of log p(x, z)."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Size, Tensor, nn
from torch.distributions import Distribution, constraints

from vaekit.distributions import Traced
from vaekit.posteriors.base import Posterior
from vaekit.posteriors.dynamics import check_steps, gradient_of, tempered
from vaekit.posteriors.gaussian import DiagonalGaussian
from vaekit.types import LogDensity

__all__ = ["Hamiltonian"]


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
        steps: int = 3,
        step_size: float = 0.05,
        temperature: float = 0.3,
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


class _Trajectory(Traced):
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
