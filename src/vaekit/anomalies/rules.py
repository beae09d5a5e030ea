"""Rows that break a rule between columns, and how that is joined with other scores."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.anomalies.compositions import mid_ranks, some_sorted
from vaekit.anomalies.dependencies import TreeScore, grow_trees, padded
from vaekit.anomalies.inputs import (
    AnomalyScore,
    Arrays,
    BrokenCells,
    ScoringInputs,
    arrays_of_part,
    learned,
)
from vaekit.anomalies.marginals import ParetoTail, TailProbability

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_ALONE, _ROUNDS, _TREES = 12, 6, 10
_USUAL, _LEAST, _PREDICTED = 0.75, 1e-3, 0.5
_MOST = 30.0


@dataclass(frozen=True)
class BrokenRules(TreeScore):
    """How far columns that the others predict well are from what these say, in usual differences.

    Trees of random cuts predict ranks of columns by the others: each column by all others where
    there are at most 12, else random halves of the columns by each other, six times. A column that
    trees predict by less than half of its spread has no rule, and no say; where there is none, all
    rows score 0. Scores are at most 30.

    Attributes:
        weight: The share of the spread that is predicted, over the usual difference; 0 where there
            is no rule; shape (groups, width).

    Source: Paulheim & Meusel 2015, "A decomposition of the outlier detection problem into a set of
    supervised learning problems" (ALSO), with trees on ranks, and each group of trees in units of
    its own usual difference.
    """

    weight: Floats | None = field(default=None, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Grow the trees."""
        points = training.points
        known = some_sorted(points)
        ranks = mid_ranks(known, points)
        groups = _groups(_columns(training.frame.num_codes, ranks.shape[1]))
        if not groups or len(ranks) < 2:
            nothing, own = np.zeros((0, 1)), np.zeros(len(points))
            return type(self)(known, **self._no_trees(), weight=nothing, own=own)
        trees, off = list[tuple[Any, Whole]](), list[Floats]()
        for place, some in enumerate(groups):
            given = np.setdiff1d(np.arange(ranks.shape[1]), some)
            model, said = grow_trees(ranks, given, some, place, _TREES)
            trees.extend((tree.tree_, given) for tree in model.estimators_)
            off.append(np.abs(said - ranks[:, some]))
        width = max(map(len, groups))
        weights = [_weight(apart, ranks[:, g]) for apart, g in zip(off, groups, strict=True)]
        grown = self._grown(trees, groups, ranks.shape[1])
        found = type(self)(known, **grown, weight=padded(weights, width))
        return replace(found, own=found._total(np.stack([padded(o, width) for o in off], 1)))

    def broken_cells(self, seen: ScoringInputs) -> BrokenCells:
        """Return what the trees say of each coordinate that has a rule."""
        known, told = learned(self.known), learned(self.told)
        ranks = mid_ranks(known, seen.points)
        off, said, weights = (np.zeros((len(ranks), len(known) + 1)) for _ in range(3))
        if len(told):
            wider, predicted = np.pad(ranks, ((0, 0), (0, 1))), self._predicted(ranks)
            squares = self._squares(np.abs(predicted - wider[:, told]))
            for group, places in enumerate(told):
                weight = learned(self.weight)[group]
                off[:, places] += squares[:, group]
                said[:, places] += weight * predicted[:, group]
                weights[:, places] += weight
        off, said, weights = off[:, :-1], said[:, :-1], weights[:, :-1]
        said = np.where(weights > 0, said / np.where(weights > 0, weights, 1.0), ranks)
        return BrokenCells(off.sum(1) > 0, off, _values(known, said))

    def _scores(self, ranks: Floats) -> Floats:
        wider = np.pad(ranks, ((0, 0), (0, 1)))
        return self._total(np.abs(self._predicted(ranks) - wider[:, learned(self.told)]))

    def _total(self, apart: Floats) -> Floats:
        """Return the root of the mean square over what is predicted well, shape (items,)."""
        count = max(1, np.count_nonzero(learned(self.weight)))
        total: Floats = np.sqrt(self._squares(apart).sum((1, 2)) / count)
        return total

    def _squares(self, apart: Floats) -> Floats:
        squares: Floats = np.minimum(apart * learned(self.weight), _MOST) ** 2
        return squares


def _columns(num_codes: Sequence[int], coordinates: int) -> list[Whole]:
    """Return the coordinates of each column: of labels there is one for each label.

    Those of one column predict each other, which is no rule between columns.
    """
    ends = np.cumsum([*num_codes, *np.ones(coordinates - sum(num_codes), dtype=np.int64)])
    return [np.arange(*span) for span in zip([0, *ends[:-1]], ends, strict=True)]


def _values(known: Floats, ranks: Floats) -> Floats:
    """Return the values of these ranks, between known ones where they fall between."""
    found = np.empty(ranks.shape)
    for place, column in enumerate(known):
        values = np.unique(column)
        theirs = mid_ranks(column[None], values[:, None])[:, 0]
        found[:, place] = np.interp(ranks[:, place], theirs, values)
    return found


