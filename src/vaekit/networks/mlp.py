"""Fully connected networks: the fastest road to a good model on small images and tables."""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from vaekit.networks.blocks import dense

__all__ = ["MLPDecoder", "MLPEncoder"]


class MLPEncoder(nn.Module):
    """Linear layers with GELU, from a flattened item to features.

    Args:
        shape: Shape of one item.
        hidden: Width of each layer, first to last.

    Example:
        >>> import torch
        >>> MLPEncoder((1, 8, 8), (32, 16))(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 16])
    """

    def __init__(self, shape: Sequence[int], hidden: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.hidden = tuple(hidden)
        self.body = dense((math.prod(shape), *hidden))

    def forward(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, "batch features"]:
        """Flatten and encode."""
        h: Tensor = self.body(x.flatten(1))
        return h


class MLPDecoder(nn.Module):
    """Linear layers with GELU, from latents to features of the given shape.

    Args:
        in_dim: Latents, and context where there is one.
        hidden: Width of each layer, first to last.
        shape: Shape of the output of one item: (channels, *event).
        shortcut: Add a linear layer from the latents to the output.

    Example:
        >>> import torch
        >>> MLPDecoder(2, (16, 32), (1, 8, 8))(torch.zeros(5, 2)).shape
        torch.Size([5, 1, 8, 8])
    """

    def __init__(
        self, in_dim: int, hidden: Sequence[int], shape: Sequence[int], shortcut: bool = False
    ) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.in_dim = in_dim
        self.hidden = tuple(hidden)
        self.shape = tuple(shape)
        self.body = dense((in_dim, *hidden))
        self.head = nn.Linear(hidden[-1], math.prod(shape))
        self.straight = nn.Linear(in_dim, math.prod(shape), bias=False) if shortcut else None

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode."""
        out: Tensor = self.head(self.body(z))
        if self.straight is not None:
            out = out + self.straight(z)
        return out.view(-1, *self.shape)
