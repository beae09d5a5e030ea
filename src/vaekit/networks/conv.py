"""Convolutional networks, and the grids of latents that they have."""

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.bounds import Side
from vaekit.errors import CompositionError, SpecError
from vaekit.networks.dense import dense


def norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with groups of 8 channels or fewer: no dependence on the batch."""
    groups = max(g for g in (1, 2, 4, 8) if channels % g == 0)
    return nn.GroupNorm(groups, channels)


class ConvEncoder(nn.Module):
    """Strided 3x3 convolutions with SiLU, then one linear layer.

    Args:
        shape: (channels, height, width) of one image.
        channels: Channels of each stage; every stage halves height and width.
        features_dim: Size of the features.

    Example:
        >>> import torch
        >>> ConvEncoder((3, 28, 30), (16, 32), 64)(torch.zeros(5, 3, 28, 30)).shape
        torch.Size([5, 64])
    """

    def __init__(self, shape: Sequence[int], channels: Sequence[int], features_dim: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.channels = tuple(channels)
        self.features_dim = features_dim
        widths = (shape[0], *channels)
        stages = [
            stage
            for a, b in itertools.pairwise(widths)
            for stage in (nn.Conv2d(a, b, 3, stride=2, padding=1), nn.SiLU())
        ]
        height, width = halved(shape[1:], len(channels))[-1]
        self.body = nn.Sequential(*stages, nn.Flatten())
        self.head = nn.Sequential(nn.Linear(channels[-1] * height * width, features_dim), nn.SiLU())

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """Encode images."""
        h: Tensor = self.head(self.body(x))
        return h


class ConvDecoder(nn.Module):
    """The mirror of `ConvEncoder`: one linear layer, then strided transposed convolutions.

    Args:
        in_dim: Latents, and context where there is one.
        channels: Channels of each stage, first (coarsest) to last.
        shape: Shape of the output of one image: (features per value, colours, height, width).

    Example:
        >>> import torch
        >>> ConvDecoder(2, (32, 16), (1, 3, 28, 30))(torch.zeros(5, 2)).shape
        torch.Size([5, 1, 3, 28, 30])
    """

    def __init__(self, in_dim: int, channels: Sequence[int], shape: Sequence[int]) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.channels = tuple(channels)
        self.shape = tuple(shape)
        sizes = halved(shape[2:], len(channels))[::-1]
        widths = (*channels, shape[0] * shape[1])
        self.head = nn.Sequential(nn.Linear(in_dim, channels[0] * math.prod(sizes[0])), nn.SiLU())
        stages: list[nn.Module] = [nn.Unflatten(1, (channels[0], *sizes[0]))]
        for a, b, size in zip(widths[:-1], widths[1:], sizes[1:], strict=True):
            stages += [_doubling(a, b, size), nn.SiLU()]
        self.body = nn.Sequential(*stages[:-1])

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode."""
        out: Tensor = self.body(self.head(z))
        return torch.unflatten(out, 1, self.shape[:2])


