"""Features of the patches of images: filters learned from the images, or a network's."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import DataError

FeatureMaps = Callable[[Tensor], Sequence[Tensor]]
"""Images (batch, channels, height, width) from 0 to 1 -> maps (batch, features, rows, columns)."""

_KERNEL = 3
_LARGEST_SIDE, _SMALLEST_SIDE = 128, 4  # larger images are scaled down; levels stop at the other
_CELL, _FEWEST_CELLS, _MOST_CELLS = 4, 14, 16
_SOME_IMAGES, _SOME_PATCHES = 200, 40_000
_LEAST_VARIANCE = 1e-6  # a quarter of a level of eight bits: below is rounding


def grid_shape(height: int, width: int) -> tuple[int, int]:
    """Return how many rows and columns of patches an image has.

    A patch every 4 pixels, at least 14 and at most 16 to a side, but no more than there are pixels.

    Example:
        >>> grid_shape(64, 64), grid_shape(28, 8), grid_shape(256, 256)
        ((16, 16), (14, 8), (16, 16))
    """
    sides = (min(s, max(_FEWEST_CELLS, min(s // _CELL, _MOST_CELLS))) for s in (height, width))
    rows, columns = sides
    return rows, columns


def as_tensor(values: Tensor | NDArray[Any]) -> Tensor:
    """Return values in single precision, row by row, in memory that PyTorch has aligned.

    On both hangs how products are rounded, and so whether a stored detector gives the same scores.
    """
    given = values if isinstance(values, Tensor) else torch.from_numpy(np.array(values))
    return torch.empty(given.shape).copy_(given)


def averaging(count: int, size: int) -> Float[Tensor, "count size"]:
    """Return the matrix that takes means over equal parts of an axis, cut pixels by their share.

    Where more are asked for than there are, it interpolates linearly.

    Example:
        >>> averaging(2, 3).tolist()[0]
        [0.6666666865348816, 0.3333333432674408, 0.0]
    """
    if count > size:
        return interpolating(count, size)
    ends = torch.linspace(0, size, count + 1, dtype=torch.float64)
    first, last = ends[:-1, None], ends[1:, None]
    pixel = torch.arange(size, dtype=torch.float64)
    shared = (torch.minimum(last, pixel + 1) - torch.maximum(first, pixel)).clamp_min(0)
    return (shared / shared.sum(1, keepdim=True)).float()


def interpolating(count: int, size: int) -> Float[Tensor, "count size"]:
    """Return the matrix that interpolates linearly between the middles of the parts of an axis."""
    middle = (torch.arange(count, dtype=torch.float64) + 0.5) * size / count - 0.5
    apart = (middle.clamp(0, size - 1)[:, None] - torch.arange(size, dtype=torch.float64)).abs()
    return (1 - apart).clamp_min(0).float()


def smoothing(size: int, deviation: float) -> Float[Tensor, "size size"]:
    """Return the matrix of a Gaussian mean over an axis, with what lies beyond the ends left out.

    Args:
        size: Of the axis, pixels.
        deviation: Of the Gaussian, pixels.
    """
    place = torch.arange(size, dtype=torch.float64)
    weight = torch.exp(-0.5 * ((place[:, None] - place) / deviation).square())
    return (weight / weight.sum(1, keepdim=True)).float()


@dataclass(frozen=True)
class FilterBank:
    """Responses of 3x3 filters at several scales, with their signs and without, as means of cells.

    The filters of a scale are the principal components of its patches, all of them, each divided
    by its standard deviation: so a change of colour that normal images do not have counts, however
    small it is. Magnitudes of all but the first tell textures, whose signed mean is nearly zero.

    Attributes:
        filters: Of each scale, shape (filters, channels, 3, 3); the first scale is the finest.
        offsets: What is subtracted from their responses, shape (filters,).

    Source: Chan et al. 2015, "PCANet: a simple deep learning baseline for image classification?",
    for the filters; magnitudes averaged over cells as in Bruna & Mallat 2013, "Invariant
    scattering convolution networks".

    Example:
        >>> images = torch.rand(20, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        >>> FilterBank.learn(images)(images).shape
        torch.Size([20, 159, 14, 14])
    """

    filters: tuple[Tensor, ...] = field(repr=False)
    offsets: tuple[Tensor, ...] = field(repr=False)

    @classmethod
    def learn(cls, images: Float[Tensor, "images channels height width"]) -> "FilterBank":
        """Learn the filters from normal images, 200 of them at most."""
        generator = torch.Generator().manual_seed(0)
        some = images[torch.randperm(len(images), generator=generator)[:_SOME_IMAGES].sort().values]
        learned = [_components(level, generator) for level in _levels(some)]
        return cls(*(tuple(map(as_tensor, part)) for part in zip(*learned, strict=True)))

    def __call__(
        self, images: Float[Tensor, "images channels height width"]
    ) -> Float[Tensor, "images features rows columns"]:
        """Return the features of each cell."""
        rows, columns = grid_shape(*images.shape[2:])
        found = []
        for level, weight, offset in zip(_levels(images), self.filters, self.offsets, strict=True):
            responses = F.conv2d(_padded(level), weight, -offset)
            both = torch.cat([responses, responses[:, 1:].abs()], 1)
            down, across = _poolings((rows, columns), level)
            found.append(down.to(both) @ both @ across.T.to(both))
        return torch.cat(found, 1)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that was learned, by name."""
        weights = {f"filters.{i}": part.numpy() for i, part in enumerate(self.filters)}
        return weights | {f"offsets.{i}": part.numpy() for i, part in enumerate(self.offsets)}

    @classmethod
    def of(cls, arrays: dict[str, NDArray[Any]]) -> "FilterBank":
        """From what `arrays` gave; others are let be."""
        count = sum(name.startswith("filters.") for name in arrays)
        parts = (
            tuple(as_tensor(arrays[f"{name}.{i}"]) for i in range(count))
            for name in ("filters", "offsets")
        )
        return cls(*parts)


def _levels(images: Tensor) -> list[Tensor]:
    """Images at the scales 1, 1/2, 1/4 and so on: three, and more of large images."""
    height, width = images.shape[2:]
    largest = min(max(height, width), _LARGEST_SIDE)
    share = largest / max(height, width)
    count = 3 + max(0, round(math.log2(largest / 64)))
    levels = []
    for level in range(count):
        sides = [max(1, round(share * side / 2**level)) for side in (height, width)]
        if level and min(sides) < _SMALLEST_SIDE:
            break
        down, across = (averaging(n, s) for n, s in zip(sides, (height, width), strict=True))
        is_same = tuple(sides) == (height, width)
        levels.append(images if is_same else down.to(images) @ images @ across.T.to(images))
    return levels


def _padded(images: Tensor) -> Tensor:
    return F.pad(images, (_KERNEL // 2,) * 4, mode="replicate")


def _components(images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Principal components of patches over their deviations, as filters, and their means."""
    channels = images.shape[1]
    patches = F.unfold(_padded(images), _KERNEL).transpose(1, 2).flatten(0, 1).double()
    chosen = torch.randperm(len(patches), generator=generator)[:_SOME_PATCHES]
    patches = patches[chosen]
    mean = patches.mean(0)
    away = patches - mean
    variances, vectors = torch.linalg.eigh(away.T @ away / len(away))
    # From the largest on; of the two signs of each the one whose largest entry is positive.
    variances, vectors = variances.flip(0), vectors.flip(1)
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    vectors = vectors * largest.sign() / variances.clamp_min(_LEAST_VARIANCE).sqrt()
    filters = vectors.T.reshape(-1, channels, _KERNEL, _KERNEL)
    return filters.float().contiguous(), (mean @ vectors).float()


def _poolings(grid: tuple[int, int], maps: Tensor) -> list[Tensor]:
    """Return the matrices for the rows and the columns of maps."""
    return [_pooling(count, size) for count, size in zip(grid, maps.shape[2:], strict=True)]


def _pooling(count: int, size: int) -> Tensor:
    """Means over 3 neighbors, and then over cells: what is near a cell counts for it."""
    place = torch.arange(size)
    near = ((place[:, None] - place).abs() <= 1).float()
    return averaging(count, size) @ (near / near.sum(1, keepdim=True))


@dataclass(frozen=True)
class NetworkFeatures:
    """Maps of a network as features of cells, each in standard deviations among normal images.

    Attributes:
        maps: The network.
        mean: Of each feature, shape (features, 1, 1).
        deviation: Its standard deviation.

    Source: Roth et al. 2022, "Towards total recall in industrial anomaly detection", section 3.1,
    for means over neighbors.
    """

    maps: FeatureMaps = field(repr=False)
    mean: Tensor = field(repr=False)
    deviation: Tensor = field(repr=False)

    @classmethod
    def learn(
        cls, maps: FeatureMaps, images: Float[Tensor, "images channels height width"]
    ) -> "NetworkFeatures":
        """Learn where the features of normal images lie, 200 of them at most."""
        raw = cls(maps, torch.zeros(1, 1, 1), torch.ones(1, 1, 1))
        found = raw(images[:_SOME_IMAGES])
        mean, deviation = found.mean((0, 2, 3)), found.std((0, 2, 3))
        deviation = deviation.clamp_min(1e-6)
        return cls(maps, *(as_tensor(found[:, None, None]) for found in (mean, deviation)))

    @torch.no_grad()
    def __call__(
        self, images: Float[Tensor, "images channels height width"]
    ) -> Float[Tensor, "images features rows columns"]:
        """Return the features of each cell."""
        rows, columns = grid_shape(*images.shape[2:])
        parts = []
        for found in checked_maps(self.maps(images), len(images)):
            down, across = _poolings((rows, columns), found)
            parts.append(down.to(found) @ found @ across.T.to(found))
        return (torch.cat(parts, 1) - self.mean.to(parts[0])) / self.deviation.to(parts[0])

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that was learned, by name: not the network."""
        return {"mean": self.mean.numpy(), "deviation": self.deviation.numpy()}

    @classmethod
    def of(cls, maps: FeatureMaps, arrays: dict[str, NDArray[Any]]) -> "NetworkFeatures":
        """From what `arrays` gave; others are let be."""
        return cls(maps, *(as_tensor(arrays[name]) for name in ("mean", "deviation")))


def checked_maps(found: Any, count: int) -> list[Tensor]:
    """Return the maps that a network gave.

    Raises:
        DataError: No maps, or not of so many images.
    """
    parts = [found] if isinstance(found, Tensor) else list(found)
    if not parts or any(part.ndim != 4 or len(part) != count for part in parts):
        shapes = [tuple(np.shape(part)) for part in parts]
        raise DataError(
            f"features of patches must be maps of shape ({count}, features, rows, columns), one "
            f"or several; got shapes {shapes}. Return them before they are pooled."
        )
    return [part.float() for part in parts]
