"""Ways through the latent space."""

import torch
from jaxtyping import Float
from torch import Tensor

from vaekit.errors import SpecError, unknown_name
from vaekit.tasks.geodesic import Decode, shorten

__all__ = ["PATHS", "interpolate_latents", "traverse_latents"]

_PARALLEL = 1e-4  # below this sine the great circle is numerically a straight line


def interpolate_latents(
    a: Float[Tensor, "batch latent"],
    b: Float[Tensor, "batch latent"],
    steps: int = 8,
    path: str = "linear",
    decode: Decode | None = None,
) -> Float[Tensor, "batch steps latent"]:
    """Points on the way from each a to its b, both ends included.

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
    """One latent at a time set to each of the values, the others as they are.

    Args:
        z: Where to start from.
        latents: Which latents to move, one row each.
        values: What to set them to.
    """
    ways = z.expand(len(latents), len(values), -1).clone()
    for row, latent in enumerate(latents):
        ways[row, :, latent] = values
    return ways
