"""What networks of noisy items share: being told the time, and saying nothing at first."""

import math

import torch
from torch import Tensor, nn

__all__ = ["Told", "silent_conv", "silent_linear"]

_FREQUENCIES = 8


class Told(nn.Module):
    """Time and context as one vector, for networks that are told both.

    Args:
        context_dim: Size of the context; 0 for none.
        width: Size of the vector.
    """

    frequencies: Tensor

    def __init__(self, context_dim: int, width: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", math.pi / 2 * torch.arange(1.0, _FREQUENCIES + 1))
        told = 2 * _FREQUENCIES + context_dim
        self.body = nn.Sequential(nn.Linear(told, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor, context: Tensor | None) -> Tensor:
        """Times (batch, 1) and context (batch, context) to vectors (batch, width)."""
        angles = t * self.frequencies
        told = [angles.sin(), angles.cos()] + ([] if context is None else [context])
        vector: Tensor = self.body(torch.cat(told, -1))
        return vector


def silent_linear(in_dim: int, out_dim: int | None = None) -> nn.Linear:
    """A linear layer that adds nothing at first."""
    layer = nn.Linear(in_dim, out_dim or in_dim)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def silent_conv(in_channels: int, channels: int, size: int = 3) -> nn.Conv2d:
    """A convolution that adds nothing at first."""
    layer = nn.Conv2d(in_channels, channels, size, padding=size // 2)
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
