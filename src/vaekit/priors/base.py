"""What every prior promises, those without parameters, and what fitted ones share."""

import abc
import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.utils import clip_grad_norm_

from vaekit.deadlines import Deadline
from vaekit.distributions.gaussian import (
    REAL,
    SPHERE,
    Ball,
    DiagonalNormal,
    Manifold,
    WrappedNormalDistribution,
)
from vaekit.distributions.sphere import UniformSphereDistribution
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.optimizers import Adam
from vaekit.randomness import drawing_nothing, seeded
from vaekit.types import Aggregate, SamplingOptions


class Prior(nn.Module, abc.ABC):
    """The distribution of latents before any item is seen.

    Attributes:
        requires: What the posterior must provide.
        provides: What objectives may count on: ``"components"`` that can be put somewhere.
        normalized: Whether ``log_prob`` is the log of a density; else it is a lower bound, or
            refused.
        manifold: The space that its draws lie in.
    """

    requires: ClassVar[frozenset[str]] = frozenset()
    provides: ClassVar[frozenset[str]] = frozenset()
    normalized: ClassVar[bool] = True

    def __init__(self, latent_dim: int, manifold: Manifold = REAL) -> None:
        super().__init__()
        manifold.check(latent_dim)
        self.manifold = manifold
        self.latent_dim = latent_dim

    @abc.abstractmethod
    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return p(z | c): batch shape () where it ignores the context, else (batch,).

        Args:
            context: What the model is conditioned on.
            aggregate: q(z | x) of pseudo-inputs; only priors made of posteriors use it.
        """


Watch = Callable[[float], bool | None]
"""Called with the share that is done; `True` ends the fit."""


class FittedPrior(Prior, abc.ABC):
    """A prior that is fitted to encoded latents after training, and used for sampling.

    Attributes:
        deadline: When a fit stops early, its learning rate having come down in time; ``None`` for
            never. Those that take seconds pay no heed. Not stored.
        watch: Called with the share that is done after each step of a fit, which `True` ends;
            ``None`` for nothing.
            Those that take seconds pay no heed. Not stored.
    """

    deadline: Deadline | None = None
    watch: Watch | None = None

    @abc.abstractmethod
    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Fit the density of the latents and return self.

        Args:
            u: Latents in flat coordinates, or the numbers of codes.
            context: What they are conditioned on.
            generator: Source of randomness; ``None`` uses fresh entropy.
        """


class Steered(abc.ABC):
    """What a prior can be that draws in steps, and lets these be steered; mixed in."""

    @property
    @abc.abstractmethod
    def knows(self) -> frozenset[str]:
        """Names of the `SamplingOptions` that it knows."""

    @property
    @abc.abstractmethod
    def reads_rows(self) -> bool:
        """Whether it reads rows of the context itself, or what a model was told of them."""

    @abc.abstractmethod
    def steer(
        self,
        n: int,
        context: Float[Tensor, "batch context"] | None,
        options: SamplingOptions,
        begin: Float[Tensor, "batch latent"] | None = None,
    ) -> Float[Tensor, "batch latent"]:
        """Draw latents; reads the global random stream.

        Args:
            n: How many.
            context: One row for each.
            options: How.
            begin: Latents to begin from, in place of noise.
        """


