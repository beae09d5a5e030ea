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


@dataclass(frozen=True)
class Neighbours(Score):
    """Distance to the k-th nearest training item, or the mean of those up to it.

    Training items beyond a number are represented by some of them, chosen at random.

    Attributes:
        k: Which neighbour, at least 1.
        share: In place of k: which share of the training items is nearer; 0 for none. Where
            anomalies are among them, the few nearest items of an anomaly may be others of its
            kind; those of 1 item in 20 are not, if anomalies are fewer.
        where: ``"points"``, from 0 to 1; ``"weighted"``, see `Frame.weighted`; ``"joint"``, see
            `Frame.joint`; ``"codes"``, the latents.
        metric: ``"euclidean"`` or ``"cityblock"``.
        averaged: Whether to take the mean of the distances up to the k-th.
        most: Training items to compare with, at most; fewer if they have many coordinates.
        places: What was learnt.
        chosen: Which of the training items those are.

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
    chosen: NDArray[np.int64] | None = field(default=None, repr=False)

    def fit(self, training: Seen) -> Self:
        """Choose the items to compare with."""
        places: Floats = getattr(training, self.where)
        most = max(100, min(self.most, _MOST_VALUES // max(1, places.shape[1])))
        order = np.random.default_rng(0).permutation(len(places))[:most]
        chosen = np.sort(order)
        return replace(self, places=places[chosen], chosen=chosen)

    def of(self, seen: Seen) -> Floats:
        """Distances."""
        return np.concatenate([self._of(d) for _, d in self._distances(seen)])

    def of_training(self, training: Seen) -> Floats:
        """Each is its own nearest neighbour, which does not count."""
        chosen = learnt(self.chosen)
        parts = []
        for rows, distances in self._distances(training):
            own, column = np.nonzero(rows[:, None] == chosen[None, :])
            distances[own, column] = np.inf
            parts.append(self._of(distances))
        return np.concatenate(parts)

    def _distances(self, seen: Seen) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """Numbers of some items, and how far each is from those that it is compared with."""
        asked, known = getattr(seen, self.where), learnt(self.places)
        pieces = max(1, len(asked) * len(known) // _AT_ONCE)
        for rows in np.array_split(np.arange(len(asked)), pieces):
            yield rows, cdist(asked[rows], known, self.metric)

    def _of(self, distances: Floats) -> Floats:
        """Of each row the k-th smallest, or the mean up to it; infinite ones do not count."""
        there = distances.shape[1] - int(np.isinf(distances).any())
        k = self.k if not self.share else round(self.share * there)
        k = max(1, min(k, there))
        nearest = np.partition(distances, k - 1, axis=1)[:, :k]
        found: Floats = nearest.mean(1) if self.averaged else nearest.max(1)
        return np.where(np.isfinite(found), found, 0.0)  # a single item has no other

    @property
    def arrays(self) -> Arrays:
        """Where the training items are."""
        return {"places": learnt(self.places)}

    def restored(self, arrays: Arrays) -> Self:
        """With these training items."""
        return replace(self, places=arrays["places"])
