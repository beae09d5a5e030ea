"""Paths through the latent space: straight, spherical, shortest as the decoder sees it."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from vaekit.errors import CompositionError, SpecError, unknown_name
from vaekit.optimizers import Adam

Decode = Callable[[Tensor], Tensor]
"""Latents (points, latent) to decoded means (points, *event)."""

_LEAST_PIECES = 16  # with fewer, a way could save length by jumping over what lies between
_UPDATES = 150
_RATE = 0.2  # of Adam, in units of the way's length


def shorten(
    a: Float[Tensor, "batch latent"],
    b: Float[Tensor, "batch latent"],
    decode: Decode,
    steps: int = 8,
    updates: int = _UPDATES,
) -> Float[Tensor, "batch steps latent"]:
    """Ways of least energy under the decoder's pull-back metric, both ends included.

    The straight line is bent by a fixed number of steps of Adam, and of all that it became the one
    of least energy is returned: never more than the straight line's. The minimum is a local one.
    Ways do not influence each other, and nothing is drawn at random.

    Args:
        a: Where the ways begin.
        b: Where they end.
        decode: The decoder's mean, asked for whole ways one after another; differentiable.
        steps: Points on each way, at least 2, about evenly apart in the decoded space.
        updates: Steps of the optimiser.

    Raises:
        SpecError: Too few steps.
        CompositionError: The decoder's output has no slope.

    Source: Shao et al. 2018, "The Riemannian geometry of deep generative models", eq. 4 and
    algorithm 1 (the discrete energy); Arvanitidis et al. 2018, "Latent space oddity", section 2
    (the metric; here without its variance term). The optimiser is ours.

    Example:
        >>> def mountain(z):  # a plane with a mountain at the center
        ...     return torch.stack([z[:, 0], z[:, 1], 10 * torch.exp(-z.square().sum(1))], 1)
        >>> way = shorten(torch.tensor([[-2.0, 0.1]]), torch.tensor([[2.0, 0.1]]), mountain, 9)
        >>> way[0, 4, 1].item() > 1  # around it, not over it
        True
    """
    if steps < 2:
        raise SpecError(f"steps must be at least 2; got {steps}.")
    if steps == 2:
        return torch.stack([a, b], dim=1)
    finer = math.ceil(_LEAST_PIECES / (steps - 1))
    pieces = finer * (steps - 1)
    t = torch.linspace(0, 1, pieces + 1).to(a).view(1, -1, 1)
    line = torch.lerp(a.unsqueeze(1), b.unsqueeze(1), t)
    waves = _waves(pieces).to(a) * (b - a).norm(dim=-1).view(-1, 1, 1) / math.sqrt(a.shape[-1])
    return _bent(line, waves, decode, updates)[:, ::finer]


def decoded_energy(
    paths: Float[Tensor, "batch steps latent"], decode: Decode
) -> Float[Tensor, "batch"]:
    """Sum of squared distances between decoded neighbours, times the number of pieces.

    At even speed this is the squared length; otherwise more.

    Args:
        paths: Points in their order.
        decode: The decoder's mean.
    """
    x = decode(paths.flatten(0, 1)).flatten(1).unflatten(0, paths.shape[:2])
    squares: Tensor = x.diff(dim=1).square().sum((1, 2))
    return squares * (paths.shape[1] - 1)


@torch.enable_grad()
def _bent(line: Tensor, waves: Tensor, decode: Decode, updates: int) -> Tensor:
    """Return the way of least energy that descent from the line meets."""
    heights = torch.zeros(len(line), waves.shape[-1], line.shape[-1]).to(line).requires_grad_()
    optimizer = Adam([heights], lr=_RATE)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    best, least = line.clone(), line.new_full((len(line),), torch.inf)
    for update in range(updates + 1):
        paths = line + waves @ heights
        energy = decoded_energy(paths, decode)
        _keep(best, least, paths.detach(), energy.detach())
        if update < updates:
            (heights.grad,) = torch.autograd.grad(_checked(energy).sum(), [heights])
            optimizer.step()
            decay.step()
    return best


def _keep(best: Tensor, least: Tensor, paths: Tensor, energy: Tensor) -> None:
    better = energy < least
    best[better], least[better] = paths[better], energy[better]


def _checked(energy: Tensor) -> Tensor:
    if not energy.requires_grad:
        raise CompositionError(
            "path 'geodesic' needs a decoder whose output has a slope; this likelihood shows "
            "whole numbers or codes. Use path 'linear', or fit with likelihood 'auto'."
        )
    return energy


def _waves(pieces: int) -> Tensor:
    """Return all sine waves that vanish at the ends, shape (pieces + 1, pieces - 1).

    They span every choice of inner points. Each is divided by its own bending energy's root, so
    that under a flat decoder all are equally easy to move: a step then bends the way as a whole,
    where steps of single points would pass news from one neighbour to the next.
    """
    at = torch.arange(pieces + 1, dtype=torch.float64)[:, None] / pieces
    number = torch.arange(1, pieces, dtype=torch.float64)
    return torch.sin(math.pi * at * number) / (
        2 * pieces * torch.sin(math.pi * number / pieces / 2)
    )


_PARALLEL = 1e-4  # below this sine the great circle is numerically a straight line


def interpolate_latents(
    a: Float[Tensor, "batch latent"],
    b: Float[Tensor, "batch latent"],
    steps: int = 8,
    path: str = "linear",
    decode: Decode | None = None,
) -> Float[Tensor, "batch steps latent"]:
    """Return points on the way from each a to its b, both ends included.

    Args:
        a: Where the ways begin.
        b: Where they end.
        steps: Points on each way, at least 2.
        path: ``"linear"``; ``"spherical"``, which keeps the length typical of a Gaussian; or
            ``"geodesic"``, which goes where the decoded item changes least; see `shorten`.
        decode: The decoder's mean, which only ``"geodesic"`` asks.

    Raises:
        SpecError: Unknown path, too few steps, or a geodesic without a decoder.

    Source: White 2016, "Sampling generative networks", section 2 (spherical).

    Example:
        >>> interpolate_latents(torch.zeros(1, 2), torch.ones(1, 2), steps=3)[0]
        tensor([[0.0000, 0.0000],
                [0.5000, 0.5000],
                [1.0000, 1.0000]])
    """
    if steps < 2:
        raise SpecError(f"steps must be at least 2; got {steps}.")
    if path not in PATHS:
        raise unknown_name("path", path, PATHS)
    if path == "geodesic":
        return shorten(a, b, _given(decode), steps)
    t = torch.linspace(0, 1, steps).to(a).view(1, -1, 1)
    return _CLOSED[path](a.unsqueeze(1), b.unsqueeze(1), t)


def _given(decode: Decode | None) -> Decode:
    if decode is None:
        raise SpecError("path 'geodesic' needs the decoder; got none. Pass decode=.")
    return decode


def _linear(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    return torch.lerp(a, b, t)


def _spherical(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Along the great circle, the length changing evenly (Shoemake 1985, slerp)."""
    length_a, length_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    unit_a, unit_b = a / length_a.clamp_min(1e-12), b / length_b.clamp_min(1e-12)
    angle = torch.arccos((unit_a * unit_b).sum(-1, keepdim=True).clamp(-1, 1))
    sine = angle.sin()
    arc = (((1 - t) * angle).sin() * unit_a + (t * angle).sin() * unit_b) / sine.clamp_min(1e-12)
    along = arc * torch.lerp(length_a, length_b, t)
    # Where the directions agree or oppose there is no one great circle.
    return torch.where(sine < _PARALLEL, torch.lerp(a, b, t), along)


_CLOSED = {"linear": _linear, "spherical": _spherical}

PATHS = (*_CLOSED, "geodesic")
"""Names of ways."""


def traverse_latents(
    z: Float[Tensor, "latent"], latents: list[int], values: Float[Tensor, "steps"]
) -> Float[Tensor, "traversed steps latent"]:
    """Return one latent at a time set to each of the values, the others as they are.

    Args:
        z: Where to start from.
        latents: Which latents to move, one row each.
        values: What to set them to.
    """
    paths = z.expand(len(latents), len(values), -1).clone()
    for row, latent in enumerate(latents):
        paths[row, :, latent] = values
    return paths