class StandardNormal(Prior):
    """N(0, I).

    Args:
        latent_dim: Number of latents.

    Source: Kingma & Welling 2014, section 3.

    Example:
        >>> StandardNormal(2)(None, aggregate=None).sample((3,)).shape
        torch.Size([3, 2])
    """

    zeros: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return N(0, I), whatever the context."""
        return DiagonalNormal(self.zeros, self.zeros, is_standard=True)


class UniformSphere(FittedPrior):
    """All directions equally probable: the prior of spherical VAEs, trained or ex post.

    Args:
        latent_dim: Number of latents, at least 2.

    Source: Davidson et al. 2018, section 3.1.

    Example:
        >>> UniformSphere(3)(None, aggregate=None).sample((4,)).norm(dim=-1).allclose(torch.ones(4))
        True
    """

    zeros: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, SPHERE)
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Return self: there is nothing to fit."""
        return self

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the uniform distribution, whatever the context."""
        return UniformSphereDistribution(self.zeros)


class WrappedNormal(Prior):
    """A wrapped normal around the origin of the Poincaré ball.

    Args:
        latent_dim: Number of latents, at least 2.
        curvature: Minus the curvature, positive; that of the posterior.
        scale: Standard deviation, positive.

    Source: Mathieu et al. 2019, section 3.1.

    Example:
        >>> WrappedNormal(2)(None, aggregate=None).sample((4,)).norm(dim=-1).max().item() < 1
        True
    """

    zeros: Tensor

    def __init__(self, latent_dim: int, curvature: float = 1.0, scale: float = 1.0) -> None:
        self.ball = Ball(curvature)
        super().__init__(latent_dim, self.ball)
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"scale must be positive and finite; got {scale}.")
        self.curvature = curvature
        self.scale = scale
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the wrapped normal, whatever the context."""
        log_scale = self.zeros + math.log(self.scale)
        return WrappedNormalDistribution(self.zeros, log_scale, self.ball)


def check_whole(least: int, **values: int) -> None:
    """Refuse what is no count, or below the least one.

    Raises:
        SpecError: Names the first.
    """
    for name, value in values.items():
        if not isinstance(value, int) or value < least:
            raise SpecError(f"{name} must be a whole number of at least {least}; got {value!r}.")


def check_widths(hidden: Sequence[int]) -> None:
    """Refuse layers without units.

    Raises:
        SpecError: Names the first.
    """
    for place, width in enumerate(hidden):
        check_whole(1, **{f"hidden[{place}]": width})


def check_latents(
    prior: Prior, u: Tensor, context: Tensor | None, context_dim: int, needed: int
) -> None:
    """Refuse latents that a prior cannot be fitted to.

    Args:
        prior: What is to be fitted.
        u: Latents, shape (n, latent).
        context: What they are conditioned on, shape (n, context).
        context_dim: The size of the context that the prior was made for; 0 for none.
        needed: The fewest latents.

    Raises:
        CompositionError: Latents or context of another size.
        DataError: Too few latents, or some that are not finite.
    """
    name = type(prior).__name__
    if len(u) < needed:
        raise DataError(f"{name} needs at least {needed} items; got {len(u)}.")
    _check_size(name, "latent", u.shape[-1], prior.latent_dim)
    _check_size(name, "context", 0 if context is None else context.shape[-1], context_dim)
    if not u.isfinite().all():
        raise DataError(f"the latents that {name} is fitted to must be finite; got NaN or inf.")


def check_context(prior: Prior, context: Tensor | None, context_dim: int) -> Tensor | None:
    """Return the context, or ``None`` for a prior that ignores it.

    Raises:
        CompositionError: Missing, or of another size than the prior was fitted with.
    """
    if context_dim == 0:
        return None
    got = 0 if context is None else context.shape[-1]
    _check_size(type(prior).__name__, "context", got, context_dim)
    return context


def _check_size(owner: str, name: str, got: int, expected: int) -> None:
    if got != expected:
        raise CompositionError(
            f"the {name} of this {owner} must have size {expected}; got {got}. "
            f"Make it with {name}_dim={got}."
        )


def check_rerank(context: Tensor | None) -> Tensor:
    """Return the context that candidates are to fit.

    Raises:
        SpecError: There is none, or none of some items.
    """
    if context is None or context.isnan().any(-1).any():
        raise SpecError(
            "rerank needs a context for each item, which candidates fit more or less; got "
            "none. Pass context= (a prompt), or leave rerank out."
        )
    return context


