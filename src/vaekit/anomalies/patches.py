"""How far the patches of an image are from those of normal images, by what features."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.anomalies.inputs import AnomalyScore, Arrays, ScoringInputs, arrays_of_part, learned
from vaekit.errors import CompositionError, DataError
from vaekit.metrics.feature_extractors import efficientnet_maps

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


Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_MOST_VALUES = 2**26  # features in memory at a time
_FEWEST_IMAGES = 100
_AT_ONCE = 64
_RIDGE = 0.03  # of the mean variance of the features
_MEMORY, _CANDIDATES, _PROJECTED = 2000, 40_000, 32
_BLUR = 1 / 64  # of the shorter side
_TINY = 1e-6

Features = FilterBank | NetworkFeatures
NETWORKS: dict[str, Callable[[], FeatureMaps]] = {"efficientnet": efficientnet_maps}
"""Networks for the features of patches, by name."""


class PatchMaps(nn.Module):
    """From images to how far each pixel is from what is usual, in standard deviations.

    The mean of two distances of patches, each standardized among those of training images: to a
    Gaussian of the patches at the same place, and to the nearest of a memory of patches of any
    place. The first sees what is misplaced, the second allows what moves.

    Args:
        features: Of patches.
        arrays: What was learned: ``mean``, shape (places, features), and ``whitening``, shape
            (places, features, features), of the Gaussians; ``memory``, shape (patches, features);
            ``scale``, the mean and standard deviation of either distance, shape (2, 2).
        shape: Height and width of the images.

    Source: Defard et al. 2021, "PaDiM: a patch distribution modeling framework for anomaly
    detection and localization", eq. 2; Roth et al. 2022, "Towards total recall in industrial
    anomaly detection" (PatchCore), eq. 6, without its weights.
    """

    def __init__(self, features: Features, arrays: Arrays, shape: tuple[int, int]) -> None:
        super().__init__()
        self.features, self.grid = features, grid_shape(*shape)
        for name in ("mean", "whitening", "memory", "scale"):
            self.register_buffer(name, as_tensor(arrays[name]))
        deviation = max(0.5, min(shape) * _BLUR)
        for name, size, cells in zip(("down", "across"), shape, self.grid, strict=True):
            self.register_buffer(name, smoothing(size, deviation) @ interpolating(size, cells))

    def patches(
        self, images: Float[Tensor, "images channels height width"]
    ) -> Float[Tensor, "images places features"]:
        """Return the features of the patches, row by row."""
        features: Tensor = self.features(images)
        return features.flatten(2).transpose(1, 2)

    def to_gaussian(
        self, patches: Float[Tensor, "images places features"]
    ) -> Float[Tensor, "images places"]:
        """Return the Mahalanobis distances to the Gaussians of the places."""
        away = (patches - self.get_buffer("mean")).transpose(0, 1)
        white = away @ self.get_buffer("whitening").transpose(1, 2)
        return white.square().sum(2).sqrt().T

    def to_memory(
        self, patches: Float[Tensor, "images places features"]
    ) -> Float[Tensor, "images places"]:
        """Return the distances to the nearest patch of the memory."""
        squares = squares_apart(patches.flatten(0, 1), self.get_buffer("memory")).amin(1)
        return squares.clamp_min(0.0).sqrt().view(patches.shape[:2])

    def combined(self, gaussian: Tensor, memory: Tensor) -> Float[Tensor, "images height width"]:
        """Return the mean of both distances, standardized, of each pixel."""
        (mean, deviation), (other_mean, other_deviation) = self.get_buffer("scale")
        standing = (gaussian - mean) / deviation + (memory - other_mean) / other_deviation
        cells = (standing / 2).unflatten(1, self.grid)
        pixels: Tensor = self.get_buffer("down") @ cells @ self.get_buffer("across").T
        return pixels

    def forward(
        self, images: Float[Tensor, "images channels height width"]
    ) -> Float[Tensor, "images height width"]:
        """Return the map of each image."""
        patches = self.patches(images)
        return self.combined(self.to_gaussian(patches), self.to_memory(patches))


def squares_apart(
    asked: Float[Tensor, "asked features"], known: Float[Tensor, "known features"]
) -> Float[Tensor, "asked known"]:
    """Return squared distances of all pairs, but for rounding."""
    products = asked @ known.T
    return asked.square().sum(1, keepdim=True) - 2 * products + known.square().sum(1)


@dataclass(frozen=True)
class PatchDistance(AnomalyScore):
    """How far the most unusual place of an image is from what is usual there, in deviations.

    Attributes:
        network: Features of patches: ``None`` takes filters that are learned from the images;
            else a name of `NETWORKS`, or a function of your own from images (batch, channels,
            height, width) from 0 to 1 to one map (batch, features, rows, columns) or several.
        maps: What was learned.
        training: Which training items it was learned from, and the score of each as if it had not
            been; only training asks for it.

    Source: see `PatchMaps`.
    """

    network: str | FeatureMaps | None = None
    maps: PatchMaps | None = field(default=None, repr=False)
    training: tuple[Whole, Floats] | None = field(default=None, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Learn what patches of normal images look like.

        Raises:
            CompositionError: Items that are no images.
        """
        images = _images(training)
        features = self._features(images)
        shape = (int(images.shape[2]), int(images.shape[3]))
        one = features(images[:1]).flatten(2)
        most = max(_FEWEST_IMAGES, _MOST_VALUES // (one.shape[1] * one.shape[2]))
        chosen = np.sort(np.random.default_rng(0).permutation(len(images))[:most])
        patches = torch.cat(
            [
                features(images[torch.from_numpy(rows)]).flatten(2).transpose(1, 2)
                for rows in np.split(chosen, range(_AT_ONCE, len(chosen), _AT_ONCE))
            ]
        )
        memory, owners = _coreset(patches)
        arrays = {**_gaussians(patches), "memory": memory.numpy(), "scale": np.eye(2)[::-1]}
        distances = distances_to_others(PatchMaps(features, arrays, shape), patches, owners)
        scale = [[float(d.mean()), max(float(d.std()), _TINY)] for d in distances]
        maps = PatchMaps(features, {**arrays, "scale": np.array(scale)}, shape)
        peaks = _peaks(maps.combined(*distances).double().numpy())
        return replace(self, maps=maps, training=(chosen, peaks))

    def _features(self, images: Tensor) -> Features:
        if self.network is None:
            return FilterBank.learn(images)
        return NetworkFeatures.learn(self._network(), images)

    def _network(self) -> FeatureMaps:
        if not isinstance(self.network, str):
            return self.network  # type: ignore[return-value]
        return NETWORKS[self.network]()

    def of(self, seen: ScoringInputs) -> Floats:
        """The largest value of each map."""
        return _peaks(self.pixels(seen))

    @torch.no_grad()
    def pixels(self, seen: ScoringInputs) -> Floats:
        """Return where images are unusual, shape (items, height, width), in deviations."""
        maps = learned(self.maps)
        parts = [maps(part) for part in _images(seen).split(_AT_ONCE)]
        found: Floats = torch.cat(parts).double().numpy()
        return found

    @torch.no_grad()
    def of_training(self, training: ScoringInputs) -> Floats:
        """Return each without itself: by the Gaussians and the memory of the others."""
        maps, images = learned(self.maps), _images(training)
        chosen, peaks = learned(self.training)
        found = np.empty(len(images))
        found[chosen] = peaks
        others = torch.from_numpy(np.setdiff1d(np.arange(len(images)), chosen))
        if len(others):
            parts = [maps(images[places]) for places in others.split(_AT_ONCE)]
            found[others.numpy()] = _peaks(torch.cat(parts).double().numpy())
        return found

    @property
    def arrays(self) -> Arrays:
        """The features, the Gaussians, the memory and the scale."""
        maps = learned(self.maps)
        features = {f"features.{n}": array for n, array in maps.features.arrays.items()}
        names = ("mean", "whitening", "memory", "scale")
        shape = np.array([maps.get_buffer(n).shape[0] for n in ("down", "across")])
        return {**features, **{n: maps.get_buffer(n).numpy() for n in names}, "shape": shape}

    def restored(self, arrays: Arrays) -> Self:
        """With what another had learned."""
        own = arrays_of_part(arrays, "features.")
        bank: Features
        if self.network is None:
            bank = FilterBank.of(own)
        else:
            bank = NetworkFeatures.of(self._network(), own)
        height, width = (int(side) for side in arrays["shape"])
        return replace(self, maps=PatchMaps(bank, arrays, (height, width)))


@torch.no_grad()
def distances_to_others(
    maps: PatchMaps, patches: Float[Tensor, "images places features"], owners: Whole
) -> tuple[Tensor, Tensor]:
    """Return both distances of each image as if the maps had not been learned from it.

    Args:
        maps: Learned from these images.
        patches: Of the images.
        owners: The image of each patch in the memory.

    Returns:
        Distances to the Gaussians and to the memory, either of shape (images, places).
    """
    count = len(patches)
    gaussian = torch.cat([maps.to_gaussian(some) for some in patches.split(_AT_ONCE)])
    share = count / max(1, count - 1)
    # By the formula of Sherman and Morrison: an outer product less in the covariance.
    others = (1 - share * gaussian.square() / count).clamp_min(_TINY)
    own, known = torch.from_numpy(owners), maps.get_buffer("memory")
    nearest = []
    for places in torch.arange(count).split(_AT_ONCE):
        some = patches[places]
        squares = squares_apart(some.flatten(0, 1), known).view(*some.shape[:2], -1)
        squares.masked_fill_((places[:, None] == own)[:, None], torch.inf)
        nearest.append(squares.amin(2).clamp_min(0.0).sqrt())
    memory = torch.cat(nearest)
    # A single item has no other.
    return share * gaussian / others.sqrt(), memory.where(memory.isfinite(), 0.0)


def _peaks(maps: Floats) -> Floats:
    found: Floats = maps.max((1, 2))
    return found


def _images(seen: ScoringInputs) -> Tensor:
    x = seen.batch.x
    if x.ndim != 4:
        raise CompositionError(
            "patches are of images; these items are none. Use another method, or method='auto'."
        )
    return x.detach().cpu().float()


def _gaussians(patches: Float[Tensor, "images places features"]) -> dict[str, NDArray[Any]]:
    """Of each place the mean, and what makes distances from it those of Mahalanobis."""
    mean = patches.mean(0)
    covariances = torch.stack([_covariance(place) for place in (patches - mean).unbind(1)])
    width = covariances.shape[-1]
    ridge = _RIDGE * covariances.diagonal(dim1=1, dim2=2).mean() + _TINY
    factors = torch.linalg.cholesky(covariances + ridge * torch.eye(width))
    whitening = torch.linalg.solve_triangular(factors, torch.eye(width), upper=False)
    return {"mean": mean.numpy(), "whitening": whitening.numpy()}


def _covariance(away: Tensor) -> Tensor:
    return away.T @ away / len(away)


def _coreset(patches: Float[Tensor, "images places features"]) -> tuple[Tensor, Whole]:
    """Return patches that leave none far from all of them, and the places of their images.

    Greedy: always the patch farthest from those chosen; among 40,000, in 32 random directions.

    Source: Roth et al. 2022, algorithm 1, after Sener & Savarese 2018.
    """
    generator = torch.Generator().manual_seed(0)
    each, width = patches.shape[1:]
    flat = patches.flatten(0, 1)
    chosen = torch.randperm(len(flat), generator=generator)[:_CANDIDATES]
    candidates = flat[chosen]
    projected = candidates
    if width > _PROJECTED:
        turn = torch.randn(width, _PROJECTED, generator=generator) / _PROJECTED**0.5
        projected = candidates @ turn
    squares, kept, place = projected.square().sum(1), [], 0
    distance = torch.full_like(squares, torch.inf)
    for _ in range(min(_MEMORY, len(projected))):
        kept.append(place)
        apart = squares + squares[place] - 2 * (projected @ projected[place])
        distance = torch.minimum(distance, apart)
        place = int(distance.argmax())
    positions = torch.tensor(kept)
    return candidates[positions], (chosen[positions] // each).numpy()
