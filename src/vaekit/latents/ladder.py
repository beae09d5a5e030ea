"""Hierarchies of latents."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Size, Tensor, nn
from torch.distributions import Distribution, constraints, kl_divergence

from vaekit.distributions.gaussian import DiagonalNormal
from vaekit.distributions.wrappers import SampleWithLogProb
from vaekit.errors import CompositionError, unknown_name
from vaekit.latents.base import Latent
from vaekit.types import Aggregate, Draw, LogDensity

_LOG_SCALE_BOUNDS = (-7.0, 3.0)
_MERGES = ("precision", "residual")


class Ladder(Latent):
    """Levels of latents, the top one first; each level's prior is told by those above it.

    The encoder's features go up a ladder of small networks; going down, each level's posterior
    joins what comes from below with its prior: by precision (ladder VAE), or as a correction to
    the prior (deep hierarchies). The decoder reads all levels.

    Args:
        features_dim: Size of what the levels read: features and context.
        sizes: Latents of each level, the top one first; together they are latent_dim.
        hidden: Width of the networks of the levels.
        merge: ``"precision"`` (Sønderby et al., eq. 17-19) or ``"residual"`` (Vahdat & Kautz,
            eq. 2).
        context_dim: Size of the context, which the priors then read.

    Source: Sønderby et al. 2016, "Ladder variational autoencoders"; Vahdat & Kautz 2020, "NVAE";
    Child 2021, "Very deep VAEs".

    Example:
        >>> Ladder(8, (2, 3)).latent_dim
        5
    """

    def __init__(
        self,
        features_dim: int,
        sizes: Sequence[int],
        hidden: int = 128,
        merge: str = "precision",
        context_dim: int = 0,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise CompositionError(
                f"a ladder needs two levels or more, each of one latent at least; got {sizes}."
            )
        if merge not in _MERGES:
            raise unknown_name("merge", merge, _MERGES)
        self.features_dim = features_dim
        self.sizes = tuple(sizes)
        self.hidden = hidden
        self.merge = merge
        self.context_dim = context_dim
        widths = [features_dim, *[hidden] * (len(self.sizes) - 1)]
        self.up = nn.ModuleList(_block(width, hidden) for width in widths)
        self.evidence = nn.ModuleList(nn.Linear(hidden, 2 * size) for size in self.sizes)
        above = [sum(self.sizes[:level]) + context_dim for level in range(len(self.sizes))]
        # With nothing above it and no context the top prior is the standard normal.
        self.down = nn.ModuleList(
            nn.Sequential(_block(width, hidden), nn.Linear(hidden, 2 * size))
            if width
            else _Zeros(size)
            for width, size in zip(above, self.sizes, strict=True)
        )

    @property
    def provides(self) -> frozenset[str]:
        """A density of each draw."""
        return frozenset({"density"})

    @property
    def latent_dim(self) -> int:
        """Latents of all levels."""
        return sum(self.sizes)

    @property
    def num_codes(self) -> int:
        """0: the coordinates are real."""
        return 0

    @property
    def num_coordinates(self) -> int:
        """Latents of all levels."""
        return self.latent_dim

    @property
    def keeps_density(self) -> bool:
        """True: the coordinates are the latents."""
        return True

    def infer(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        draws: int,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Draw:
        """Draw level by level, the top one first."""
        q = LadderPosterior(self, h, context)
        descent = q.descend(Size((draws,)))
        return Draw(
            descent.z, q, LadderPrior(self, context, h), traced=descent.log_q, kl=descent.kl
        )

    def code(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Float[Tensor, "batch latent"]:
        """Return the mean of each level, given the means above it."""
        return LadderPosterior(self, h, context).mean

    def posterior_of(
        self, h: Float[Tensor, "batch features"], log_likelihood: LogDensity
    ) -> Distribution:
        """q(z | x) without a context."""
        context = h.new_zeros(h.shape[0], self.context_dim) if self.context_dim else None
        return LadderPosterior(self, h, context)

    def prior_of(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return the product of the levels' priors."""
        return LadderPrior(self, context, next(self.parameters()))

    def generate(
        self, n: int, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Float[Tensor, "batch *latent"]:
        """Draw level by level from the priors."""
        p = self.prior_of(context, aggregate)
        sample: Tensor = p.sample(Size() if p.batch_shape else Size((n,)))
        return sample

    def flatten(self, draw: Draw) -> Float[Tensor, "batch coordinates"]:
        """Return the levels side by side."""
        return draw.z[0]

    def unflatten(self, u: Float[Tensor, "batch coordinates"]) -> Float[Tensor, "batch latent"]:
        """Return the same."""
        return u

    def climb(self, h: Float[Tensor, "batch features"]) -> list[DiagonalNormal]:
        """Return what the item says of each level, the top one first."""
        heights = []
        for block in self.up:
            h = block(h)
            heights.append(h)
        return [
            _normal(head(height))
            for head, height in zip(self.evidence, reversed(heights), strict=True)
        ]

    def prior_at(self, level: int, above: list[Tensor]) -> DiagonalNormal:
        """p of a level, given the context and all latents above it."""
        return _normal(self.down[level](torch.cat(above, dim=-1)))

    def posterior_at(self, evidence: DiagonalNormal, p: DiagonalNormal) -> DiagonalNormal:
        """q of a level, from what the item says and from its prior."""
        if self.merge == "residual":
            return DiagonalNormal(p.loc + p.scale * evidence.loc, p.log_scale + evidence.log_scale)
        ours, theirs = torch.exp(-2 * evidence.log_scale), torch.exp(-2 * p.log_scale)
        precision = ours + theirs
        return DiagonalNormal(
            (ours * evidence.loc + theirs * p.loc) / precision, -precision.log() / 2
        )


class _Way(NamedTuple):
    z: Tensor
    log_q: Tensor
    kl: Tensor


class LadderPosterior(SampleWithLogProb):
    """q(z | x) of a ladder: the product of its levels' conditionals.

    Args:
        ladder: The networks.
        h: Features of the batch.
        context: What the model is conditioned on.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, ladder: Ladder, h: Tensor, context: Tensor | None) -> None:
        self.ladder, self.context, self.h = ladder, context, h
        super().__init__(h.shape[:1], Size((ladder.latent_dim,)), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean of each level, given the means above it."""
        return self._walk(Size((1,)), lambda q: q.loc).z[0]

    def descend(self, sample_shape: Size) -> _Way:
        """Draw all levels, with log q and the KL of each draw's conditionals in closed form."""
        return self._walk(sample_shape, lambda q: q.rsample())

    def rsample_with_log_prob(self, sample_shape: Size) -> tuple[Tensor, Tensor]:
        """Draw all levels."""
        descent = self.descend(sample_shape)
        return descent.z, descent.log_q

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats of given points."""
        levels = iter(value.split(self.ladder.sizes, dim=-1))
        return self._walk(value.shape[:-2], lambda q: next(levels)).log_q

    def _walk(self, sample_shape: Size, choose: Callable[[DiagonalNormal], Tensor]) -> _Way:
        shape = (*sample_shape, *self.batch_shape, 0)
        start = self.h.new_zeros(shape)
        above = [start if self.context is None else self.context.expand(*shape[:-1], -1)]
        log_q = kl = self.h.new_zeros(shape[:-1])
        for level, evidence in enumerate(self.ladder.climb(self.h)):
            p = self.ladder.prior_at(level, above)
            q = self.ladder.posterior_at(evidence, p)
            z = choose(q)
            above.append(z)
            log_q, kl = log_q + q.log_prob(z), kl + kl_divergence(q, p)
        return _Way(torch.cat(above[1:], dim=-1), log_q, kl)


class LadderPrior(Distribution):
    """p(z | c) of a ladder: the product of its levels' conditionals.

    Args:
        ladder: The networks.
        context: What the model is conditioned on.
        like: A tensor whose dtype and device to use.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, ladder: Ladder, context: Tensor | None, like: Tensor) -> None:
        self.ladder, self.context, self.like = ladder, context, like
        batch = Size() if context is None else context.shape[:1]
        super().__init__(batch, Size((ladder.latent_dim,)), validate_args=False)

    @torch.no_grad()
    def sample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw all levels, the top one first."""
        above = self._start(Size((*sample_shape, *self.batch_shape)))
        for level in range(len(self.ladder.sizes)):
            above.append(self.ladder.prior_at(level, above).rsample())
        return torch.cat(above[1:], dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats."""
        above = self._start(value.shape[:-1])
        total = value.new_zeros(value.shape[:-1])
        for level, z in enumerate(value.split(self.ladder.sizes, dim=-1)):
            total = total + self.ladder.prior_at(level, above).log_prob(z)
            above.append(z)
        return total

    def _start(self, shape: Size) -> list[Tensor]:
        if self.context is None:
            return [self.like.new_zeros((*shape, 0))]
        return [self.context.expand(*shape, -1)]


class _Zeros(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, above: Tensor) -> Tensor:
        return above.new_zeros((*above.shape[:-1], 2 * self.size))


def _block(in_dim: int, out_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(in_dim, out_dim), nn.SiLU())


def _normal(out: Tensor) -> DiagonalNormal:
    loc, log_scale = out.float().chunk(2, dim=-1)
    return DiagonalNormal(loc, F.hardtanh(log_scale, *_LOG_SCALE_BOUNDS))
