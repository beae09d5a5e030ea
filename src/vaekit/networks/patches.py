"""Networks that see an image as patches on a grid, and may start from what those have in common."""

import math
from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.bounds import Between
from vaekit.networks.conv import Doubling, Residual, halved, halving, norm, start_alike

Halvings = Annotated[int, Between(1, 12)]
"""Of height and width; no tensor shows how many, but they decide how large one place is."""

_MOST_AT_ONCE = 2  # halvings that one rearrangement of pixels into channels does
_LOG_VARIANCE = -4.0  # at the start: latents that already say something from the first step on
_SMALL = 0.1
_MOST_VALUES = 1024  # of a patch whose components are looked for


class PatchEncoder(nn.Module):
    """Patches of pixels to a grid, residual blocks there, and two numbers for each latent.

    The pixels of 4x4 become channels at once, so that no convolution runs at a finer grid. Beside
    the blocks a linear map leads from each patch to the means: it learns within a few steps what
    takes convolutions hundreds, and `start_from_patches` can set it before the first.

    Args:
        shape: (channels, height, width) of one image.
        halvings: How often the grid halves height and width.
        per_place: Latents at each place of the grid.
        width: Channels on the grid.
        blocks: Residual blocks.

    Attributes:
        grid: (latents per place, height, width) of the latents.

    Source: Rombach et al. 2022, "High-resolution image synthesis with latent diffusion models",
    section 3.1; Shi et al. 2016, "Real-time single image and video super-resolution using an
    efficient sub-pixel convolutional neural network" (the rearrangement, there the other way).

    Example:
        >>> encoder = PatchEncoder((3, 64, 48), 2, 4, 16, 1)
        >>> encoder.grid, encoder(torch.zeros(5, 3, 64, 48)).shape
        ((4, 16, 12), torch.Size([5, 1536]))
    """

    def __init__(
        self,
        shape: Sequence[int],
        halvings: Halvings = 2,
        per_place: int = 4,
        width: int = 64,
        blocks: int = 1,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.halvings = halvings
        self.per_place = per_place
        self.width = width
        self.blocks = blocks
        self.grid = (per_place, *halved(shape[1:], halvings)[-1])
        at_once = min(halvings, _MOST_AT_ONCE)
        channels = shape[0] * 4**at_once
        even = (2, 2)  # of whole patches
        rest = [
            layer
            for _ in range(halvings - at_once)
            for layer in (nn.SiLU(), halving(width, width, even))
        ]
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2**at_once),
            nn.Conv2d(channels, width, 3, padding=1),
            *rest,
            *(Residual(width) for _ in range(blocks)),
            norm(width),
            nn.SiLU(),
        )
        self.head = nn.Conv2d(width, 2 * per_place, 1)
        self.straight = nn.Conv2d(shape[0] * 4**halvings, per_place, 1, bias=False)
        _shrink(self.head)
        if self.head.bias is not None:
            nn.init.constant_(self.head.bias[per_place:], _LOG_VARIANCE)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """Means of all latents, then the logarithms of their variances."""
        x = self._padded(x).contiguous(memory_format=torch.channels_last)
        means, log_variances = self.head(self.body(x)).chunk(2, 1)
        means = means + self.straight(F.pixel_unshuffle(x, 2**self.halvings))
        return torch.cat([means.flatten(1), log_variances.flatten(1)], 1)

    def patches(self, x: Tensor) -> Float[Tensor, "batch values rows columns"]:
        """Return the values of the patch at each place of the grid."""
        return F.pixel_unshuffle(self._padded(x), 2**self.halvings)

    def _padded(self, x: Tensor) -> Tensor:
        """Return images whose sides are whole patches, the last pixels repeated."""
        side = 2**self.halvings
        bottom, right = (-size % side for size in self.shape[1:])
        return F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x


