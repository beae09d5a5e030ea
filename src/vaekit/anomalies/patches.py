"""How far the patches of an image are from those of normal images, and so where it is unusual."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.anomalies.inputs import AnomalyScore, Arrays, ScoringInputs, arrays_of_part, learned
from vaekit.anomalies.patch_features import (
    FeatureMaps,
    FilterBank,
    NetworkFeatures,
    as_tensor,
    grid_shape,
    interpolating,
    smoothing,
)
from vaekit.errors import CompositionError
from vaekit.metrics.feature_extractors import efficientnet_maps

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
