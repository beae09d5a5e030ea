"""What Hamiltonian posteriors share: gradients, tempering, checks."""

import itertools
import math

import torch
from torch import Tensor

from vaekit.types import LogDensity

__all__ = ["check_steps", "gradient_of", "tempered"]


def gradient_of(log_density: LogDensity, z: Tensor, *, second_order: bool = True) -> Tensor:
    """The gradient by z, itself differentiable where gradients are on and second_order.

    It is the *partial* derivative: z is viewed first, so that the graph of how z came about is
    not walked again at every step.
    """
    learning = torch.is_grad_enabled() and second_order
    with torch.enable_grad():
        here = z.view_as(z) if learning and z.requires_grad else z.detach().requires_grad_()
        total = log_density(here).sum()
        (gradient,) = torch.autograd.grad(total, here, create_graph=learning)
    return gradient


def tempered(temperature: float, steps: int) -> list[float]:
    """Factors of the momentum after each step; all together the root of the temperature.

    Source: Caterini et al. 2018, section 3.2 (quadratic scheme).
    """
    start = 1 / math.sqrt(temperature)
    roots = [1 / ((1 - start) * (k / steps) ** 2 + start) for k in range(steps + 1)]
    return [before / after for before, after in itertools.pairwise(roots)]


def check_steps(steps: int, step_size: float, temperature: float) -> None:
    """Refuse settings under which nothing would move, or all would fly apart."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1; got {steps}.")
    if not (math.isfinite(step_size) and step_size > 0):
        raise ValueError(f"step_size must be positive and finite; got {step_size}.")
    if not 0 < temperature <= 1:
        raise ValueError(f"temperature must be in (0, 1]; got {temperature}.")