class PatchDecoder(nn.Module):
    """Residual blocks on the grid of the latents, each place of which then paints a patch.

    What paints pixels starts with the same weights for all of a place, so that there is no
    checkerboard to unlearn, and beside the blocks a linear map leads from the latents of a place
    to its patch (see `PatchEncoder`).

    Args:
        grid: (latents per place, height, width) of the latents.
        shape: Shape of the output of one image: (features per value, colours, height, width).
        halvings: How often the grid halves height and width.
        width: Channels on the grid.
        blocks: Residual blocks.
        context_dim: Size of the context, which every place is told.

    Source: Rombach et al. 2022, section 3.1; Shi et al. 2016 (sub-pixel convolutions); Aitken et
    al. 2017, "Checkerboard artifact free sub-pixel convolution", section 3 (their start).

    Example:
        >>> PatchDecoder((4, 7, 7), (1, 1, 28, 28), 2, 16, 1)(torch.zeros(5, 196)).shape
        torch.Size([5, 1, 1, 28, 28])
    """

    def __init__(
        self,
        grid: Sequence[int],
        shape: Sequence[int],
        halvings: Halvings = 2,
        width: int = 64,
        blocks: int = 2,
        context_dim: int = 0,
    ) -> None:
        super().__init__()
        self.grid = tuple(grid)
        self.shape = tuple(shape)
        self.halvings = halvings
        self.width = width
        self.blocks = blocks
        self.context_dim = context_dim
        colours = shape[0] * shape[1]
        at_once = min(halvings, _MOST_AT_ONCE)
        self.stem = nn.Conv2d(grid[0], width, 3, padding=1)
        # After the norm, which would take a shift of whole channels away.
        self.modulation = nn.Linear(context_dim, 2 * width) if context_dim else None
        self.head = nn.Sequential(*(Residual(width) for _ in range(blocks)), norm(width))
        sizes = halved(shape[2:], halvings)[::-1][1 : halvings - at_once + 1]
        doublings = [Doubling(width, width, size) for size in sizes]
        for doubling in doublings:
            start_alike(doubling.conv, 2)
        paint = nn.Conv2d(width, colours * 4**at_once, 3, padding=1)
        start_alike(paint, 2**at_once)
        _shrink(paint)
        self.body = nn.Sequential(
            *(layer for doubling in doublings for layer in (nn.SiLU(), doubling)),
            nn.SiLU(),
            paint,
            nn.PixelShuffle(2**at_once),
        )
        self.straight = nn.Conv2d(grid[0], colours * 4**halvings, 1, bias=False)
        start_alike(self.straight, 2**halvings)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode; where a side is no whole number of patches, the last is cut off."""
        latents, context = z.split([math.prod(self.grid), self.context_dim], dim=1)
        latents = latents.unflatten(1, self.grid).contiguous(memory_format=torch.channels_last)
        h = self.head(self.stem(latents))
        if self.modulation is not None:
            stretch, shift = self.modulation(context)[..., None, None].chunk(2, 1)
            h = h * (1 + stretch) + shift
        height, width = self.shape[2:]
        straight = F.pixel_shuffle(self.straight(latents), 2**self.halvings)
        # Cut first: where a grid was halved often, the two overhang by different amounts.
        out: Tensor = self.body(h)[..., :height, :width] + straight[..., :height, :width]
        return torch.unflatten(out, 1, self.shape[:2])


@torch.no_grad()
def _shrink(layer: nn.Conv2d) -> None:
    layer.weight *= _SMALL


@torch.no_grad()
def start_from_patches(
    encoder: nn.Module, decoder: nn.Module, x: Float[Tensor, "items *event"]
) -> bool:
    """Set the linear maps of a pair of patch networks to the principal components of patches.

    What lies along the first components of 4x4 pixels is most of an image, and needs no training:
    on drawn faces of 64x64, four of them start at an error that other networks reach after
    minutes. Latents start with unit variance, as the prior has it.

    Args:
        encoder: Holds a `PatchEncoder`.
        decoder: Holds a `PatchDecoder`.
        x: Images as the networks see them.

    Returns:
        Whether it was done: not without such networks, or with patches of more than 1,024 values.
        A decoder that says more than one number of a value keeps its own start.

    Source: Pearson 1901; Hotelling 1933; local, on patches, as in Olshausen & Field 1996.

    Example:
        >>> networks = PatchEncoder((1, 8, 8), 1, 2, 8), PatchDecoder((2, 4, 4), (1, 1, 8, 8), 1, 8)
        >>> start_from_patches(*networks, torch.rand(9, 1, 8, 8))
        True
    """
    reader = next((m for m in encoder.modules() if isinstance(m, PatchEncoder)), None)
    painter = next((m for m in decoder.modules() if isinstance(m, PatchDecoder)), None)
    if reader is None or painter is None or reader.grid != painter.grid:
        return False
    read, paint = reader.straight, painter.straight
    if read.in_channels > _MOST_VALUES:
        return False
    x = x.float().nan_to_num()
    patches = reader.patches(x - x.mean(0)).movedim(1, -1).flatten(0, -2)
    components, scales = _principal(patches, reader.per_place)
    read.weight.zero_()
    read.weight[: len(scales)] = (components / scales).T[..., None, None]
    if painter.shape[0] == 1:
        paint.weight.zero_()
        paint.weight[:, : len(scales)] = (components * scales)[..., None, None]
    return True


def _principal(patches: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the first components as columns, and how far patches lie along each."""
    moments = patches.double().T @ patches.double() / len(patches)
    variances, components = torch.linalg.eigh(moments)
    least = variances[-1] * 1e-6  # of less there is nothing to tell
    count = min(most, int((variances > least).sum()))
    components, variances = components.flip(1)[:, :count], variances.flip(0)[:count]
    # Which way a component points is for the library of linear algebra to choose.
    signs = components.gather(0, components.abs().argmax(0, keepdim=True)).sign()
    return (components * signs).float(), variances.sqrt().float()