FEWEST_ROWS = 10
_HELD_OUT = 0.1
_MOST_HELD_OUT = 2000
_LOOKS = 20
_LARGEST_GRADIENT = 10.0

Losses = Callable[..., Tensor]
"""Rows (latents, and contexts where there are some) -> the loss of each, shape (batch,)."""


def train(
    net: nn.Module,
    losses: Losses,
    rows: tuple[Tensor, ...],
    steps: int,
    batch_size: int,
    learning_rate: float,
    deadline: Deadline | None = None,
    watch: Watch | None = None,
) -> None:
    """Descend the mean loss by Adam; keep the weights that were best on a held-out tenth.

    Reads the global random stream; see `vaekit.randomness.seeded`.

    Args:
        net: What learns; changed in place.
        losses: The loss of each row under the net, in nats.
        rows: Tensors with as many rows.
        steps: Optimiser steps.
        batch_size: Rows per step.
        learning_rate: Adam's first step size; it falls to 0 along a cosine.
        deadline: When to stop, if there are steps left.
        watch: Called with the share that is done after each step; `True` ends the fit.
    """
    held_out, rest = _split(len(rows[0]))
    net.train()
    optimizer = Adam(net.parameters(), learning_rate, fused=True)
    progress = _progress(steps, deadline)
    best, weights = _score(net, losses, rows, held_out), copy.deepcopy(net.state_dict())
    for step, index in enumerate(_batches(rest, batch_size, steps, deadline is None), start=1):
        with torch.enable_grad():
            loss = losses(*(row[index] for row in rows)).mean()
        with drawing_nothing():
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(net.parameters(), _LARGEST_GRADIENT)
            optimizer.step()
        done = progress(step)
        if watch is not None and watch(done):
            done = 1.0
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * (1 + math.cos(math.pi * done)) / 2
        if step % max(1, steps // _LOOKS) == 0 or done >= 1:
            score = _score(net, losses, rows, held_out)
            if score < best:  # never true of NaN
                best, weights = score, copy.deepcopy(net.state_dict())
        if done >= 1:
            break
    net.load_state_dict(weights)
    net.eval()


def _progress(steps: int, deadline: Deadline | None) -> Callable[[int], float]:
    """Return the share that is done after each step, of the steps or of the time."""
    if deadline is None:
        return lambda step: step / steps
    allowed = max(deadline.left(), 1e-3)
    return lambda step: min(1.0, max(step / steps, 1 - deadline.left() / allowed))


def _split(count: int) -> tuple[Tensor, Tensor]:
    """Row numbers held out, and the rest."""
    order = torch.randperm(count)
    cut = min(_MOST_HELD_OUT, max(1, int(count * _HELD_OUT)))
    return order[:cut], order[cut:]


def _batches(rest: Tensor, batch_size: int, steps: int, at_once: bool) -> Iterator[Tensor]:
    """Row numbers of each step, every row once per round.

    Drawn at once they are what they were in earlier versions, whatever else is drawn on the way; a
    fit that ends at a time draws them as it needs them, of which there may be few.
    """
    size = min(batch_size, len(rest))
    if at_once:
        rounds = -(-steps * size // len(rest))
        order = torch.cat([torch.randperm(len(rest)) for _ in range(rounds)])
        yield from rest[order[: steps * size]].split(size)
        return
    order = torch.randperm(len(rest))
    for _ in range(steps):
        if len(order) < size:
            order = torch.cat([order, torch.randperm(len(rest))])
        yield rest[order[:size]]
        order = order[size:]


@torch.no_grad()
def _score(net: nn.Module, losses: Losses, rows: tuple[Tensor, ...], index: Tensor) -> float:
    """Return the mean loss of held-out rows, with the same noise at every look."""
    net.eval()
    with seeded(0):
        parts = [losses(*(row[part] for row in rows)) for part in index.split(500)]
    net.train()
    return float(torch.cat(parts).mean())
