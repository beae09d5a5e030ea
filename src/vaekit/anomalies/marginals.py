"""Scores without a model: tail probabilities of columns and an isolation forest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import FormatError

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_AT_ONCE = 2**20  # steps of rows through trees that are in memory together


@dataclass(frozen=True)
class Forest:
    """Trees of random cuts, each over at most 256 of the training items.

    Scikit-learn grows them; walking down all trees at once takes a row a tenth of a millisecond,
    where going from tree to tree takes twenty.

    Attributes:
        feature: Which coordinate each node asks for, -1 in leaves; shape (trees, nodes).
        threshold: At most so large goes to the left.
        left: The node on the left; of a leaf itself.
        right: The node on the right; of a leaf itself.
        depth: Of a leaf: how many cuts lead there, and how many more its items would take.

    Source: Liu, Ting & Zhou 2008, "Isolation forest".

    Example:
        >>> points = np.random.default_rng(0).normal(size=(300, 2))
        >>> far, near = Forest.grow(points, trees=50).score(np.array([[9.0, 9.0], [0.0, 0.0]]))
        >>> bool(far > near)
        True
    """

    feature: Whole = field(repr=False)
    threshold: Floats = field(repr=False)
    left: Whole = field(repr=False)
    right: Whole = field(repr=False)
    depth: Floats = field(repr=False)

    @classmethod
    def grow(cls, points: Floats, *, trees: int, seed: int = 0) -> Self:
        """Grow it.

        Args:
            points: Shape (items, coordinates).
            trees: How many.
            seed: Of the cuts.
        """
        from sklearn.ensemble import IsolationForest

        forest = IsolationForest(n_estimators=trees, random_state=seed).fit(points)
        grown = [tree.tree_ for tree in forest.estimators_]
        size = max(tree.node_count for tree in grown)
        usual = _cuts(np.array([forest.max_samples_]))[0]
        parts = [_arrays(tree, size, float(usual)) for tree in grown]
        return cls(*(np.stack(part) for part in zip(*parts, strict=True)))

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """From what `arrays` gave.

        Raises:
            FormatError: A node that points back or outside of its tree: it would never end.
        """
        forest = cls(**arrays)
        nodes = forest.feature.shape[1]
        inner = forest.feature >= 0
        for child in (forest.left, forest.right):
            if not ((child > np.arange(nodes)) & (child < nodes))[inner].all():
                raise FormatError(
                    "in a stored forest each node must point to later ones of its tree; one does "
                    "not, so the file is damaged."
                )
        return forest

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that was learned, by name."""
        return dict(vars(self))

    def score(self, points: Floats) -> Floats:
        """2 to the power of minus the mean depth over the usual one: 0.5 is usual, 1 most unusual.

        Args:
            points: Shape (items, coordinates).
        """
        pieces = max(1, len(points) * len(self.feature) // _AT_ONCE)
        depths = [self._depths(piece) for piece in np.array_split(points, pieces)]
        found: Floats = 2.0 ** -np.concatenate(depths)
        return found

    def _depths(self, points: Floats) -> Floats:
        """Return the mean over trees, shape (items,), in units of the usual depth."""
        single = points.astype(np.float32)  # as the trees were grown
        trees, rows = np.arange(len(self.feature)), np.arange(len(points))[:, None]
        node = np.zeros((len(points), len(trees)), dtype=np.int64)
        while ((asked := self.feature[trees, node]) >= 0).any():
            small = single[rows, asked] <= self.threshold[trees, node]
            node = np.where(small, self.left[trees, node], self.right[trees, node])
        mean: Floats = self.depth[trees, node].mean(1)
        return mean


def _arrays(tree: Any, size: int, usual: float) -> tuple[NDArray[Any], ...]:
    """The nodes of a tree of scikit-learn, filled up to a size with leaves that none reaches."""
    count, itself = tree.node_count, np.arange(size)
    feature, threshold = np.full(size, -1), np.zeros(size)
    left, right, depth = itself.copy(), itself.copy(), np.zeros(size)
    inner = tree.children_left >= 0
    feature[:count][inner], threshold[:count] = tree.feature[inner], tree.threshold
    left[:count][inner] = tree.children_left[inner]
    right[:count][inner] = tree.children_right[inner]
    for node in np.flatnonzero(inner):  # parents come before their children
        depth[[left[node], right[node]]] = depth[node] + 1
    depth[:count] += _cuts(tree.n_node_samples)
    return feature, threshold, left, right, depth / usual


def _cuts(items: NDArray[Any]) -> Floats:
    """Return how many random cuts it takes on average to part one of so many items; equation 1."""
    n = np.maximum(items.astype(np.float64), 2)
    mean = 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n
    found: Floats = np.where(items <= 1, 0.0, np.where(items == 2, 1.0, mean))
    return found


_ROUNDING = 1e-9  # of the standard deviation
_TO_DEVIATION = 1.4826  # of the median absolute deviation, if normal


@dataclass(frozen=True)
class TailProbability:
    """Minus the log of the share of training scores that are at least as high, in nats.

    Between training scores it is interpolated: what differs by rounding hardly differs in rarity.
    Beyond the highest it goes on with the logarithm of the distance in standard deviations, so
    that what is farther away stays more unusual.

    Attributes:
        known: The training scores, rising.
        spread: Their standard deviation; 1 if they are all the same.

    Example:
        >>> rarity = TailProbability.of([1.0, 2.0, 3.0])
        >>> rarity(np.array([0.0, 3.0, 9.0])).round(2).tolist()
        [0.13, 0.98, 3.1]
    """

    known: Floats = field(repr=False)
    spread: float = 1.0

    @classmethod
    def of(cls, training: Any) -> Self:
        """Learn from training scores."""
        known = np.sort(np.asarray(training, dtype=np.float64))
        return cls(known, float(known.std()) or 1.0)

    @property
    def steps(self) -> tuple[Floats, Floats]:
        """The different training scores, rising, and how many are at least as high.

        Those that differ by rounding are one: else a whole rank would hang on the last bit.
        """
        values, first = np.unique(self.known, return_index=True)
        apart = np.concatenate([[True], np.diff(values) > _ROUNDING * self.spread])
        return values[apart], (len(self.known) - first[apart]).astype(np.float64)

    def __call__(self, scores: Floats) -> Floats:
        """In nats, from about 0."""
        values, at_least = self.steps
        count = len(self.known)
        as_high = np.interp(scores, values, at_least)
        beyond = np.maximum(scores - values[-1], 0.0) / self.spread
        nats: Floats = -np.log((as_high + 0.5) / (count + 1)) + np.log1p(beyond)
        return nats


@dataclass(frozen=True)
class RobustDeviation:
    """How many robust standard deviations scores are above the median of training scores.

    Where training items are known to be normal and few, how far beyond them something is tells
    more than how rare it is among them.

    Attributes:
        known: The training scores, rising.

    Example:
        >>> RobustDeviation.of([1.0, 2.0, 9.0])(np.array([2.0, 4.0])).round(2).tolist()
        [0.0, 1.35]
    """

    known: Floats = field(repr=False)

    @classmethod
    def of(cls, training: Any) -> Self:
        """Learn from training scores."""
        return cls(np.sort(np.asarray(training, dtype=np.float64)))

    def __call__(self, scores: Floats) -> Floats:
        """In robust standard deviations; in plain ones where half of the known scores are equal."""
        middle = np.median(self.known)
        spread = _TO_DEVIATION * float(np.median(np.abs(self.known - middle)))
        standing: Floats = (scores - middle) / (spread or float(self.known.std()) or 1.0)
        return standing


_ENDS = (0.75, 0.9)
_SHORTEST = 0.1  # logarithm of their ratio: a tail has some length
_SILENT = 1e-9


@dataclass(frozen=True)
class ParetoTail:
    """Minus the log of the share of items with a score so high, if the tail is a power, in nats.

    It is told by the upper quartile and the highest tenth of the training scores, not by those
    beyond: these may be the anomalies themselves, which a `TailProbability` finds no rarer than
    they are. Below the quartile all is as usual.

    Attributes:
        start: The upper quartile.
        power: How fast the share falls.

    Source: Hill 1975, "A simple general approach to inference about the tail of a distribution",
    with two quantiles in place of all that is beyond the first.

    Example:
        >>> tail = ParetoTail.of(1 / np.linspace(1e-4, 1, 10_000) ** 0.5)
        >>> [round(float(1 / np.exp(-tail(np.array([x]))[0]))) for x in (1.0, 10.0, 100.0)]
        [4, 100, 10054]
    """

    start: float
    power: float

    @classmethod
    def of(cls, training: Any) -> Self:
        """Learn from training scores, at least 0."""
        first, second = (float(end) for end in np.quantile(training, _ENDS))
        start = max(first, _SILENT)
        length = max(float(np.log(max(second, start) / start)), _SHORTEST)
        return cls(first, float(np.log((1 - _ENDS[0]) / (1 - _ENDS[1]))) / length)

    @property
    def has_no_tail(self) -> bool:
        """Whether most training scores are 0, so that nothing is known of a tail."""
        return self.start <= _SILENT

    @property
    def least(self) -> float:
        """What it says at the quartile and below, nats."""
        return -float(np.log(1 - _ENDS[0]))

    def __call__(self, scores: Floats) -> Floats:
        """In nats; 0 for all where it is silent."""
        if self.has_no_tail:
            return np.zeros(len(scores))
        beyond = np.log(np.maximum(scores, self.start) / self.start)
        found: Floats = self.power * beyond + self.least
        return found
