"""Ways from noise to data, which flow matching and diffusion learn to follow."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vaekit.errors import unknown_name

Path = Callable[[Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]
"""Times from 0 (noise) to 1 (data) -> share of the data, share of the noise, and their rates."""


def _straight(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return a straight line from a draw of noise to an item (Lipman et al. 2023, eq. 20-23)."""
    return t, 1 - t, torch.ones_like(t), -torch.ones_like(t)


def _diffusion(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return a quarter of a circle, on which the variance of standardised data stays 1.

    This is the variance-preserving diffusion with the cosine schedule (Nichol & Dhariwal 2021,
    eq. 17, without its offset).
    """
    angle, rate = math.pi / 2 * t, math.pi / 2
    return angle.sin(), angle.cos(), rate * angle.cos(), -rate * angle.sin()


PATHS: dict[str, Path] = {"diffusion": _diffusion, "straight": _straight}
"""Paths by name."""


def find_path(name: str) -> Path:
    """Return the path of that name.

    Raises:
        SpecError: No path has it.

    Example:
        >>> [share.item() for share in find_path("straight")(torch.tensor(0.25))[:2]]
        [0.25, 0.75]
    """
    if name not in PATHS:
        raise unknown_name("path", name, PATHS)
    return PATHS[name]


TIMES: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": lambda u: u,
    "logit_normal": lambda u: torch.special.ndtri(u).sigmoid(),
}
"""Quantile functions of the times to learn from, by name; ``"logit_normal"`` looks most at the
middle of the way, where the velocity is hardest to tell (Esser et al. 2024, section 3.1)."""

_EDGE = 1e-4


def draw_times(name: str, like: Tensor) -> Tensor:
    """Return a time for each row of a tensor, shape (rows, 1), from the global random stream.

    One from each of as many equally likely intervals, so that a loss over them varies less.

    Raises:
        SpecError: Unknown times.

    Example:
        >>> draw_times("logit_normal", torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """
    if name not in TIMES:
        raise unknown_name("times", name, TIMES)
    positions = torch.arange(len(like), device=like.device) + torch.rand(
        len(like), device=like.device
    )
    return TIMES[name](positions / len(like)).clamp(_EDGE, 1 - _EDGE).unsqueeze(-1)
