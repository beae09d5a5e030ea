"""Following a velocity field, and what it does to densities."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["Field", "follow", "with_divergence"]

_EXACT, _WAYS = 64, 16

Field = Callable[[Tensor, float], Tensor]
"""Points of shape (batch, size) and a time -> their velocities."""


def follow(field: Field, x: Tensor, start: float, end: float, steps: int) -> Tensor:
    """Integrate dx/dt = field(x, t) by the classical Runge-Kutta method, of fourth order.

    Args:
        field: The velocities.
        x: Points at the start, shape (batch, size).
        start: First time.
        end: Last time; may be the earlier one.
        steps: Equal steps on the way, with four velocities each.

    Example:
        >>> round(follow(lambda x, t: x, torch.ones(1, 1), 0.0, 1.0, steps=10).item(), 4)
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


def with_divergence(field: Field) -> Field:
    """A field over points with one more column, which gathers the field's divergence.

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
        ways = _directions(x.shape[-1]).to(x)
        (gradients,) = torch.func.vmap(pull)(ways.unsqueeze(1).expand(-1, *x.shape))
        divergence = torch.einsum("wi,wni->n", ways, gradients)
        return torch.cat([velocity, divergence.unsqueeze(-1)], -1)

    return extended


def _directions(size: int) -> Tensor:
    """Rows v such that the sum of vᵀJv is the trace of J, or its estimate."""
    if size <= _EXACT:
        return torch.eye(size)
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(2, (_WAYS, size), generator=generator) * 2.0 - 1
    return signs / math.sqrt(_WAYS)