def _groups(columns: Sequence[Whole]) -> list[Whole]:
    """Return which coordinates are predicted together by all others; none of a single column."""
    count, rng = len(columns), np.random.default_rng(0)
    if count < 2:
        return []
    if count <= _ALONE:
        return list(columns)
    orders = [rng.permutation(count) for _ in range(_ROUNDS)]
    halves = [half for order in orders for half in (order[: count // 2], order[count // 2 :])]
    return [np.concatenate([columns[place] for place in half]) for half in halves]


def _weight(off: Floats, ranks: Floats) -> Floats:
    """Return the share of the spread that is predicted, over the usual difference; 0 if low."""
    usual = _size(off)
    share = 1 - (usual / _size(np.abs(ranks - np.median(ranks, axis=0)))) ** 2
    return np.where(share >= _PREDICTED, share, 0.0) / usual


def _size(off: Floats) -> Floats:
    """Return the usual size of differences, whatever a quarter of them is like."""
    bounded = np.minimum(off, np.quantile(off, _USUAL, axis=0))
    usual: Floats = np.sqrt((bounded**2).mean(0)) + _LEAST
    return usual


DISCOUNT, CEILING, TIE = 1.5, 3.5, 0.01
"""How much rarer a broken rule must be than the rest, and at most counts for, nats."""


@dataclass(frozen=True)
class WithRules(AnomalyScore):
    """How rare other scores find an item, or how rare it is that a rule is so broken, if rarer.

    A broken rule has to be rarer by 1.5 nats, and counts for 3.5 nats at most, as one item in
    thirty does: it makes an item one of the most unusual ones, and what is far away stays before
    it. The mean of both would cost the others' order; the larger one hardly does.

    Attributes:
        parts: The other scores: the mean of how rare each is.
        rules: Finds broken rules.
        rarities: What makes each part comparable.
        together: How rare their mean is.
        tail: How rare a broken rule is.
        own: The scores of the training items; not stored.
    """

    parts: tuple[AnomalyScore, ...]
    rules: AnomalyScore
    rarities: tuple[TailProbability, ...] = field(default=(), repr=False)
    together: TailProbability | None = field(default=None, repr=False)
    tail: ParetoTail | None = field(default=None, repr=False)
    own: Floats | None = field(default=None, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Fit all of them."""
        parts, rules = tuple(part.fit(training) for part in self.parts), self.rules.fit(training)
        values, broken = [p.of_training(training) for p in parts], rules.of_training(training)
        rarities = tuple(TailProbability.of(value) for value in values)
        mean, tail = _mean(rarities, values), ParetoTail.of(broken)
        own = type(self)(parts, rules, rarities, TailProbability.of(mean), tail)
        return replace(own, own=own._larger(mean, broken))

    def of(self, seen: ScoringInputs) -> Floats:
        """Nats."""
        mean = _mean(self.rarities, [part.of(seen) for part in self.parts])
        return self._larger(mean, self.rules.of(seen))

    def of_training(self, training: ScoringInputs) -> Floats:
        """Of each as if it had not been one of them."""
        return learned(self.own)

    def broken_cells(self, seen: ScoringInputs) -> BrokenCells | None:
        """Return those of the rules, where a broken rule is rarer than the rest."""
        found = self.rules.broken_cells(seen)
        if found is None:
            return None
        mean = _mean(self.rarities, [part.of(seen) for part in self.parts])
        is_rarer = self._rule(self.rules.of(seen)) > learned(self.together)(mean)
        return replace(found, is_broken=found.is_broken & is_rarer)

    def _larger(self, mean: Floats, broken: Floats) -> Floats:
        # Of those that break a rule, the one that is farther away is the more unusual.
        return np.maximum(learned(self.together)(mean), self._rule(broken)) + TIE * mean

    def _rule(self, broken: Floats) -> Floats:
        """Return how rare a broken rule counts as, nats."""
        rule: Floats = np.minimum(learned(self.tail)(broken) - DISCOUNT, CEILING)
        return rule

    @property
    def arrays(self) -> Arrays:
        """Those of all scores, and their training values."""
        tail = learned(self.tail)
        found = {
            "together": learned(self.together).known,
            "tail": np.array([tail.start, tail.power]),
            **{f"rules.{name}": array for name, array in self.rules.arrays.items()},
        }
        for i, (part, rarity) in enumerate(zip(self.parts, self.rarities, strict=True)):
            found[f"rarity.{i}"] = rarity.known
            found |= {f"part.{i}.{name}": array for name, array in part.arrays.items()}
        return found

    def restored(self, arrays: Arrays) -> Self:
        """With what all had learned."""
        parts = [p.restored(arrays_of_part(arrays, f"part.{i}.")) for i, p in enumerate(self.parts)]
        rarities = [TailProbability.of(arrays[f"rarity.{i}"]) for i in range(len(parts))]
        start, power = (float(number) for number in arrays["tail"])
        return type(self)(
            tuple(parts),
            self.rules.restored(arrays_of_part(arrays, "rules.")),
            tuple(rarities),
            TailProbability.of(arrays["together"]),
            ParetoTail(start, power),
        )


def _mean(rarities: Sequence[TailProbability], values: Sequence[Floats]) -> Floats:
    rare = [rarity(value) for rarity, value in zip(rarities, values, strict=True)]
    mean: Floats = np.mean(rare, axis=0)
    return mean
