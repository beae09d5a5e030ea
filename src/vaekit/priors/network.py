"""What the densities share that are networks over real latents."""

import abc
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import AffineTransform, Distribution, TransformedDistribution

from vaekit.distributions import DiagonalNormal
from vaekit.priors.base import FittedPrior
from vaekit.priors.checks import check_context, check_latents, check_whole
from vaekit.priors.fitting import FEWEST_ROWS, train
from vaekit.priors.rows import Rows
from vaekit.randomness import seeded
from vaekit.types import Aggregate

__all__ = ["NetworkPrior", "standard_normal"]

_SMALLEST_SCALE = 1e-4


class NetworkPrior(FittedPrior, abc.ABC):
    """A density that a network learns from standardised latents.

    Args:
        latent_dim: Number of latents.
        context_dim: Size of the context; 0 for an unconditional model.
        steps: Optimiser steps of a fit.

    Attributes:
        batch_size: Latents per step.
        learning_rate: Adam's first step size.
        part: Most latents that are drawn or scored at a time.
        deadline: Reading of `time.monotonic` at which a fit stops early, its learning rate having
            come down in time; ``None`` for none. Not stored.
    """

    batch_size: int = 256
    part: ClassVar[int] = 1024
    learning_rate: ClassVar[float]
    deadline: float | None = None

    location: Tensor
    scale: Tensor
    net: nn.Module

    def __init__(self, latent_dim: int, context_dim: int, steps: int) -> None:
        super().__init__(latent_dim)
        check_whole(0, context_dim=context_dim)
        check_whole(1, latent_dim=latent_dim, steps=steps)
        self.context_dim = context_dim
        self.steps = steps
        self.register_buffer("location", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.ones(latent_dim))

    @abc.abstractmethod
    def _make_net(self) -> nn.Module:
        """A fresh network."""

    @abc.abstractmethod
    def _losses(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        """The loss of each standardised latent, shape (batch,)."""

    @abc.abstractmethod
    def _draw(self, n: int, context: Tensor | None) -> Tensor:
        """Standardised latents, shape (n, latent); with a context, one for each row of it."""

    @abc.abstractmethod
    def _log_prob(self, u: Tensor, context: Tensor | None) -> Tensor:
        """The log density of each standardised latent, or its bound, shape (batch,)."""

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Train a fresh network; the weights that suit a held-out tenth best are kept.

        Args:
            u: Latents, at least 10.
            context: What they are conditioned on.
            generator: Source of randomness; ``None`` uses fresh entropy.

        Raises:
            CompositionError: Latents or context of another size.
            DataError: Too few latents, or some that are not finite.
        """
        check_latents(self, u, context, self.context_dim, FEWEST_ROWS)
        u = u.detach().to(self.location)
        self.location, self.scale = u.mean(0), u.std(0).clamp_min(_SMALLEST_SCALE)
        standard = (u - self.location) / self.scale
        rows = (standard,) if context is None else (standard, context.to(standard))
        with seeded(generator):
            self.net = self._make_net().to(u.device)
            train(
                self.net,
                self._losses,
                rows,
                self.steps,
                self.batch_size,
                self.learning_rate,
                self.deadline,
            )
        return self

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return p(u), or p(u | c) with batch shape (batch,).

        Raises:
            CompositionError: The context is missing, or of another size.
        """
        context = check_context(self, context, self.context_dim)
        density = Rows(self.latent_dim, self._draw, self._log_prob, context, self.part)
        stretch = AffineTransform(self.location, self.scale, event_dim=1)
        return TransformedDistribution(density, stretch, validate_args=False)


def standard_normal(like: Tensor) -> DiagonalNormal:
    """N(0, I) with as many entries as the last axis of a tensor, on its device."""
    zeros = like.new_zeros(like.shape[-1])
    return DiagonalNormal(zeros, zeros, is_standard=True)
