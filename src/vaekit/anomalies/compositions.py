"""Scores that look at items through another one: among the usual rows, turned, or by ranks."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from vaekit.anomalies.inputs import AnomalyScore, Arrays, ScoringInputs, arrays_of_part, learned
from vaekit.types import Batch

Floats = NDArray[np.float64]

_RIDGE, _BOUND, _CONSTANT = 0.05, 10.0, 1e-9
_MOST = 1000


def mid_ranks(known: Floats, points: Floats) -> Floats:
    """Return the share of known values below each, those that are equal by half.

    Args:
        known: Of each column in a row of its own, rising; shape (columns, known).
        points: Shape (items, columns).

    Example:
        >>> mid_ranks(np.array([[1.0, 2.0]]), np.array([[0.0], [1.0], [1.5], [3.0]])).T.tolist()
        [[0.0, 0.25, 0.5, 1.0]]
    """
    found = np.empty(points.shape)
    for j, column in enumerate(known):
        ends = (np.searchsorted(column, points[:, j], side) for side in ("left", "right"))
        found[:, j] = sum(ends) / (2 * len(column))
    return found


@dataclass(frozen=True)
class Trimmed(AnomalyScore):
    """A score that learns from the most usual training items only, as another score finds them.

    Where anomalies are among the training items, they no longer vouch for each other.

    Attributes:
        first: Finds the most usual ones.
        second: What is learned from them.
        share: Of the training items that are kept, above 0, at most 1.
    """

    first: AnomalyScore
    second: AnomalyScore
    share: float = 0.5

    def fit(self, training: ScoringInputs) -> Self:
        """Keep the most usual ones, and learn from them."""
        scores = self.first.fit(training).of_training(training)
        count = min(len(scores), max(2, round(self.share * len(scores))))
        kept = np.sort(np.argsort(scores, kind="stable")[:count])
        return replace(self, second=self.second.fit(_chosen(training, kept)))

    def of(self, seen: ScoringInputs) -> Floats:
        """As the second score."""
        return self.second.of(seen)

    def of_training(self, training: ScoringInputs) -> Floats:
        """As the second score: kept items without themselves."""
        return self.second.of_training(training)

    @property
    def arrays(self) -> Arrays:
        """Of the second score."""
        return self.second.arrays

    def restored(self, arrays: Arrays) -> Self:
        """With what the second had learned."""
        return replace(self, second=self.second.restored(arrays))


def _chosen(seen: ScoringInputs, rows: NDArray[np.int64]) -> ScoringInputs:
    """Return some of the items."""
    places = torch.from_numpy(rows)
    parts = (seen.batch.x, seen.batch.context, seen.batch.observed)
    batch = Batch(*(None if part is None else part[places.to(part.device)] for part in parts))  # type: ignore[arg-type]
    return replace(
        seen,
        batch=batch,
        points=seen.points[rows],
        codes=seen.codes[rows],
        surprise=seen.surprise[rows],
        novelty_cost=seen.novelty_cost[rows],
        times=None if seen.times is None else seen.times[rows],
    )


@dataclass(frozen=True)
class Whitened(AnomalyScore):
    """A score of points whose columns are turned and scaled until none depends linearly on others.

    Attributes:
        inner: The score.
        centre: The means of the columns, shape (columns,).
        spread: Their standard deviations; 1 of constant ones.
        turn: From standard deviations (at most 10) to what the inner score sees, shape (columns,
            columns).
    """

    inner: AnomalyScore
    centre: Floats | None = field(default=None, repr=False)
    spread: Floats | None = field(default=None, repr=False)
    turn: Floats | None = field(default=None, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Learn how columns depend on each other."""
        points = training.points
        spread = points.std(0)
        own = replace(self, centre=points.mean(0), spread=np.where(spread > _CONSTANT, spread, 1.0))
        away = own._deviations(points)
        values, vectors = np.linalg.eigh(np.cov(away, rowvar=False).reshape(2 * [len(spread)]))
        own = replace(own, turn=vectors / np.sqrt(np.maximum(values, 0.0) + _RIDGE))
        return replace(own, inner=self.inner.fit(own._turned(training)))

    def of(self, seen: ScoringInputs) -> Floats:
        """As the inner score."""
        return self.inner.of(self._turned(seen))

    def of_training(self, training: ScoringInputs) -> Floats:
        """As the inner score."""
        return self.inner.of_training(self._turned(training))

    def _deviations(self, points: Floats) -> Floats:
        away = (points - learned(self.centre)) / learned(self.spread)
        return np.clip(away, -_BOUND, _BOUND)

    def _turned(self, seen: ScoringInputs) -> ScoringInputs:
        return replace(seen, points=self._deviations(seen.points) @ learned(self.turn))

    @property
    def arrays(self) -> Arrays:
        """The turn, and those of the inner score."""
        own = {name: learned(getattr(self, name)) for name in ("centre", "spread", "turn")}
        return {**own, **{f"inner.{name}": a for name, a in self.inner.arrays.items()}}

    def restored(self, arrays: Arrays) -> Self:
        """With this turn."""
        own = {name: arrays[name] for name in ("centre", "spread", "turn")}
        return replace(self, inner=self.inner.restored(arrays_of_part(arrays, "inner.")), **own)


@dataclass(frozen=True)
class Ranked(AnomalyScore):
    """A score of points whose columns are ranks among the training items, from 0 to 1.

    Attributes:
        inner: The score.
        known: Of each column some training values, rising, shape (columns, at most 1,000).
    """

    inner: AnomalyScore
    known: Floats | None = field(default=None, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Sort each column."""
        own = replace(self, known=some_sorted(training.points))
        return replace(own, inner=self.inner.fit(own._ranked(training)))

    def of(self, seen: ScoringInputs) -> Floats:
        """As the inner score."""
        return self.inner.of(self._ranked(seen))

    def of_training(self, training: ScoringInputs) -> Floats:
        """As the inner score."""
        return self.inner.of_training(self._ranked(training))

    def _ranked(self, seen: ScoringInputs) -> ScoringInputs:
        return replace(seen, points=mid_ranks(learned(self.known), seen.points))

    @property
    def arrays(self) -> Arrays:
        """The values, and those of the inner score."""
        inner = {f"inner.{name}": array for name, array in self.inner.arrays.items()}
        return {"known": learned(self.known), **inner}

    def restored(self, arrays: Arrays) -> Self:
        """With these values."""
        return replace(
            self, inner=self.inner.restored(arrays_of_part(arrays, "inner.")), known=arrays["known"]
        )


def some_sorted(points: Floats) -> Floats:
    """Return at most 1,000 values of each column, rising, shape (columns, values)."""
    chosen = np.random.default_rng(0).permutation(len(points))[:_MOST]
    return np.sort(points[chosen], axis=0).T.copy()
