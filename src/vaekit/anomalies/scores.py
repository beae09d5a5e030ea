"""The scores that a detector combines."""

import abc
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vaekit.anomalies.compositions import Ranked, Trimmed, Whitened
from vaekit.anomalies.dependencies import ColumnDependencies
from vaekit.anomalies.inputs import AnomalyScore, Arrays, ScoringInputs, learned
from vaekit.anomalies.marginals import Forest
from vaekit.anomalies.neighbors import NearestExemplars, NeighborDistance, RelativeDistance
from vaekit.anomalies.patches import PatchDistance
from vaekit.anomalies.rules import BrokenRules, WithRules

Floats = NDArray[np.float64]

_BINS, _FLOOR, _TREES = 10, 0.1, 100


class _Said(AnomalyScore, abc.ABC):
    """A score that the model says by itself."""

    def fit(self, training: ScoringInputs) -> Self:
        """Nothing to learn."""
        return self

    def of_training(self, training: ScoringInputs) -> Floats:
        """As of any items."""
        return self.of(training)

    @property
    def arrays(self) -> Arrays:
        """None."""
        return {}

    def restored(self, arrays: Arrays) -> Self:
        """Itself."""
        return self


class Bound(_Said):
    """The negative evidence lower bound: how many nats it takes to describe an item.

    Source: An & Cho 2015, "Variational autoencoder based anomaly detection using reconstruction
    probability", with the bound in place of its second half.
    """

    def of(self, seen: ScoringInputs) -> Floats:
        """Nats."""
        return seen.bound


class CodeCost(_Said):
    """The KL of the posterior: how far from the usual the code of an item is.

    Where anomalies are among the training items, a model learns to give them back; what they cost
    is then in the code.
    """

    def of(self, seen: ScoringInputs) -> Floats:
        """Nats."""
        return seen.code_cost


class Surprise(_Said):
    """Reconstruction error, each value in units of its learned noise: -log p(x | z).

    Source: An & Cho 2015, "Variational autoencoder based anomaly detection using reconstruction
    probability".
    """

    def of(self, seen: ScoringInputs) -> Floats:
        """Nats."""
        return seen.surprise


@dataclass(frozen=True)
class Isolation(AnomalyScore):
    """How few random cuts part an item from the rest.

    Attributes:
        forest: What was learned.

    Source: Liu, Ting & Zhou 2008, "Isolation forest".
    """

    forest: Forest | None = field(default=None, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Grow the trees."""
        return type(self)(Forest.grow(training.points, trees=_TREES))

    def of(self, seen: ScoringInputs) -> Floats:
        """From 0 to 1."""
        return learned(self.forest).score(seen.points)

    def of_training(self, training: ScoringInputs) -> Floats:
        """As of any items: each tree saw 256 of them at most."""
        return self.of(training)

    @property
    def arrays(self) -> Arrays:
        """The trees."""
        return learned(self.forest).arrays

    def restored(self, arrays: Arrays) -> Self:
        """With these trees."""
        return type(self)(Forest.of(arrays))


@dataclass(frozen=True)
class Margins(AnomalyScore):
    """How rare the values of each column are by themselves, in histograms of ten bins.

    Attributes:
        edges: Of the bins, shape (columns, bins + 1).
        cost: Of each bin, and of none, shape (columns, bins + 1).

    Source: Goldstein & Dengel 2012, "Histogram-based outlier score (HBOS)".
    """

    edges: Floats | None = field(default=None, repr=False)
    cost: Floats | None = field(default=None, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Count."""
        counted = [np.histogram(column, _BINS) for column in training.points.T]
        shares = np.array([counts / counts.max() for counts, _ in counted])
        beyond = np.zeros((len(shares), 1))
        cost = -np.log(np.concatenate([shares, beyond], 1) + _FLOOR)
        return type(self)(np.array([edges for _, edges in counted]), cost)

    def of(self, seen: ScoringInputs) -> Floats:
        """Sum over the columns."""
        total: Floats = self.by_column(seen.points).sum(1)
        return total

    def of_training(self, training: ScoringInputs) -> Floats:
        """As of any items."""
        return self.of(training)

    def by_column(self, points: Floats) -> Floats:
        """Of each column, shape (items, columns)."""
        found = np.empty(points.shape)
        bins = zip(learned(self.edges), learned(self.cost), strict=True)
        for j, (edges, cost) in enumerate(bins):
            place = np.searchsorted(edges, points[:, j], side="right") - 1
            place = np.where(points[:, j] == edges[-1], _BINS - 1, place)
            outside = (place < 0) | (place >= _BINS)
            found[:, j] = cost[np.where(outside, _BINS, place)]
        return found

    @property
    def arrays(self) -> Arrays:
        """The histograms."""
        return {"edges": learned(self.edges), "cost": learned(self.cost)}

    def restored(self, arrays: Arrays) -> Self:
        """With these histograms."""
        return type(self)(arrays["edges"], arrays["cost"])


_NEAREST = NeighborDistance(3, averaged=True)
_BY_BLOCKS = NeighborDistance(1, metric="cityblock")
_BY_DEVIATIONS = NeighborDistance(1, where="weighted", metric="cityblock")
_DENSE = NeighborDistance(share=0.05, where="weighted", metric="cityblock", most=1000)
_CLEANED = (
    Trimmed(_DENSE, Whitened(NeighborDistance(20))),
    Trimmed(_DENSE, NeighborDistance(5, where="weighted", metric="cityblock")),
)
_RELATIVE = (
    *(_NEAREST, _BY_BLOCKS, _BY_DEVIATIONS, NearestExemplars()),
    *(RelativeDistance(), Ranked(RelativeDistance())),
)

SCORES: dict[str, tuple[AnomalyScore, ...]] = {
    "contaminated": (_DENSE, Isolation()),
    "novelty": (_NEAREST, _BY_BLOCKS, _BY_DEVIATIONS, NearestExemplars()),
    "wide_novelty": (_NEAREST, Surprise()),
    "cleaned": (_DENSE, *_CLEANED),
    "relative_novelty": _RELATIVE,
    "cleaned_and_rules": (WithRules((_DENSE, *_CLEANED), BrokenRules()),),
    "novelty_and_rules": (WithRules(_RELATIVE, BrokenRules()),),
    "exemplars": (NearestExemplars(),),
    "series_contaminated": (Bound(), CodeCost(), Isolation(), NeighborDistance(5, where="codes")),
    "window_novelty": (
        NeighborDistance(1, apart=True),
        NeighborDistance(1, where="shapes", apart=True),
    ),
    "series_novelty": (
        Bound(),
        CodeCost(),
        NeighborDistance(1),
        NeighborDistance(5, where="codes"),
    ),
    "bound": (Bound(),),
    "code": (CodeCost(),),
    "surprise": (Surprise(),),
    "neighbours": (_NEAREST,),
    "dense_neighbours": (_DENSE,),
    "latent_neighbours": (NeighborDistance(5, where="codes"),),
    "relative_neighbours": (RelativeDistance(),),
    "cleaned_neighbours": _CLEANED,
    "dependencies": (ColumnDependencies(),),
    "broken_rules": (BrokenRules(),),
    "isolation": (Isolation(),),
    "margins": (Margins(),),
    "patches": (PatchDistance(),),
    "patches_efficientnet": (PatchDistance("efficientnet"),),
}
"""Scores by name: of several, the mean of how rare each is among the training items."""
