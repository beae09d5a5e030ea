"""Latents as a page needs them: sorted by what they do, laid out on a map, drawn anew."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.editing.codes import EncodedItems, show
from vaekit.errors import SpecError, unknown_name
from vaekit.fitting.trained import TrainedModel

Floats = NDArray[np.float32]

MOST_SLIDERS = 32
"""Latents beyond these are not offered as sliders: those of least spread are left out."""

_NEAREST = 6  # items whose latents a point of a map without a way back is the mean of
_TINY = 1e-12


@dataclass(frozen=True)
class LatentSlider:
    """What a slider needs of a latent.

    Attributes:
        index: Its place.
        effect: Root mean square change of the decoded item when it moves by two deviations.
        mean: Over the items.
        deviation: Likewise.
    """

    index: int
    effect: float
    mean: float
    deviation: float


def sliders_of(trained: TrainedModel, z: Floats, context: Tensor | None) -> list[LatentSlider]:
    """Return latents sorted by how much they do, the strongest first.

    Args:
        trained: The model.
        z: Latents of items, shape (items, latent).
        context: One row, for conditional models.
    """
    mean, deviation = z.mean(0), z.std(0)
    chosen = np.argsort(-deviation, kind="stable")[:MOST_SLIDERS]
    ends = np.repeat(mean[None], 2 * len(chosen), axis=0)
    for place, latent in enumerate(chosen):
        ends[2 * place, latent] -= deviation[latent]
        ends[2 * place + 1, latent] += deviation[latent]
    x = decoded(trained, ends, context).double().flatten(1)
    effects = (x[0::2] - x[1::2]).square().mean(1).sqrt().tolist()
    found = [
        LatentSlider(int(i), float(e), float(mean[i]), float(deviation[i]))
        for i, e in zip(chosen, effects, strict=True)
    ]
    return sorted(found, key=lambda slider: -slider.effect)


def decoded(trained: TrainedModel, z: Any, context: Tensor | None) -> Tensor:
    """Return what the networks make of latents, shape (items, *event).

    Args:
        trained: The model.
        z: Shape (items, latent).
        context: One row for all, or one for each; ``None`` for unconditional models.
    """
    latents = torch.as_tensor(np.asarray(z, dtype=np.float32), device=trained.device)
    rows = None if context is None else context.to(trained.device).expand(len(latents), -1)
    return show(trained, EncodedItems(latents, rows))


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Where items lie on a plane.

    Attributes:
        points: Shape (items, 2).
        axes: What each axis is.
        center: Where a plane through the latents goes through; ``None`` for maps with no way back.
        directions: What a step along each axis adds to the latents, shape (2, latent).
    """

    points: Floats
    axes: tuple[str, str]
    center: Floats | None
    directions: Floats | None

    def latents_at(self, places: Floats, z: Floats) -> Floats:
        """Return the latents of places on the map.

        Of a plane they are those of the plane; else the mean of the nearest items, near ones more.

        Args:
            places: Shape (places, 2).
            z: Latents of the items, shape (items, latent).
        """
        if self.center is not None and self.directions is not None:
            found: Floats = self.center + places @ self.directions
            return found
        return np.stack([self._between(place, z) for place in places])

    def _between(self, place: Floats, z: Floats) -> Floats:
        away = ((self.points - place) ** 2).sum(1)
        nearest = np.argpartition(away, min(_NEAREST, len(away) - 1))[:_NEAREST]
        weights = 1 / (away[nearest] + _TINY)
        found: Floats = np.average(z[nearest], axis=0, weights=weights).astype(np.float32)
        return found


def lay_out(z: Floats, projection: str) -> LatentMap:
    """Return a map of latents.

    Args:
        z: Shape (items, latent), at least 2 items.
        projection: ``"pca"``, which for two latents is the latents themselves, or ``"umap"``.

    Raises:
        SpecError: Another projection.
        MissingExtraError: The extra ``umap`` is not installed.
    """
    if projection == "pca":
        return _plane(z)
    if projection != "umap":
        raise unknown_name("projection", projection, ["pca", "umap"])
    from vaekit.plots.latent_maps import project  # matplotlib costs half a second

    if z.shape[1] < 3:
        raise SpecError("two latents are a map as they are; leave the projection at 'pca'.")
    points, axes = project(z.astype(np.float64), "umap")
    return LatentMap(points.astype(np.float32), (axes[0], axes[1]), None, None)


def _plane(z: Floats) -> LatentMap:
    dim = z.shape[1]
    if dim <= 2:
        points = np.concatenate([z, np.zeros((len(z), 2 - dim), np.float32)], axis=1)
        directions = np.eye(2, dim, dtype=np.float32)
        return LatentMap(points, ("latent 0", "latent 1"), np.zeros(dim, np.float32), directions)
    center = z.mean(0, dtype=np.float64)
    away = z - center
    variances, axes = np.linalg.eigh(away.T @ away)
    chosen = axes[:, ::-1][:, :2].T
    chosen = chosen * np.sign(chosen[[0, 1], np.abs(chosen).argmax(1)])[:, None]
    shares = 100 * variances[::-1][:2] / max(float(variances.sum()), _TINY)
    names = [f"component {i + 1} ({share:.0f} %)" for i, share in enumerate(shares)]
    return LatentMap(
        (away @ chosen.T).astype(np.float32),
        (names[0], names[1]),
        center.astype(np.float32),
        chosen.astype(np.float32),
    )
