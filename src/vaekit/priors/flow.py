"""Normalizing flows over latents, fitted after training, and a second, small VAE."""

import abc
import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Size, Tensor, nn
from torch.distributions import AffineTransform, Distribution, TransformedDistribution, constraints

from vaekit.bounds import Iterations, Side, Steps
from vaekit.distributions.gaussian import DiagonalNormal, broadcast_shape
from vaekit.errors import unknown_name
from vaekit.priors.base import (
    FEWEST_ROWS,
    FittedPrior,
    check_context,
    check_latents,
    check_whole,
    check_widths,
    train,
)
from vaekit.randomness import seeded
from vaekit.types import Aggregate


class Rows(Distribution):
    """Vectors that a network draws and scores one batch of rows at a time.

    It brings any sample and batch shape down to rows, each with its context, and cuts them into
    parts, so that memory stays bounded.

    Args:
        size: Size of a vector.
        draw: Number of rows, and their contexts -> rows.
        score: Rows, and their contexts -> log density in nats, shape (rows,).
        context: What the vectors are conditioned on; gives the batch shape.
        part: Most rows at a time.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self,
        size: int,
        draw: Callable[[int, Tensor | None], Tensor],
        score: Callable[[Tensor, Tensor | None], Tensor],
        context: Tensor | None,
        part: int,
    ) -> None:
        self._draw, self._score = draw, score
        self.context, self.part = context, part
        batch_shape = Size() if context is None else context.shape[:-1]
        super().__init__(batch_shape, Size((size,)), validate_args=False)

    @torch.no_grad()
    def sample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw, without gradients."""
        shape = self._extended_shape(sample_shape)
        contexts = self._contexts(shape[:-1])
        return torch.cat([self._draw(n, context) for n, context in contexts]).reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats."""
        shape = broadcast_shape(value.shape[:-1], self.batch_shape)
        rows = value.expand(*shape, -1).reshape(-1, value.shape[-1]).split(self.part)
        contexts = self._contexts(shape)
        scores = [self._score(u, c) for u, (_, c) in zip(rows, contexts, strict=True)]
        return torch.cat(scores).reshape(shape)

    def _contexts(self, shape: Size) -> list[tuple[int, Tensor | None]]:
        """Return the parts that rows of a shape are cut into: their sizes and contexts."""
        count = math.prod(shape)
        if not isinstance(count, int):  # a symbol, while it is traced
            return [(count, None if self.context is None else self.context.expand(*shape, -1))]
        sizes = [min(self.part, count - done) for done in range(0, count, self.part)]
        if self.context is None:
            return [(size, None) for size in sizes]
        rows = self.context.expand(*shape, -1).reshape(count, -1)
        return list(zip(sizes, rows.split(self.part), strict=True))


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
    """

    batch_size: int = 256
    part: ClassVar[int] = 1024
    learning_rate: float

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
        """Return a fresh network."""

    def _scales(self, u: Tensor) -> Float[Tensor, "latent"]:
        """Return what each latent is divided by."""
        return u.std(0)

    @abc.abstractmethod
    def _losses(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the loss of each standardised latent, shape (batch,)."""

    @abc.abstractmethod
    def _draw(self, n: int, context: Tensor | None) -> Tensor:
        """Standardised latents, shape (n, latent); with a context, one for each row of it."""

    @abc.abstractmethod
    def _log_prob(self, u: Tensor, context: Tensor | None) -> Tensor:
        """Return the log density of each standardised latent, or its bound, shape (batch,)."""

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
        self.location, self.scale = u.mean(0), self._scales(u).clamp_min(_SMALLEST_SCALE)
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
                self.watch,
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


_KINDS = ("iaf", "maf", "nsf")
_BINS = 5  # 8, zuko's default, are no better on latents and slower
_IAF_PASSES = 4


class FittedFlow(NetworkPrior):
    """An autoregressive normalising flow: an exact density of any shape.

    ``"maf"`` and ``"nsf"`` score in one pass and draw in one pass per latent. ``"iaf"`` draws in
    one pass and scores in up to 4: beyond 4 latents each of its transformations takes them in 4
    random groups, so that training takes seconds and not minutes.

    Args:
        latent_dim: Number of latents.
        kind: ``"nsf"`` (rational-quadratic splines), ``"maf"`` or ``"iaf"`` (affine).
        transforms: Autoregressive transformations, one after the other.
        hidden: Width of each layer of each transformation's network.
        context_dim: Size of the context; 0 for an unconditional model.
        steps: Optimiser steps of a fit.

    Raises:
        SpecError: An unknown kind, or a count that is too small.

    Source: Papamakarios et al. 2017, "Masked autoregressive flow for density estimation"; Kingma
    et al. 2016, "Improved variational inference with inverse autoregressive flow"; Durkan et al.
    2019, "Neural spline flows"; implemented by zuko.

    Example:
        >>> u = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        >>> prior = FittedFlow(2, "maf", steps=5).fit(u)
        >>> prior(None, aggregate=None).sample((4,)).shape
        torch.Size([4, 2])
    """

    learning_rate = 1e-2

    def __init__(
        self,
        latent_dim: Side,
        kind: str = "nsf",
        transforms: int = 3,
        hidden: Sequence[Side] = (128, 128),
        context_dim: Side = 0,
        steps: Steps = 800,
    ) -> None:
        super().__init__(latent_dim, context_dim, steps)
        if kind not in _KINDS:
            raise unknown_name("kind of flow", kind, _KINDS)
        check_whole(1, transforms=transforms)
        check_widths(hidden)
        self.kind = kind
        self.transforms = transforms
        self.hidden = tuple(hidden)
        self.net = self._make_net()

    def _make_net(self) -> nn.Module:
        # Masks are counted out when they are made, which tensors without memory do not allow:
        # on the meta device, too, the flow is made in memory.
        with torch.device("cpu"):
            return self._make_flow()

    def _make_flow(self) -> nn.Module:
        import zuko.flows  # costs time; needed here only

        nsf: Any = partial(zuko.flows.NSF, bins=_BINS)
        make = nsf if self.kind == "nsf" else zuko.flows.MAF
        flow: Any = make(
            self.latent_dim,
            self.context_dim,
            transforms=self.transforms,
            hidden_features=self.hidden,
            activation=nn.SiLU,
            passes=_IAF_PASSES if self.kind == "iaf" else None,
            randperm=self.kind == "iaf" and self.latent_dim > _IAF_PASSES,
        )
        if self.kind == "iaf":
            flow = zuko.flows.Flow(flow.transform.inv, flow.base)
        module: nn.Module = flow
        return module

    def _losses(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        return -self._log_prob(u, context)

    def _draw(self, n: int, context: Tensor | None) -> Tensor:
        drawn: Tensor = self.net(context).sample((n,) if context is None else ())
        return drawn

    def _log_prob(self, u: Tensor, context: Tensor | None) -> Tensor:
        log_prob: Tensor = self.net(context).log_prob(u)
        return log_prob


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
