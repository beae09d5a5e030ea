"""Flow matching over latents, and the ordinary differential equation that samples from it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.bounds import Iterations, Steps
from vaekit.distributions.solvers import STEERING, TIMES, begin_from, draw_times, find_path, solve
from vaekit.errors import SpecError, unknown_name
from vaekit.networks.context import ContextReader, NetworkContext, conditioning_from, guided_field
from vaekit.networks.conv import places_of
from vaekit.networks.denoisers import DiffusionTransformer
from vaekit.networks.sizes import latent_unet, make_denoiser
from vaekit.priors.base import Prior, Steered, check_context, check_whole
from vaekit.priors.flow import NetworkPrior, standard_normal
from vaekit.randomness import drawing_nothing
from vaekit.types import AS_LEARNED, Conditioning, SamplingOptions

_EXACT, _WAYS = 64, 16
_STEPS = 20  # of a solver that is not the one of densities

VelocityField = Callable[[Tensor, float], Tensor]
"""Points of shape (batch, size) and a time -> their velocities."""


def odeint(field: VelocityField, x: Tensor, start: float, end: float, steps: int) -> Tensor:
    """Integrate dx/dt = field(x, t) by the classical Runge-Kutta method, of fourth order.

    Args:
        field: The velocities.
        x: Points at the start, shape (batch, size).
        start: First time.
        end: Last time; may be the earlier one.
        steps: Equal steps on the way, with four velocities each.

    Example:
        >>> round(odeint(lambda x, t: x, torch.ones(1, 1), 0.0, 1.0, steps=10).item(), 4)
        2.7183
    """
    h = (end - start) / steps
    for step in range(steps):
        t = start + step * h
        a = field(x, t)
        b = field(x + h / 2 * a, t + h / 2)
        c = field(x + h / 2 * b, t + h / 2)
        d = field(x + h * c, t + h)
        x = x + h / 6 * (a + 2 * b + 2 * c + d)
    return x


def with_divergence(field: VelocityField) -> VelocityField:
    """Return a field over points with one more column, which gathers the field's divergence.

    It is exact for up to 64 coordinates; of more it is estimated along 16 directions, the same
    at every call (Hutchinson's estimate, as in Grathwohl et al. 2019, "FFJORD", eq. 7).

    Along a path the log density changes by minus that integral (Chen et al. 2018, "Neural
    ordinary differential equations", eq. 8).
    """

    def extended(state: Tensor, t: float) -> Tensor:
        x = state[:, :-1]
        # Backward: forward differentiation imports parts of torch that warn.
        result: Any = torch.func.vjp(lambda x: field(x, t), x)
        velocity, pull = result
        paths = _directions(x.shape[-1]).to(x)
        (gradients,) = torch.func.vmap(pull)(paths.unsqueeze(1).expand(-1, *x.shape))
        divergence = torch.einsum("wi,wni->n", paths, gradients)
        return torch.cat([velocity, divergence.unsqueeze(-1)], -1)

    return extended


def _directions(size: int) -> Tensor:
    """Return rows v such that the sum of vᵀJv is the trace of J, or its estimate."""
    if size <= _EXACT:
        return torch.eye(size)
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(2, (_WAYS, size), generator=generator) * 2.0 - 1
    return signs / math.sqrt(_WAYS)


_FREQUENCIES = 4
_BATCH, _GRIDS = 1024, 128
_RATES = {"unet": 3e-3, "transformer": 1e-3}


class FlowMatching(NetworkPrior, Steered):
    """A velocity field that carries noise at time 0 to latents at time 1.

    On the way x(t) = a(t) latent + s(t) noise the network learns the mean velocity. With the
    straight path a = t and s = 1 - t. With the diffusion path a = sin(πt/2) and s = cos(πt/2):
    the variance-preserving cosine schedule, so that this is a latent diffusion model drawn from
    by its probability-flow ODE. Densities are exact up to the steps of the solver.

    Args:
        latent_dim: Number of latents.
        path: ``"straight"`` or ``"diffusion"``.
        width: Width of the residual network.
        depth: Blocks of the residual network, or layers of a Transformer.
        solver_steps: Fourth-order Runge-Kutta steps from noise to latents.
        context_dim: Size of the context; 0 for an unconditional model.
        steps: Optimiser steps of a fit.
        times: Times to learn from: ``"logit_normal"`` looks most at the middle of the way,
            ``"uniform"`` everywhere alike.
        grid: (latents per place, height, width) of latents that lie on a grid. The network is
            then a U-Net, whatever depth, and learns from smaller batches; with a reader its finest
            stage has half the width.
        reader: What reads the context, for a prior that learns to read it by itself; one with
            words makes the U-Net attend to them. Latents are then first regressed on the context,
            which takes few steps to learn, and the network learns what differs from that, from
            smaller batches. ``None`` tells the network the context as it is.
        network: Of latents on a grid: ``"unet"``, or ``"transformer"`` (`DiffusionTransformer`) of
            that width and depth.

    Raises:
        SpecError: An unknown path, times or network, a count that is too small, a grid of another
            number of latents, or a Transformer without a grid.

    Source: Lipman et al. 2023, "Flow matching for generative modeling", eq. 9 and 20-23; Albergo
    & Vanden-Eijnden 2023 (trigonometric path); Esser et al. 2024 (times); Song et al. 2021,
    "Score-based generative modeling through stochastic differential equations", section 4.3
    (density by the divergence).

    Example:
        >>> u = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        >>> prior = FlowMatching(2, steps=5).fit(u)
        >>> prior(None, aggregate=None).sample((4,)).shape
        torch.Size([4, 2])
    """

    def __init__(
        self,
        latent_dim: int,
        path: str = "straight",
        width: int = 128,
        depth: int = 3,
        solver_steps: Iterations = 10,
        context_dim: int = 0,
        steps: Steps = 1500,
        times: str = "logit_normal",
        grid: Sequence[int] | None = None,
        reader: ContextReader | None = None,
        network: str = "unet",
    ) -> None:
        super().__init__(latent_dim, context_dim, steps)
        find_path(path)
        if network not in _RATES:
            raise unknown_name("network of a grid", network, _RATES)
        if network != "unet" and grid is None:
            raise SpecError(f"network={network!r} needs a grid; a vector has a residual network.")
        if times not in TIMES:
            raise unknown_name("times", times, TIMES)
        check_whole(1, width=width, depth=depth, solver_steps=solver_steps)
        self.path = path
        self.width = width
        self.depth = depth
        self.solver_steps = solver_steps
        self.times = times
        self.grid = None if grid is None else tuple(grid)
        if self.grid is not None and math.prod(self.grid) != latent_dim:
            raise SpecError(f"grid must have latent_dim={latent_dim} places in all; got {grid}.")
        # The velocity of a latent is noisy: many tell its mean. On a grid every place tells, and
        # to read words costs more than all else.
        self.batch_size = _BATCH if self.grid is None and reader is None else _GRIDS
        self.network, self.learning_rate = network, _RATES[network]
        self.net = self._network(reader)

    @property
    def reader(self) -> ContextReader | None:
        """What reads the context; a part of the network, with which it learns."""
        return self.net.reader if isinstance(self.net, _Read) else None

    @property
    def reads_rows(self) -> bool:
        """Whether it reads rows of the context itself."""
        return self.reader is not None

    def _make_net(self) -> nn.Module:
        return self._network(None if self.reader is None else self.reader.fresh())

    def _network(self, reader: ContextReader | None) -> nn.Module:
        told = self.context_dim if reader is None else reader.vector_dim
        if self.grid is None:
            beside = 0 if reader is None else self.latent_dim
            net: nn.Module = _Velocity(self.latent_dim, told, self.width, self.depth, beside)
        elif self.network == "transformer":
            seen = (0, 0) if reader is None else (reader.sequence_dim, self.grid[0])
            size = (self.width, self.depth)
            net = _OnGrid(self.grid, DiffusionTransformer(self.grid, *size, 2, told, *seen))
        elif reader is None:
            net = _OnGrid(self.grid, make_denoiser("small", self.grid, told))
        else:
            beside = self.grid[0]
            words = reader.sequence_dim
            net = _OnGrid(self.grid, latent_unet(self.width // 2, self.grid, told, words, beside))
        if reader is None:
            return net
        return _Read(net, reader, self.latent_dim)

    def _scales(self, u: Tensor) -> Float[Tensor, "latent"]:
        """Return the deviations of latents; beside a regression one for all places of a channel.

        A place where all images are alike then counts as little as it shows; that there is little
        variance is known by the regression. Rombach et al. 2022, appendix G, divide all by one
        number.
        """
        deviations = super()._scales(u)
        if self.grid is None or self._regression is None:
            return deviations
        square = deviations.square().unflatten(0, (self.grid[0], -1)).mean(1, keepdim=True)
        scales: Tensor = square.sqrt().expand(-1, math.prod(self.grid[1:])).flatten()
        return scales

    def _losses(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        t = draw_times(self.times, u)
        a, s, da, ds = find_path(self.path)(t)
        noise = torch.randn_like(u)
        told = self._conditioning(context)
        velocity = self._velocity(a * u + s * noise, t, told)
        losses = (velocity - da * u - ds * noise).square().sum(-1)
        regression = self._regression
        return losses if regression is None else losses + regression.losses(u, told)

    def _conditioning(self, context: Tensor | None) -> NetworkContext:
        return conditioning_from(self.reader, context, self._body)

    @property
    def _body(self) -> nn.Module:
        """The network beside the reader."""
        return self.net.net if isinstance(self.net, _Read) else self.net

    @property
    def _regression(self) -> "_Regression | None":
        return self.net.regression if isinstance(self.net, _Read) else None

    def _velocity(self, x: Tensor, t: Tensor, told: NetworkContext) -> Tensor:
        """Return the velocity if latents were normal, and what the network adds.

        They are so with variance 1 around 0, or with what a regression on the context leaves
        around what it expects. For u of mean m and variance v, the mean of a'u + s'n given
        x = au + sn is a'm + (aa'v + ss') / (aav + ss) (x - am).
        """
        a, s, da, ds = find_path(self.path)(t)
        regression = self._regression
        if regression is None:
            variance = a.square() + s.square()
            added: Tensor = self._body(x / variance.sqrt(), t, told)
            return (a * da + s * ds) / variance * x + added
        # What it expects is learned from its own losses alone.
        mean, left = regression(told).detach(), regression.variance
        variance = a.square() * left + s.square()
        scale, rest = variance.sqrt(), x - a * mean
        seen = torch.cat([rest / scale, mean], -1)
        added = self._body(seen, t, told) * left.sqrt() / scale
        velocity: Tensor = da * mean + (a * da * left + s * ds) / variance * rest + added
        return velocity

    def _draw(self, n: int, context: Tensor | None) -> Tensor:
        noise = standard_normal(self.location).sample((n,))
        return odeint(self._field(context), noise, 0.0, 1.0, self.solver_steps)

    @property
    def knows(self) -> frozenset[str]:
        """Everything that has to do with following a velocity."""
        return STEERING

    @torch.no_grad()
    def steer(
        self,
        n: int,
        context: Float[Tensor, "batch context"] | None,
        options: SamplingOptions,
        begin: Float[Tensor, "batch latent"] | None = None,
    ) -> Float[Tensor, "batch latent"]:
        """Draw latents along the way that the options say; a part of them at a time.

        Raises:
            SpecError: A mask of latents that lie on no grid, or as of `begin_from`.
            CompositionError: The context is missing, or of another size.
        """
        context = check_context(self, context, self.context_dim)
        if options == AS_LEARNED:
            return draw_rows(self, n, context)
        parts = []
        for some in torch.arange(n, device=self.location.device).split(self.part):
            rows = None if context is None else context[some]
            start = None if begin is None else begin[some]
            parts.append(self._steered(len(some), rows, options.at(some), start))
        return torch.cat(parts)

    def _steered(
        self, n: int, rows: Tensor | None, options: SamplingOptions, begin: Tensor | None
    ) -> Tensor:
        path, noise = find_path(self.path), standard_normal(self.location).sample((n,))
        known = None if begin is None else (begin - self.location) / self.scale
        times = torch.linspace(0, 1, (options.steps or _STEPS) + 1, device=noise.device)
        mask = None if options.mask is None else self._places(options.mask)
        x, times, keep = begin_from(noise, times, path, known, options.strength, mask)
        field = guided_field(self._velocity, self.reader, rows, self._body, options)
        with drawing_nothing():
            x = solve(options.solver or "dpm++2m", field, path, x, times, keep)
        return x * self.scale + self.location

    def _places(self, mask: Tensor) -> Tensor:
        """Return which latents are made anew: those of places with anything to be made anew."""
        if self.grid is None:
            raise SpecError(
                "a mask needs latents that lie on a grid; this model's are one vector. Fit "
                "preset 'latent_diffusion'."
            )
        places = places_of(mask, self.grid[1:])
        return places.expand(-1, self.grid[0], -1, -1).flatten(1)

    def _log_prob(self, u: Tensor, context: Tensor | None) -> Tensor:
        field = with_divergence(self._field(context))
        state = odeint(field, F.pad(u, (0, 1)), 1.0, 0.0, self.solver_steps)
        return standard_normal(self.location).log_prob(state[:, :-1]) + state[:, -1]

    def _field(self, context: Tensor | None) -> VelocityField:
        told = self._conditioning(context)
        return lambda x, t: self._velocity(x, x.new_full((x.shape[0], 1), t), told)


def draw_rows(prior: Prior, n: int, context: Tensor | None) -> Tensor:
    """Draw n latents of a prior that needs no posteriors."""
    p = prior(context, _no_posteriors)
    drawn: Tensor = p.sample(torch.Size() if p.batch_shape else torch.Size((n,)))
    return drawn


def _no_posteriors(x: Tensor) -> Distribution:
    raise AssertionError("asked for by priors that are mixed from posteriors only")


class _Read(nn.Module):
    """A network, what reads the context for it, and what the context alone says of latents."""

    def __init__(self, net: nn.Module, reader: ContextReader, latent_dim: int = 0) -> None:
        super().__init__()
        self.net = net
        self.reader = reader
        self.regression = _Regression(reader.vector_dim, latent_dim) if latent_dim else None


_MOMENTUM, _LEAST = 0.02, 1e-3


class _Regression(nn.Module):
    """The latents that a context lets expect, by least squares, and the variance that is left.

    Source: Han et al. 2022, "CARD: Classification and regression diffusion models", section 3, for
    a diffusion that starts from a regression.
    """

    variance: Tensor

    def __init__(self, vector_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.line = nn.Linear(vector_dim, latent_dim)
        self.register_buffer("variance", torch.ones(latent_dim))

    def forward(self, told: NetworkContext) -> Float[Tensor, "batch latent"]:
        """Return the expected latents."""
        expected: Tensor = self.line(told.vector if isinstance(told, Conditioning) else told)
        return expected

    def losses(
        self, u: Float[Tensor, "batch latent"], told: NetworkContext
    ) -> Float[Tensor, "batch"]:
        """Return the squared errors, and in training keep a running mean of each latent's."""
        errors = (self(told) - u).square()
        if self.training:
            found = errors.detach().mean(0).clamp_min(_LEAST)
            self.variance = torch.lerp(self.variance, found, _MOMENTUM)
        total: Tensor = errors.sum(-1)
        return total


class _OnGrid(nn.Module):
    """A network of grids for flat latents."""

    def __init__(self, grid: Sequence[int], net: nn.Module) -> None:
        super().__init__()
        self.grid = tuple(grid)
        self.net = net

    @property
    def sequence_dim(self) -> int:
        """Size of the vectors of words that it attends to."""
        return int(getattr(self.net, "sequence_dim", 0))

    def forward(self, x: Tensor, t: Tensor, context: NetworkContext) -> Tensor:
        """Velocities at points x (batch, latent) and times t (batch, 1)."""
        shape = (-1, *self.grid[1:])  # what is shown beside comes in more channels
        velocity: Tensor = self.net(x.unflatten(1, shape), t, context)
        return velocity.flatten(1)


class _Velocity(nn.Module):
    """Residual blocks, each told the time and the context; adds nothing at first.

    Beside the latents it may be shown more numbers.
    """

    frequencies: Tensor

    def __init__(
        self, latent_dim: int, context_dim: int, width: int, depth: int, beside: int = 0
    ) -> None:
        super().__init__()
        self.register_buffer("frequencies", math.pi * torch.arange(1.0, _FREQUENCIES + 1))
        conditioning = 2 * _FREQUENCIES + context_dim
        self.lift = nn.Linear(latent_dim + beside, width)
        self.modulation = nn.Linear(conditioning, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
            )
            for _ in range(depth)
        )
        self.head = nn.Linear(width, latent_dim)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, t: Tensor, context: Tensor | None) -> Tensor:
        """Velocities at points x (batch, latent) and times t (batch, 1)."""
        angles = t * self.frequencies
        conditioning = [angles.sin(), angles.cos()] + ([] if context is None else [context])
        time = self.modulation(torch.cat(conditioning, -1))
        h = self.lift(x)
        for block in self.blocks:
            h = h + block(h + time)
        velocity: Tensor = self.head(F.silu(h))
        return velocity
