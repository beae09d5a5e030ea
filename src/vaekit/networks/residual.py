"""Residual convolutional networks that do their thinking on a coarse grid, where it is cheap."""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.networks.blocks import dense, norm
from vaekit.networks.conv import halved
from vaekit.networks.stages import Doubling, Residual, halving

__all__ = ["ResidualDecoder", "ResidualEncoder"]


class ResidualEncoder(nn.Module):
    """Strided convolutions to a coarse grid, a residual block there, then one dense layer.

    Args:
        shape: (colours, height, width) of one image.
        channels: Channels of each stage; every stage halves height and width.
        features_dim: Size of the features.

    Source: He et al. 2016, "Identity mappings in deep residual networks" (pre-activation).

    Example:
        >>> import torch
        >>> ResidualEncoder((1, 28, 28), (16, 32), 64)(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 64])
    """

    def __init__(self, shape: Sequence[int], channels: Sequence[int], features_dim: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.channels = tuple(channels)
        self.features_dim = features_dim
        sizes = halved(shape[1:], len(channels))
        steps = zip(itertools.pairwise((shape[0], *channels)), sizes[:-1], strict=True)
        stages = [layer for (a, b), size in steps for layer in (halving(a, b, size), nn.SiLU())]
        self.body = nn.Sequential(*stages[:-1], Residual(channels[-1]), nn.SiLU(), nn.Flatten())
        self.head = nn.Sequential(
            nn.Linear(channels[-1] * math.prod(sizes[-1]), features_dim), nn.SiLU()
        )

    def forward(self, x: Float[Tensor, "batch colours height width"]) -> Tensor:
        """Encode images."""
        h: Tensor = self.head(self.body(x))
        return h


class ResidualDecoder(nn.Module):
    """Dense layers to a coarse grid, a residual block there, then a convolution per doubling.

    Each doubling paints its four places from the channels of one (sub-pixel convolution), so that
    no convolution runs at full size.

    Args:
        in_dim: Latents, and context where there is one.
        hidden: Width of each dense layer before the grid, first to last.
        channels: Channels of each stage, first (coarsest) to last.
        shape: Shape of the output of one image: (features per value, colours, height, width).

    Source: Shi et al. 2016, "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", section 3.2.

    Example:
        >>> import torch
        >>> ResidualDecoder(2, (64,), (32, 16), (1, 1, 28, 28))(torch.zeros(5, 2)).shape
        torch.Size([5, 1, 1, 28, 28])
    """

    def __init__(
        self, in_dim: int, hidden: Sequence[int], channels: Sequence[int], shape: Sequence[int]
    ) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.hidden = tuple(hidden)
        self.channels = tuple(channels)
        self.shape = tuple(shape)
        sizes = halved(shape[2:], len(channels))[::-1]
        widths = (*channels, shape[0] * shape[1])
        self.head = nn.Sequential(
            dense((in_dim, *hidden)),
            nn.Linear(hidden[-1], channels[0] * math.prod(sizes[0])),
            nn.Unflatten(1, (channels[0], *sizes[0])),
            Residual(channels[0]),
            norm(channels[0]),
        )
        steps = zip(itertools.pairwise(widths), sizes[1:], strict=True)
        self.body = nn.Sequential(
            *(layer for (a, b), size in steps for layer in (nn.SiLU(), Doubling(a, b, size)))
        )

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode."""
        out: Tensor = self.body(self.head(z))
        return torch.unflatten(out, 1, self.shape[:2])