def halved(size: Sequence[int], times: int) -> list[tuple[int, int]]:
    """Height and width before and after each of so many halvings, rounded up."""
    return [(-(-size[0] // 2**i), -(-size[1] // 2**i)) for i in range(times + 1)]


def _doubling(in_channels: int, out_channels: int, size: Sequence[int]) -> nn.ConvTranspose2d:
    """Return a transposed convolution that lands on exactly this height and width."""
    output_padding = (1 - size[0] % 2, 1 - size[1] % 2)
    return nn.ConvTranspose2d(
        in_channels, out_channels, 3, stride=2, padding=1, output_padding=output_padding
    )


_FINEST = 16  # places along the shorter side
_PER_PLACE = 4
_MOST_HALVINGS = 3
_LARGE = 16  # pixels along the shorter side of an image that is halved twice


_SEEN_IN_PATCHES = 48


def is_large(shape: Sequence[int]) -> bool:
    """Whether an image has 48 pixels or more along its shorter side.

    Example:
        >>> is_large((3, 64, 48)), is_large((1, 28, 28))
        (True, False)
    """
    return min(shape[1:]) >= _SEEN_IN_PATCHES


def latent_grid(shape: Sequence[int], latent_dim: int, more: int = 0) -> tuple[int, int, int]:
    """Return the (latents per place, height, width) of the latents of ``"spatial"`` networks.

    Args:
        shape: (channels, height, width) of one image.
        latent_dim: Number of latents.
        more: Halvings beyond those of ``"spatial"``: 1 for ``"coarse"``.

    Raises:
        CompositionError: They do not fill the grid.

    Example:
        >>> latent_grid((3, 64, 64), 1024)
        (4, 16, 16)
    """
    height, width = halved(shape[1:], grid_stages(shape, more))[-1]
    per_place, left = divmod(latent_dim, height * width)
    if left or not per_place:
        raise CompositionError(
            f"latent_dim must be a multiple of {height * width}, the places of a grid of {height} "
            f"x {width}; got {latent_dim}. Leave it None for what suits the images."
        )
    return per_place, height, width


def places_of(mask: Float[Tensor, "batch 1 height width"], places: Sequence[int]) -> Tensor:
    """Return which places of a grid a mask of pixels touches.

    Args:
        mask: 1 at the pixels that are meant.
        places: (height, width) of a grid that halvings of the image lead to.

    Raises:
        CompositionError: No number of halvings leads there.

    Example:
        >>> places_of(torch.ones(1, 1, 9, 7).tril(-3), (3, 2))
        tensor([[[[1., 0.],
                  [1., 1.],
                  [1., 1.]]]])
    """
    height, width = mask.shape[-2:]
    times = range(max(height, width).bit_length() + 1)
    found = [
        side for side in (2**i for i in times) if _patches(mask.shape[-2:], side) == tuple(places)
    ]
    if not found:
        raise CompositionError(
            f"a grid must come from halving {height} x {width} pixels; got {tuple(places)} places."
        )
    side = found[0]
    padded = F.pad(mask.float(), (0, -width % side, 0, -height % side))
    return F.max_pool2d(padded, side)


def _patches(size: Sequence[int], side: int) -> tuple[int, int]:
    """Return how many patches of so many pixels to a side an image has, those cut off included."""
    return -(-size[0] // side), -(-size[1] // side)


def grid_latents(shape: Sequence[int]) -> int:
    """How many latents suit ``"spatial"`` networks: up to 4 a place, half of an item's values.

    Args:
        shape: (channels, height, width) of one image.

    Example:
        >>> grid_latents((3, 64, 64))
        1024
    """
    positions = math.prod(halved(shape[1:], grid_stages(shape))[-1])
    return positions * max(1, min(_PER_PLACE, math.prod(shape) // (2 * positions)))


_PER_CODE = 16


def code_latents(shape: Sequence[int]) -> int:
    """How many latents suit ``"coarse"`` networks, each place of which is told by one code: 16.

    Args:
        shape: (channels, height, width) of one image.

    Example:
        >>> code_latents((3, 64, 64))
        1024
    """
    return _PER_CODE * math.prod(halved(shape[1:], grid_stages(shape, 1))[-1])


def grid_stages(shape: Sequence[int], more: int = 0) -> int:
    """Halvings until a side has 16 places or fewer; of images of some size at least two.

    Beyond three, four numbers cannot tell a place's pixels any more, so that a larger image has
    more places. Codes, of which a Transformer tells one after the other, go on halving.

    Args:
        shape: (channels, height, width) of one image.
        more: Halvings beyond those, for codes.

    Example:
        >>> [grid_stages((3, side, side)) for side in (32, 64, 128, 256)]
        [2, 2, 3, 3]
    """
    side = min(shape[1:])
    stages = max(1 if side < _LARGE else 2, math.ceil(math.log2(side / _FINEST)))
    return stages + more if more else min(stages, _MOST_HALVINGS)


_SMALL = 0.1  # not 0, which spectral normalisation would divide by


class Residual(nn.Module):
    """x + conv(silu(conv(silu(norm(x))))); the last convolution starts small."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        with torch.no_grad():
            self.second.weight *= _SMALL

    def forward(self, x: Tensor) -> Tensor:
        """Add what the convolutions make of it."""
        h = self.first(F.silu(self.norm(x)))
        added: Tensor = self.second(F.silu(h))
        return x + added


class Doubling(nn.Module):
    """A sub-pixel convolution, cut to exactly this height and width."""

    def __init__(self, in_channels: int, out_channels: int, size: Sequence[int]) -> None:
        super().__init__()
        self.size = tuple(size)
        self.conv = nn.Conv2d(in_channels, 4 * out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Twice as high and wide."""
        h: Tensor = F.pixel_shuffle(self.conv(x), 2)
        return h[..., : self.size[0], : self.size[1]]


@torch.no_grad()
def start_alike(paint: nn.Conv2d, side: int) -> None:
    """Give all pixels that one place paints of a colour the weights of the first.

    Args:
        paint: What a rearrangement into squares follows.
        side: Pixels along each side of such a square.
    """
    for values in (paint.weight, paint.bias):
        if values is not None:
            values.copy_(values[:: side * side].repeat_interleave(side * side, 0))


def halving(in_channels: int, out_channels: int, size: Sequence[int]) -> nn.Sequential:
    """Return a convolution that lands on half of this height and width, rounded up."""
    return nn.Sequential(
        nn.ZeroPad2d((1, 1 + size[1] % 2, 1, 1 + size[0] % 2)),
        nn.Conv2d(in_channels, out_channels, 4, stride=2),
    )


class SpatialEncoder(nn.Module):
    """Strided convolutions to a grid, residual blocks there, and two numbers for each latent.

    Args:
        shape: (channels, height, width) of one image.
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

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
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
        self.modulation = nn.Linear(context_dim, 2 * channels[0]) if context_dim else None
        self.head = nn.Sequential(Residual(channels[0]), Residual(channels[0]), norm(channels[0]))
        steps = zip(itertools.pairwise(widths), sizes[1:], strict=True)
        self.body = nn.Sequential(
            *(layer for (a, b), size in steps for layer in (nn.SiLU(), Doubling(a, b, size)))
        )

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode."""
        latents, context = z.split([math.prod(self.grid), self.context_dim], dim=1)
        h = self.head(self.stem(latents.unflatten(1, self.grid)))
        if self.modulation is not None:
            stretch, shift = self.modulation(context)[..., None, None].chunk(2, 1)
            h = h * (1 + stretch) + shift
        out: Tensor = self.body(h)
        return torch.unflatten(out, 1, self.shape[:2])


_BLOCK = 4  # pixels along each side of what one place of the grid paints


class SubpixelDecoder(nn.Module):
    """Dense layers to a grid of a quarter of the size, convolutions there, then blocks of pixels.

    Dense layers mix latents and labels at hardly any cost, and no convolution runs at full size.
    On faces of 64x64 its error after the same time is that of `ConvDecoder`, but it takes labels
    from the context where the latter takes them from the latents, so that swapping a label works
    (docs/results). Meant for images up to about 128x128, which lie in place: the grid's
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


def _checked_patch(patch: int) -> int:
    if patch < 1:
        raise SpecError(f"patch must be at least 1; got {patch}.")
    return patch


class ResidualEncoder(nn.Module):
    """Strided convolutions to a coarse grid, a residual block there, then one dense layer.

    Args:
        shape: (channels, height, width) of one image.
        channels: Channels of each stage; every stage halves height and width.
        features_dim: Size of the features.
        patch: Height and width of a patch, whose pixels become channels at once.

    Source: He et al. 2016, "Identity mappings in deep residual networks" (pre-activation).

    Example:
        >>> import torch
        >>> ResidualEncoder((1, 28, 28), (16, 32), 64)(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 64])
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int],
        features_dim: int,
        patch: Side = 1,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.channels = tuple(channels)
        self.features_dim = features_dim
        self.patch = _checked_patch(patch)
        sizes = halved([-(-side // patch) for side in shape[1:]], len(channels))
        widths = (shape[0] * patch**2, *channels)
        steps = zip(itertools.pairwise(widths), sizes[:-1], strict=True)
        stages = [layer for (a, b), size in steps for layer in (halving(a, b, size), nn.SiLU())]
        self.body = nn.Sequential(*stages[:-1], Residual(channels[-1]), nn.SiLU(), nn.Flatten())
        self.head = nn.Sequential(
            nn.Linear(channels[-1] * math.prod(sizes[-1]), features_dim), nn.SiLU()
        )

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """Encode images; where a side is no multiple of a patch, its last pixels are repeated."""
        if self.patch > 1:
            bottom, right = (-side % self.patch for side in self.shape[1:])
            x = F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x
            x = F.pixel_unshuffle(x, self.patch)
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
        patch: Height and width of a patch, whose pixels come from the channels of one place. All
            then start alike, so that there is no checkerboard to unlearn.

    Source: Shi et al. 2016, "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", section 3.2; Aitken et al. 2017, "Checkerboard artifact
    free sub-pixel convolution", section 3.

    Example:
        >>> import torch
        >>> ResidualDecoder(2, (64,), (32, 16), (1, 1, 28, 28))(torch.zeros(5, 2)).shape
        torch.Size([5, 1, 1, 28, 28])
    """

    def __init__(
        self,
        in_dim: int,
        hidden: Sequence[int],
        channels: Sequence[int],
        shape: Sequence[int],
        patch: Side = 1,
    ) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.hidden = tuple(hidden)
        self.channels = tuple(channels)
        self.shape = tuple(shape)
        self.patch = _checked_patch(patch)
        sizes = halved([-(-side // patch) for side in shape[2:]], len(channels))[::-1]
        widths = (*channels, shape[0] * shape[1] * patch**2)
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
        if patch > 1:
            paints = [layer.conv for layer in self.body if isinstance(layer, Doubling)]
            for place, paint in enumerate(paints, start=1):
                start_alike(paint, 2 * patch if place == len(paints) else 2)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode; where a side is no multiple of a patch, the last one is cut off."""
        out: Tensor = self.body(self.head(z))
        if self.patch > 1:
            out = F.pixel_shuffle(out, self.patch)[..., : self.shape[2], : self.shape[3]]
        return torch.unflatten(out, 1, self.shape[:2])
