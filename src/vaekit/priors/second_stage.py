"""A second, small VAE over the latents of the first."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from vaekit.bounds import Iterations, Steps
from vaekit.distributions.gaussian import DiagonalNormal
from vaekit.priors.base import check_whole, check_widths
from vaekit.priors.flow import NetworkPrior, standard_normal
from vaekit.randomness import seeded

_FIRST_LOG_SCALE = -0.5  # from 0, that of the latents themselves, nothing is ever encoded
_TRAINING_DRAWS = 8


class _SmallVAE(nn.Module):
    """Two mirrored networks and the noise of the second."""

    def __init__(self, latent_dim: int, context_dim: int, hidden: Sequence[int]) -> None:
        super().__init__()
        ins = latent_dim + context_dim
        self.encoder = _dense((ins, *hidden, 2 * latent_dim))
        self.decoder = _dense((ins, *reversed(hidden), latent_dim))
        self.log_scale = nn.Parameter(torch.full((latent_dim,), _FIRST_LOG_SCALE))

    def bound(self, u: Tensor, context: Tensor | None, draws: int) -> Tensor:
        """Return a lower bound of log p(u | c) in nats, by so many importance samples."""
        mean, log_scale = self.encoder(_append(u, context)).chunk(2, -1)
        q = DiagonalNormal(mean, log_scale)
        z = q.rsample((draws,))
        log_w = self.decode(z, context).log_prob(u) + standard_normal(z).log_prob(z) - q.log_prob(z)
        return log_w.logsumexp(0) - math.log(draws)

    def decode(self, z: Tensor, context: Tensor | None) -> DiagonalNormal:
        """p(u | z, c)."""
        mean = self.decoder(_append(z, context))
        return DiagonalNormal(mean, self.log_scale.expand_as(mean))


def _append(z: Tensor, context: Tensor | None) -> Tensor:
    """Return latents of shape (..., batch, latent) with the context of each row."""
    if context is None:
        return z
    return torch.cat([z, context.expand(*z.shape[:-1], -1)], -1)


def _dense(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers with SiLU between them."""
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.SiLU())]
    return nn.Sequential(*layers[:-1])


class SecondStage(NetworkPrior):
    """A VAE over the latents, with as many latents of its own and a learned scale of its noise.

    It is trained by the importance-weighted bound of 8 draws: under the bound of one draw most
    of its latents collapse, which costs 0.5 nats on Fashion-MNIST. ``log_prob`` is the same bound
    with more draws, always from the same noise.

    Args:
        latent_dim: Number of latents.
        hidden: Width of each layer of the encoder; the decoder has them in reverse.
        draws: Importance samples of the bound.
        context_dim: Size of the context; 0 for an unconditional model.
        steps: Optimiser steps of a fit.

    Raises:
        SpecError: A count is too small.

    Source: Dai & Wipf 2019, "Diagnosing and enhancing VAE models", section 4; Burda et al. 2016,
    eq. 8, for the bound.

    Example:
        >>> u = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        >>> prior = SecondStage(2, steps=5).fit(u)
        >>> prior(None, aggregate=None).sample((4,)).shape
        torch.Size([4, 2])
    """

    normalized: ClassVar[bool] = False
    learning_rate = 5e-3
    net: _SmallVAE

    def __init__(
        self,
        latent_dim: int,
        hidden: Sequence[int] = (128, 128),
        draws: Iterations = 64,
        context_dim: int = 0,
        steps: Steps = 2000,
    ) -> None:
        super().__init__(latent_dim, context_dim, steps)
        check_whole(1, draws=draws)
        check_widths(hidden)
        self.hidden = tuple(hidden)
        self.draws = draws
        self.net = self._make_net()

    def _make_net(self) -> _SmallVAE:
        return _SmallVAE(self.latent_dim, self.context_dim, self.hidden)

    def _losses(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        return -self.net.bound(u, context, _TRAINING_DRAWS)

    def _draw(self, n: int, context: Tensor | None) -> Tensor:
        z = standard_normal(self.location).sample((n,))
        return self.net.decode(z, context).sample()

    def _log_prob(self, u: Tensor, context: Tensor | None) -> Tensor:
        with seeded(0):  # the same noise for all, so that a point always has the same bound
            return self.net.bound(u, context, self.draws)
