"""A decoder that thinks in dense layers and paints pixels a block at a time."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.networks.blocks import dense, norm

__all__ = ["SubpixelDecoder"]

_BLOCK = 4  # pixels along each side of what one place of the grid paints


class SubpixelDecoder(nn.Module):
    """Dense layers to a grid of a quarter of the size, convolutions there, then blocks of pixels.

    Dense layers mix latents and labels at hardly any cost, and no convolution runs at full size.
    On faces of 64x64 its error after the same time is that of `ConvDecoder`, but it takes labels
    from the context where the latter takes them from the latents, so that swapping a label works
    (benchmarks/RESULTS.md). Meant for images up to about 128x128, which lie in place: the grid's
    own weights grow with its area.

    Args:
        in_dim: Latents, and context where there is one.
        hidden: Width of each dense layer, first to last.
        channels: Of the grid, and of the convolutions on it.
        shape: Shape of the output of one image: (features per value, colours, height, width).

    Source: Shi et al. 2016, "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", section 3.2.

    Example:
        >>> import torch
        >>> SubpixelDecoder(2, (16,), (4, 8), (1, 3, 28, 30))(torch.zeros(5, 2)).shape
        torch.Size([5, 1, 3, 28, 30])
    """

    def __init__(
        self, in_dim: int, hidden: Sequence[int], channels: Sequence[int], shape: Sequence[int]
    ) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.hidden = tuple(hidden)
        self.channels = tuple(channels)
        self.shape = tuple(shape)
        coarse, width = channels
        grid = tuple(-(-side // _BLOCK) for side in shape[2:])
        self.head = nn.Sequential(
            dense((in_dim, *hidden)),
            nn.Linear(hidden[-1], coarse * math.prod(grid)),
            nn.Unflatten(1, (coarse, *grid)),
        )
        self.body = nn.Sequential(
            nn.Conv2d(coarse, width, 3, padding=1),
            norm(width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, math.prod(shape[:2]) * _BLOCK**2, 3, padding=1),
            nn.PixelShuffle(_BLOCK),
        )

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode; where a side is no multiple of 4, the last block is cut off."""
        out: Tensor = self.body(self.head(z))[..., : self.shape[2], : self.shape[3]]
        return torch.unflatten(out, 1, self.shape[:2])
