"""How far each column is from what the other columns say."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.anomalies.compositions import mid_ranks, some_sorted
from vaekit.anomalies.inputs import AnomalyScore, Arrays, ScoringInputs, learned
from vaekit.errors import FormatError

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_ROUNDS, _TREES, _LEAF, _ROWS = 6, 20, 5, 1000
_FEW_COLUMNS = 10
_USUAL, _LEAST = 0.95, 1e-3
_MOST = 30.0
_AT_ONCE = 2**22  # predicted values that are in memory together


@dataclass(frozen=True)
class TreeScore(AnomalyScore, abc.ABC):
    """How far columns are from what trees say of them by the other columns, as ranks.

    A training row is compared with what trees say that have not seen it.

    Attributes:
        known: Some values of each coordinate, rising, shape (coordinates, known).
        told: Which coordinates each group of trees predicts, shape (groups, width); the number of
            coordinates where there are fewer.
        feature: Which coordinate each node asks for, -1 in leaves; shape (trees, nodes).
        threshold: At most so large goes to the left.
        left: The node on the left; of a leaf itself.
        right: The node on the right; of a leaf itself.
        value: What each node says of the coordinates, shape (trees, nodes, width).
        own: The scores of the training items; not stored.
    """

    known: Floats | None = field(default=None, repr=False)
    told: Whole | None = field(default=None, repr=False)
    feature: Whole | None = field(default=None, repr=False)
    threshold: Floats | None = field(default=None, repr=False)
    left: Whole | None = field(default=None, repr=False)
    right: Whole | None = field(default=None, repr=False)
    value: NDArray[np.float32] | None = field(default=None, repr=False)
    own: Floats | None = field(default=None, repr=False)

    def of(self, seen: ScoringInputs) -> Floats:
        """From 0."""
        ranks = mid_ranks(learned(self.known), seen.points)
        if not len(learned(self.told)):
            return np.zeros(len(ranks))
        pieces = max(1, len(ranks) * learned(self.value)[:, 0].size // _AT_ONCE)
        return np.concatenate([self._scores(piece) for piece in np.array_split(ranks, pieces)])

    def of_training(self, training: ScoringInputs) -> Floats:
        """By the trees that have not seen the row."""
        return learned(self.own)

    @property
    def arrays(self) -> Arrays:
        """The trees."""
        return {name: learned(array) for name, array in vars(self).items() if name != "own"}

    def restored(self, arrays: Arrays) -> Self:
        """With these trees.

        Raises:
            FormatError: A node that points back or outside of its tree: it would never end.
        """
        found = type(self)(**arrays)
        found._check_trees()
        return found

    @abc.abstractmethod
    def _scores(self, ranks: Floats) -> Floats:
        """Return the scores of some rows, of which there are ranks of shape (rows, coordinates)."""

    @staticmethod
    def _grown(
        trees: Sequence[tuple[Any, Whole]], groups: Sequence[Whole], count: int
    ) -> dict[str, Any]:
        """Return the arrays of trees, and which coordinates they predict.

        Args:
            trees: Of scikit-learn, with the coordinates that each asks for.
            groups: Which coordinates are predicted together.
            count: Of all coordinates.
        """
        width, size = max(map(len, groups)), max(tree.node_count for tree, _ in trees)
        arrays = zip(*(tree_arrays(tree, given, size, width) for tree, given in trees), strict=True)
        names = ("feature", "threshold", "left", "right", "value")
        found = dict(zip(names, map(np.stack, arrays), strict=True))
        return {"told": padded(groups, width, count), **found}

    @staticmethod
    def _no_trees() -> dict[str, Any]:
        """Return the arrays of no tree."""
        places, numbers = np.zeros((0, 1), dtype=np.int64), np.zeros((0, 1))
        found = dict.fromkeys(("told", "feature", "left", "right"), places)
        return {**found, "threshold": numbers, "value": np.zeros((0, 1, 1), dtype=np.float32)}

    def _predicted(self, ranks: Floats) -> Floats:
        """Return the mean of the trees of each group, shape (rows, groups, width)."""
        value, groups = learned(self.value), len(learned(self.told))
        said = value[np.arange(len(value)), self._leaves(ranks)]
        mean: Floats = said.reshape(len(ranks), groups, -1, value.shape[2]).mean(
            2, dtype=np.float64
        )
        return mean

    def _leaves(self, ranks: Floats) -> Whole:
        """Return where each row ends in each tree, shape (rows, trees)."""
        feature, threshold = learned(self.feature), learned(self.threshold).ravel()
        first = (
            np.arange(len(feature)) * feature.shape[1]
        )  # one index in place of two: twice as fast
        left, right = ((learned(c) + first[:, None]).ravel() for c in (self.left, self.right))
        feature, single = feature.ravel(), ranks.astype(np.float32)
        starts = np.arange(len(ranks))[:, None] * ranks.shape[1]
        node = np.broadcast_to(first, (len(ranks), len(first)))
        while ((asked := feature[node]) >= 0).any():
            small = single.ravel()[starts + np.maximum(asked, 0)] <= threshold[node]
            node = np.where(small, left[node], right[node])
        leaves: Whole = node - first
        return leaves

    def _check_trees(self) -> None:
        """Refuse trees of a file that would never end, or ask for a column that is not there."""
        feature = learned(self.feature)
        inner, nodes = feature >= 0, feature.shape[1]
        later = [
            ((child > np.arange(nodes)) & (child < nodes))[inner].all()
            for child in (learned(self.left), learned(self.right))
        ]
        if not all(later) or (feature >= len(learned(self.known))).any():
            raise FormatError(
                "in a stored detector's trees each node must ask for a column that there is, and "
                "point to later nodes of its tree; one does not, so the file is damaged."
            )


@dataclass(frozen=True)
class ColumnDependencies(TreeScore):
    """Sum of squares of how far the rank of each column is from what trees say by the others.

    Finds rows that break a rule between columns while each value is usual by itself. Columns are
    parted into halves at random, several times; trees of random cuts predict one half from the
    other. Each difference is divided by its usual size, so that a column without a rule says
    little. Of a single column nothing is known, and all rows score 0.

    Attributes:
        scale: The usual difference of each column, shape (columns,).

    Source: Paulheim & Meusel 2015, "A decomposition of the outlier detection problem into a set of
    supervised learning problems" (ALSO), with halves in place of single columns.
    """

    scale: Floats | None = field(default=None, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Grow the trees."""
        points = training.points
        rng, known = np.random.default_rng(0), some_sorted(points)
        ranks = mid_ranks(known, points)
        count = ranks.shape[1]
        if count < 2 or len(ranks) < 2:
            own = np.zeros(len(points))
            return type(self)(known, **self._no_trees(), scale=np.ones(len(known)), own=own)
        trees, halves = list[tuple[Any, Whole]](), list[Whole]()
        off = np.zeros(ranks.shape)
        for round_ in range(_ROUNDS):
            order = rng.permutation(count)
            for some in (order[: count // 2], order[count // 2 :]):
                given = np.setdiff1d(order, some)
                model, said = grow_trees(ranks, given, some, round_)
                off[:, some] += np.abs(said - ranks[:, some])
                trees.extend((tree.tree_, given) for tree in model.estimators_)
                halves.append(some)
        off /= _ROUNDS
        bounded = np.minimum(off, np.quantile(off, _USUAL, axis=0))
        scale = np.sqrt((bounded**2).mean(0)) + _LEAST
        own = _total(off / scale)
        return type(self)(known, **self._grown(trees, halves, count), scale=scale, own=own)

    def _scores(self, ranks: Floats) -> Floats:
        mean = self._predicted(ranks)
        off = np.zeros((len(ranks), ranks.shape[1] + 1))
        wider = np.pad(ranks, ((0, 0), (0, 1)))
        for round_, places in enumerate(learned(self.told)):
            off[:, places] += np.abs(mean[:, round_] - wider[:, places])
        return _total(off[:, :-1] / _ROUNDS / learned(self.scale))


def padded(rows: Sequence[NDArray[Any]] | NDArray[Any], width: int, value: int = 0) -> Any:
    """Return rows of different lengths as one array, filled up at their ends."""
    return np.stack([np.pad(row, (0, width - len(row)), constant_values=value) for row in rows])


def grow_trees(
    ranks: Floats, given: Whole, told: Whole, seed: int, trees: int = _TREES
) -> tuple[Any, Floats]:
    """Return trees of scikit-learn, and what they say of the training rows that they have not seen.

    Args:
        ranks: Shape (rows, columns).
        given: Which columns the trees ask for.
        told: Which columns they tell.
        seed: Of the cuts.
        trees: How many.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    model = ExtraTreesRegressor(
        trees,
        min_samples_leaf=_LEAF,
        max_features=1.0 if len(given) < _FEW_COLUMNS else 0.5,
        bootstrap=True,
        max_samples=min(len(ranks), _ROWS),
        random_state=seed,
    ).fit(ranks[:, given], ranks[:, told].squeeze(1) if len(told) == 1 else ranks[:, told])
    said, times = np.zeros((len(ranks), len(told))), np.zeros((len(ranks), 1))
    single = np.ascontiguousarray(ranks[:, given], dtype=np.float32)
    for tree, drawn in zip(model.estimators_, model.estimators_samples_, strict=True):
        unseen = np.ones((len(ranks), 1), dtype=bool)
        unseen[drawn] = False
        said += np.where(unseen, tree.tree_.predict(single).reshape(len(ranks), -1), 0.0)
        times += unseen
    said /= np.maximum(times, 1)
    if len(always := np.flatnonzero(times == 0)):
        said[always] = model.predict(ranks[np.ix_(always, given)]).reshape(len(always), -1)
    return model, said


def tree_arrays(tree: Any, given: Whole, size: int, width: int) -> tuple[NDArray[Any], ...]:
    """Return the nodes of a tree of scikit-learn, filled up with leaves that none reaches.

    Args:
        tree: Its ``tree_``.
        given: Which columns it asks for.
        size: Nodes to fill up to.
        width: How many columns it may tell.

    Returns:
        Feature, threshold, left and right, shape (nodes,), and value, shape (nodes, width).
    """
    count, itself = tree.node_count, np.arange(size)
    feature, threshold = np.full(size, -1), np.zeros(size)
    left, right = itself.copy(), itself.copy()
    value = np.zeros((size, width), dtype=np.float32)
    inner = tree.children_left >= 0
    feature[:count][inner], threshold[:count] = given[tree.feature[inner]], tree.threshold
    left[:count][inner] = tree.children_left[inner]
    right[:count][inner] = tree.children_right[inner]
    value[:count, : tree.value.shape[1]] = tree.value[:, :, 0]
    return feature, threshold, left, right, value


def _total(off: Floats) -> Floats:
    total: Floats = (np.minimum(off, _MOST) ** 2).sum(1)
    return total
