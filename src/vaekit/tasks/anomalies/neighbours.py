"""How far the nearest training items are."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from vaekit.tasks.anomalies.score import Arrays, Score, learnt
from vaekit.tasks.anomalies.seen import Seen

__all__ = ["Neighbours"]

Floats = NDArray[np.float64]

_AT_ONCE, _MOST_VALUES = 2**22, 2_000_000
_SAME = 1e-6  # of the mean distance: as near as an item is to itself, encoded in other company


@dataclass(frozen=True)
class Neighbours(Score):
    """Distance to the k-th nearest training item, or the mean of those up to it.

    Training items beyond a number are represented by some of them, chosen at random.

    Attributes:
        k: Which neighbour, at least 1.
        share: In place of k: which share of the training items is nearer; 0 for none. Where
            anomalies are among them, the few nearest items of an anomaly may be others of its
            kind; those of 1 item in 20 are not, if anomalies are fewer.
        where: ``"points"``, from 0 to 1; ``"weighted"``, see `Frame.weighted`; ``"codes"``, the
            latents.
        metric: ``"euclidean"`` or ``"cityblock"``.
        averaged: Whether to take the mean of the distances up to the k-th.
        most: Training items to compare with, at most; fewer if they have many coordinates.
        places: What was learnt.

    Source: Ramaswamy et al. 2000, "Efficient algorithms for mining outliers from large data sets";
    Angiulli & Pizzuti 2002, "Fast outlier detection in high dimensional spaces", for the mean.
    """

    k: int = 1
    share: float = 0.0
    where: str = "points"
    metric: str = "euclidean"
    averaged: bool = False
    most: int = 5000
    places: Floats | None = field(default=None, repr=False)

    def fit(self, training: Seen) -> Self:
        """Choose the items to compare with."""
        places: Floats = getattr(training, self.where)
        most = max(100, min(self.most, _MOST_VALUES // max(1, places.shape[1])))
        chosen = np.random.default_rng(0).permutation(len(places))[:most]
        return replace(self, places=places[np.sort(chosen)])

    def of(self, seen: Seen) -> Floats:
        """Distances; by a share, of a training item the same as in training."""
        if self.share:
            return self.of_training(seen)
        return np.concatenate([self._of(d) for d in self._distances(seen)])

    def of_training(self, training: Seen) -> Floats:
        """Each is its own nearest neighbour, which does not count."""
        parts = []
        for distances in self._distances(training):
            rows, itself = np.arange(len(distances)), distances.argmin(1)
            is_there = distances[rows, itself] <= _SAME * distances.mean(1)
            distances[rows[is_there], itself[is_there]] = np.inf
            parts.append(self._of(distances))
        return np.concatenate(parts)

    def _distances(self, seen: Seen) -> Iterator[Floats]:
        """How far some items at a time are from those that they are compared with."""
        asked, known = getattr(seen, self.where), learnt(self.places)
        pieces = max(1, len(asked) * len(known) // _AT_ONCE)
        for part in np.array_split(asked, pieces):
            yield cdist(part, known, self.metric)

    def _of(self, distances: Floats) -> Floats:
        """Of each row the k-th smallest, or the mean up to it; infinite ones do not count."""
        there = distances.shape[1] - int(np.isinf(distances).any())
        k = self.k if not self.share else round(self.share * distances.shape[1])
        if there == 0:  # a single item has no other
            return np.zeros(len(distances))
        k = max(1, min(k, there))
        nearest = np.partition(distances, k - 1, axis=1)[:, :k]
        found: Floats = nearest.mean(1) if self.averaged else nearest.max(1)
        return found

    @property
    def arrays(self) -> Arrays:
        """Where the training items are."""
        return {"places": learnt(self.places)}

    def restored(self, arrays: Arrays) -> Self:
        """With these training items."""
        return replace(self, places=arrays["places"])
