"""A fully connected network that tells the velocity of noisy items."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.networks.told import Told, silent_linear

__all__ = ["DenoisingMLP"]


class DenoisingMLP(nn.Module):
    """Residual linear layers, each told the time and the context; for items that are no images.

    Args:
        shape: Shape of one item.
        hidden: Width of each residual layer; all the same width.
        context_dim: Size of the context; 0 for an unconditional model.

    Example:
        >>> import torch
        >>> DenoisingMLP((4,), (8, 8))(torch.zeros(5, 4), torch.zeros(5, 1), None).shape
        torch.Size([5, 4])
    """

    def __init__(self, shape: Sequence[int], hidden: Sequence[int], context_dim: int = 0) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.hidden = tuple(hidden)
        self.context_dim = context_dim
        size, width = math.prod(shape), hidden[0]
        self.told = Told(context_dim, width)
        self.lift = nn.Linear(size, width)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), silent_linear(width)
            )
            for _ in hidden
        )
        self.head = silent_linear(width, size)

    def forward(
        self, x: Float[Tensor, "batch *event"], t: Float[Tensor, "batch 1"], context: Tensor | None
    ) -> Float[Tensor, "batch *event"]:
        """The velocity."""
        told, h = self.told(t, context), self.lift(x.flatten(1))
        for layer in self.layers:
            h = h + layer(h + told)
        velocity: Tensor = self.head(F.silu(h))
        return velocity.view(x.shape)
