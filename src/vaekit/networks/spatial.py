"""Convolutional networks whose latents lie on a grid, each telling of its own place."""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.networks.blocks import norm
from vaekit.networks.conv import halved
from vaekit.networks.stages import Doubling, Residual, halving

__all__ = ["SpatialDecoder", "SpatialEncoder"]


class SpatialEncoder(nn.Module):
    """Strided convolutions to a grid, residual blocks there, and two numbers for each latent.

    Args:
        shape: (colours, height, width) of one image.
        channels: Channels of each stage; every stage halves height and width.
        per_place: Latents at each place of the grid.

    Attributes:
        grid: (latents per place, height, width) of the latents.

    Source: Rombach et al. 2022, "High-resolution image synthesis with latent diffusion models",
    section 3.1.

    Example:
        >>> import torch
        >>> encoder = SpatialEncoder((3, 64, 48), (16, 32), 4)
        >>> encoder.grid, encoder(torch.zeros(5, 3, 64, 48)).shape
        ((4, 16, 12), torch.Size([5, 1536]))
    """

    def __init__(self, shape: Sequence[int], channels: Sequence[int], per_place: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.channels = tuple(channels)
        self.per_place = per_place
        sizes = halved(shape[1:], len(channels))
        self.grid = (per_place, *sizes[-1])
        steps = zip(itertools.pairwise((shape[0], *channels)), sizes[:-1], strict=True)
        stages = [layer for (a, b), size in steps for layer in (halving(a, b, size), nn.SiLU())]
        self.body = nn.Sequential(
            *stages[:-1],
            Residual(channels[-1]),
            Residual(channels[-1]),
            nn.SiLU(),
            nn.Conv2d(channels[-1], 2 * per_place, 1),
            nn.Flatten(),
        )

    def forward(self, x: Float[Tensor, "batch colours height width"]) -> Tensor:
        """Means of all latents, then the logarithms of their variances."""
        h: Tensor = self.body(x)
        return h


class SpatialDecoder(nn.Module):
    """Residual blocks on the grid of the latents, then a convolution per doubling.

    Args:
        grid: (latents per place, height, width) of the latents.
        channels: Channels of each stage, first (coarsest) to last.
        shape: Shape of the output of one image: (features per value, colours, height, width).
        context_dim: Size of the context, which every place is told.

    Source: Rombach et al. 2022, section 3.1; Shi et al. 2016 (sub-pixel convolutions).

    Example:
        >>> import torch
        >>> SpatialDecoder((4, 7, 7), (32, 16), (1, 1, 28, 28))(torch.zeros(5, 196)).shape
        torch.Size([5, 1, 1, 28, 28])
    """

    def __init__(
        self,
        grid: Sequence[int],
        channels: Sequence[int],
        shape: Sequence[int],
        context_dim: int = 0,
    ) -> None:
        super().__init__()
        self.grid = tuple(grid)
        self.channels = tuple(channels)
        self.shape = tuple(shape)
        self.context_dim = context_dim
        sizes = halved(shape[2:], len(channels))[::-1]
        widths = (*channels, shape[0] * shape[1])
        self.stem = nn.Conv2d(grid[0], channels[0], 3, padding=1)
        # After the norm, which would take a shift of whole channels away.
        self.tell = nn.Linear(context_dim, 2 * channels[0]) if context_dim else None
        self.head = nn.Sequential(Residual(channels[0]), Residual(channels[0]), norm(channels[0]))
        steps = zip(itertools.pairwise(widths), sizes[1:], strict=True)
        self.body = nn.Sequential(
            *(layer for (a, b), size in steps for layer in (nn.SiLU(), Doubling(a, b, size)))
        )

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode."""
        latents, context = z.split([math.prod(self.grid), self.context_dim], dim=1)
        h = self.head(self.stem(latents.unflatten(1, self.grid)))
        if self.tell is not None:
            stretch, shift = self.tell(context)[..., None, None].chunk(2, 1)
            h = h * (1 + stretch) + shift
        out: Tensor = self.body(h)
        return torch.unflatten(out, 1, self.shape[:2])
