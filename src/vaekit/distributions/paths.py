"""Ways from noise to data, which flow matching and diffusion learn to follow."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vaekit.errors import unknown_name

__all__ = ["PATHS", "Path", "find_path"]

Path = Callable[[Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]
"""Times from 0 (noise) to 1 (data) -> share of the data, share of the noise, and their rates."""


def _straight(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A straight line from a draw of noise to an item (Lipman et al. 2023, eq. 20-23)."""
    return t, 1 - t, torch.ones_like(t), -torch.ones_like(t)


def _diffusion(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A quarter of a circle, on which the variance of standardised data stays 1.

    This is the variance-preserving diffusion with the cosine schedule (Nichol & Dhariwal 2021,
    eq. 17, without its offset).
    """
    angle, rate = math.pi / 2 * t, math.pi / 2
    return angle.sin(), angle.cos(), rate * angle.cos(), -rate * angle.sin()


PATHS: dict[str, Path] = {"diffusion": _diffusion, "straight": _straight}
"""Paths by name."""


def find_path(name: str) -> Path:
    """The path of that name.

    Raises:
        SpecError: No path has it.

    Example:
        >>> [share.item() for share in find_path("straight")(torch.tensor(0.25))[:2]]
        [0.25, 0.75]
    """
    if name not in PATHS:
        raise unknown_name("path", name, PATHS)
    return PATHS[name]
