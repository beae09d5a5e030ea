"""How far the nearest training items are."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from vaekit.tasks.anomalies.nearest import nearest, smallest, usual_distance
from vaekit.tasks.anomalies.score import Arrays, Score, learnt
from vaekit.tasks.anomalies.seen import Seen

__all__ = ["Neighbours"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_AT_ONCE, _MOST_VALUES = 2**22, 2_000_000
_CANDIDATES = 10  # about so many of each item are compared in full
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
        where: ``"points"``, from 0 to 1; ``"weighted"``, see `Frame.weighted`; ``"shapes"``, see
            `Seen.shapes`; ``"codes"``, the latents.
        metric: ``"euclidean"`` or ``"cityblock"``.
        averaged: Whether to take the mean of the distances up to the k-th.
        most: Training items to compare with, at most; fewer if they have many coordinates.
        apart: Whether windows of one series that share steps are no neighbours in training: else
            each has its twin one step away, and new windows, which have none, look unusual.
        places: What was learnt.
        times: Where each of the windows begins, if they are some; only training asks for it.

    Source: Ramaswamy et al. 2000, "Efficient algorithms for mining outliers from large data sets";
    Angiulli & Pizzuti 2002, "Fast outlier detection in high dimensional spaces", for the mean;
    Yeh et al. 2016, "Matrix profile I", for the exclusion zone.
    """

    k: int = 1
    share: float = 0.0
    where: str = "points"
    metric: str = "euclidean"
    averaged: bool = False
    most: int = 5000
    apart: bool = False
    places: Floats | None = field(default=None, repr=False)
    times: Whole | None = field(default=None, repr=False)

    def fit(self, training: Seen) -> Self:
        """Choose the items to compare with."""
        places: Floats = getattr(training, self.where)
        most = max(100, min(self.most, _MOST_VALUES // max(1, places.shape[1])))
        chosen = np.sort(np.random.default_rng(0).permutation(len(places))[:most])
        times = None if training.times is None else training.times[chosen]
        return replace(self, places=places[chosen], times=times)

    def of(self, seen: Seen) -> Floats:
        """Distances; by a share, of a training item the same as in training."""
        if self.share:
            return self.of_training(seen)
        return self._in_pieces(
            seen, lambda asked, known: nearest(asked, known, self.k, self.metric)
        )

    def of_training(self, training: Seen) -> Floats:
        """Each is its own nearest neighbour, which does not count."""
        if self.apart and self.times is not None and training.times is not None:
            windows = getattr(training, self.where)
            around = _around(training.batch.x.shape[-1], self.times)
            return self._of_windows(windows, training.times, self.times, around)
        return self._in_pieces(training, self._without_itself)

    def _of_windows(self, asked: Floats, begin: Whole, known: Whole, around: int) -> Floats:
        """Without those that begin within some steps before or after."""
        pieces = max(1, len(asked) * len(known) // _AT_ONCE)
        parts = []
        for rows in np.array_split(np.arange(len(asked)), pieces):
            distances = cdist(asked[rows], learnt(self.places), self.metric)
            distances[np.abs(begin[rows, None] - known) <= around] = np.inf
            parts.append(self._of(smallest(distances, min(self.k, len(known)))))
        return np.concatenate(parts)

    def _without_itself(self, asked: Floats, known: Floats) -> Floats:
        """The distances to the k nearest others."""
        k = max(1, round(self.share * len(known))) if self.share else self.k
        near = nearest(asked, known, k + 1, self.metric)
        itself = near[:, 0] <= _SAME * usual_distance(asked, known, self.metric)
        return np.where(itself[:, None], near[:, 1:], near[:, :-1])

    def _in_pieces(self, seen: Seen, near: Callable[[Floats, Floats], Floats]) -> Floats:
        """The k-th smallest of the distances of each item, or their mean."""
        asked, known = getattr(seen, self.where), learnt(self.places)
        width = max(len(known), _CANDIDATES * known.shape[1])
        pieces = max(1, len(asked) * width // _AT_ONCE)
        return np.concatenate([self._of(near(a, known)) for a in np.array_split(asked, pieces)])

    def _of(self, distances: Floats) -> Floats:
        """Of each row the largest, or the mean; infinite ones do not count."""
        there = np.isfinite(distances)
        distances = np.where(there, distances, 0.0)  # a single item has no other
        count = np.maximum(there.sum(1), 1)
        found: Floats = distances.sum(1) / count if self.averaged else distances.max(1)
        return found

    @property
    def arrays(self) -> Arrays:
        """Where the training items are."""
        return {"places": learnt(self.places)}

    def restored(self, arrays: Arrays) -> Self:
        """With these training items."""
        return replace(self, places=arrays["places"])


def _around(steps: int, times: Whole) -> int:
    """Within how many steps of a window it has no neighbours: fewer where windows are few."""
    fewer = (int(np.ptp(times)) - 5) // 2 - 1
    return min(steps, max(0, fewer))
