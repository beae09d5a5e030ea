"""More items of small classes, if they help."""

import abc
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.augmentation.advice import Augmentation, centered_ranks, chance_level
from vaekit.augmentation.generators import (
    ClassMaker,
    Floats,
    Maker,
    NumberMaker,
    class_predictions,
    concatenate_items,
    is_numeric_target,
    learnable_classes,
    learnable_numbers,
    number_predictions,
    part,
)
from vaekit.domains.base import Domain
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.presets.base import Preset
from vaekit.training.config import TrainConfig

Strategy = str | float | Mapping[Any, int] | Callable[[Any], Mapping[Any, int]]

STRATEGIES = ("auto", "minority", "not minority", "not majority", "all", "double")
"""Which classes to bring up to the largest, by the names of imbalanced-learn: all others
(``"auto"``, ``"not majority"`` and ``"all"`` are one, since the largest needs none), the smallest,
or all but the smallest. ``"double"`` is ours: as many as the largest has are added to every one."""

_FEWEST = 2
_TIMES = 3.0


def counts_of(y: Any, least: int = _FEWEST) -> dict[Any, int]:
    """Return how many items of each class there are, most frequent first.

    Args:
        y: The class of each item.
        least: How many items a class must have.

    Raises:
        DataError: One class only, a class of a single item, a missing one, or text among numbers.
    """
    labels, counts = np.unique(plain_labels(y), return_counts=True)
    if len(labels) < 2:
        raise DataError(f"y must have at least two classes; got only {labels.tolist()}.")
    if counts.min() < least:
        alone = labels[counts.argmin()]
        raise DataError(
            f"every class must have at least {least} items; got 1 of {_plain(alone)!r}. One item "
            "does not say how its class varies."
        )
    order = np.argsort(-counts, kind="stable")
    return {_plain(labels[i]): int(counts[i]) for i in order}


def plain_labels(y: Any) -> NDArray[Any]:
    """Return classes as an array of one kind, of text, whole numbers or truth values.

    Raises:
        DataError: A missing class, or classes of several kinds, 1 and "1" for instance.

    Example:
        >>> plain_labels(np.array(["no", "yes"], dtype=object)).dtype.kind
        'U'
    """
    import pandas as pd

    array = np.asarray(y)
    missing = pd.isna(array)
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError(
            f"y must have a class for every item; row {row} has none ({int(missing.sum())} in "
            "all). Leave such items out, or name what is missing."
        )
    if array.dtype.kind != "O":
        return array
    kinds = sorted({type(_plain(label)).__name__ for label in array.ravel()})
    if len(kinds) > 1:
        raise DataError(
            f"y must have classes of one kind; got {' and '.join(kinds)}. Make all of them text."
        )
    return np.array(array.tolist())


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def wanted_counts(counts: Mapping[Any, int], strategy: Strategy, y: Any = None) -> dict[Any, int]:
    """Return how many synthetic items of each class a strategy asks for.

    Args:
        counts: How many there are.
        strategy: One of `STRATEGIES`; for two classes, the share of the largest that the other one
            is to have; how many items of each class there are to be, for some classes; or a
            function of the classes of all items that says so.
        y: The class of each item, for such a function.

    Raises:
        SpecError: An unknown strategy, a share out of range or for more than two classes, fewer
            items than there are, or a class that is not there.

    Example:
        >>> wanted_counts({"no": 90, "yes": 10}, "auto"), wanted_counts({"no": 90, "yes": 10}, 0.5)
        ({'yes': 80}, {'yes': 35})
    """
    if isinstance(strategy, str):
        return _by_name(counts, strategy)
    if callable(strategy):
        strategy = _asked(strategy, y)
    goals = dict(strategy) if isinstance(strategy, Mapping) else _by_share(counts, strategy)
    for label, goal in goals.items():
        if not isinstance(goal, int | np.integer) or isinstance(goal, bool):
            raise SpecError(
                f"sampling_strategy must say how many items a class is to have, a whole number; "
                f"got {label!r}: {goal!r}."
            )
        if label not in counts or goal < counts[label]:
            raise SpecError(
                f"sampling_strategy must name classes of y and at least as many items as there "
                f"are; got {label!r}: {goal}, and there are {dict(counts)}."
            )
    return {
        label: int(goal) - counts[label] for label, goal in goals.items() if goal > counts[label]
    }


def _asked(strategy: Callable[[Any], Mapping[Any, int]], y: Any) -> Mapping[Any, int]:
    """Return what a function of the user's says of the classes."""
    goals: Any = strategy(y)
    if not isinstance(goals, Mapping):
        raise SpecError(
            "a function as sampling_strategy must return a dict of how many items each class is to "
            f"have; it returned {type(goals).__name__}."
        )
    return goals


def _by_share(counts: Mapping[Any, int], share: Any) -> dict[Any, int]:
    """Return the goal of the smaller of two classes."""
    is_number = isinstance(share, int | float | np.number) and not isinstance(share, bool)
    if not is_number or len(counts) != 2 or not 0 < share <= 1:
        raise SpecError(
            f"a share must be above 0, at most 1, and of two classes; got {share!r} for "
            f"{len(counts)} classes."
        )
    smaller, largest = min(counts, key=lambda label: counts[label]), max(counts.values())
    return {smaller: int(share * largest)}  # cut as imbalanced-learn cuts it


def _by_name(counts: Mapping[Any, int], strategy: str) -> dict[Any, int]:
    largest, smallest = max(counts.values()), min(counts, key=lambda label: counts[label])
    if strategy == "double":
        return dict.fromkeys(counts, largest)
    if strategy not in STRATEGIES:
        raise SpecError(
            f"sampling_strategy must be one of {', '.join(STRATEGIES)}, a share, a dict or a "
            f"function; got {strategy!r}."
        )
    few = [smallest] if strategy == "minority" else list(counts)
    if strategy == "not minority":
        few.remove(smallest)
    return {label: largest - counts[label] for label in few if counts[label] < largest}


def shrunk(strategy: Strategy, share: float) -> Strategy:
    """Return the strategy for a part of the data: numbers of items shrink with it."""
    if not isinstance(strategy, Mapping):
        return strategy
    return {label: int(np.ceil(goal * share)) for label, goal in strategy.items()}


def wanted_rows(n: int, strategy: Strategy) -> int:
    """Return how many synthetic rows there are to be where targets are numbers.

    Args:
        n: How many rows there are.
        strategy: ``"auto"`` for three times as many, or a positive number of times.

    Raises:
        SpecError: Another strategy.

    Example:
        >>> wanted_rows(50, "auto"), wanted_rows(50, 0.5)
        (150, 25)
    """
    times = _TIMES if strategy == "auto" else strategy
    if not isinstance(times, int | float) or not 0 < times < float("inf"):
        raise SpecError(
            f"where targets are numbers, the strategy must be 'auto' or how many times as many "
            f"synthetic rows there are to be, above 0; got {strategy!r}."
        )
    return max(1, round(times * n))


Splits = Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]


@dataclass(frozen=True)
class PredictionTarget(abc.ABC):
    """How items are made, split and judged for one kind of targets.

    Attributes:
        strategy: How many items to make.
        preset: The model.
        domain: The kind of data.
        screened: Whether candidates are screened, where the kind of targets knows that.
    """

    strategy: Strategy
    preset: str | Preset
    domain: str | Domain
    screened: bool

    @property
    @abc.abstractmethod
    def measure(self) -> str:
        """What scores are."""

    @abc.abstractmethod
    def check(self, y: NDArray[Any], folds: int) -> None:
        """Refuse targets that cannot be learned or split."""

    @abc.abstractmethod
    def wanted(self, y: NDArray[Any], share: float = 1.0) -> Mapping[Any, int]:
        """Return how many items to make from a share of the data whose targets are these."""

    @abc.abstractmethod
    def maker(self, X: Any, y: NDArray[Any], config: TrainConfig) -> Maker:
        """Train what makes items."""

    @abc.abstractmethod
    def splits(self, y: NDArray[Any], folds: int, seed: int) -> Splits:
        """Return places to train and to judge on."""

    @abc.abstractmethod
    def truth(self, y: NDArray[Any]) -> Floats:
        """Return what is to be predicted, shape (items, columns)."""

    @abc.abstractmethod
    def predict(self, judge: Any, X: Any, y: NDArray[Any], left_out: Any) -> Floats:
        """Return what an estimator trained on X and y predicts, shape (items, columns)."""

    @abc.abstractmethod
    def predict_simply(self, X: Any, y: NDArray[Any], left_out: Any) -> list[Floats]:
        """Return what simple estimators predict, to see whether there is anything to learn."""

    @abc.abstractmethod
    def some(self, y: NDArray[Any], most: int, seed: int) -> NDArray[np.int64]:
        """Return the places of so many items at most, some of each class."""

    @abc.abstractmethod
    def judged(self, y: NDArray[Any]) -> list[int]:
        """Return the columns that count."""

    @abc.abstractmethod
    def score(self, truth: Floats, predicted: Floats) -> float:
        """Return what predictions are worth: the mean over columns; at most 1."""


class ClassTarget(PredictionTarget):
    """Targets are classes."""

    @property
    def measure(self) -> str:
        """Of the rarest class, or the mean."""
        return "average precision"

    def check(self, y: NDArray[Any], folds: int) -> None:
        """Two classes at least, and an item of each in every fold."""
        least = min(counts_of(y).values())
        if not 2 <= folds <= least:
            raise SpecError(
                f"folds must be from 2 to {least}, the items of the smallest class; got {folds}."
            )

    def wanted(self, y: NDArray[Any], share: float = 1.0) -> Mapping[Any, int]:
        """By class."""
        return wanted_counts(counts_of(y), shrunk(self.strategy, share), y)

    def maker(self, X: Any, y: NDArray[Any], config: TrainConfig) -> Maker:
        """Return a model that is told the class."""
        return ClassMaker.fit(X, y, self.preset, self.domain, config, self.screened)

    def splits(self, y: NDArray[Any], folds: int, seed: int) -> Splits:
        """With as many of each class in each fold."""
        from sklearn.model_selection import StratifiedKFold

        found: Splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(y, y)
        return found

    def truth(self, y: NDArray[Any]) -> Floats:
        """Return a column for each class, 1 where an item is of it."""
        truth: Floats = (y[:, None] == np.unique(y)).astype(np.float64)
        return truth

    def predict(self, judge: Any, X: Any, y: NDArray[Any], left_out: Any) -> Floats:
        """Return the probability of each class."""
        return class_predictions(judge, X, y, left_out)

    def predict_simply(self, X: Any, y: NDArray[Any], left_out: Any) -> list[Floats]:
        """See `learnable_classes`."""
        return learnable_classes(X, y, left_out)

    def some(self, y: NDArray[Any], most: int, seed: int) -> NDArray[np.int64]:
        """Return as many of each class, as far as there are."""
        order = np.random.default_rng(seed).permutation(len(y))
        names = np.unique(y)
        each = max(1, most // len(names))
        return np.concatenate([order[y[order] == name][:each] for name in names])

    def judged(self, y: NDArray[Any]) -> list[int]:
        """Return all classes; of two the rarer one, of equal ones the second."""
        counts = np.unique(y, return_counts=True)[1]
        return [int(counts[1] <= counts[0])] if len(counts) == 2 else list(range(len(counts)))

    def score(self, truth: Floats, predicted: Floats) -> float:
        """Return the average precision."""
        from sklearn.metrics import average_precision_score

        columns = zip(truth.T, predicted.T, strict=True)
        return float(np.mean([average_precision_score(*column) for column in columns]))


class NumberTarget(PredictionTarget):
    """Targets are numbers."""

    @property
    def measure(self) -> str:
        """Share of the variance explained."""
        return "R2"

    def check(self, y: NDArray[Any], folds: int) -> None:
        """Finite numbers, and two in every fold."""
        if not np.isfinite(y.astype(np.float64)).all():
            row = int(np.argmin(np.isfinite(y.astype(np.float64))))
            raise DataError(f"y must hold finite numbers; row {row} has {y[row]}. Clean it.")
        if not 2 <= folds <= len(y) // 2:
            raise SpecError(f"folds must be from 2 to {len(y) // 2}; got {folds}.")

    def wanted(self, y: NDArray[Any], share: float = 1.0) -> Mapping[Any, int]:
        """Return all under the name ``None``."""
        return {None: wanted_rows(len(y), self.strategy)}

    def maker(self, X: Any, y: NDArray[Any], config: TrainConfig) -> Maker:
        """Return a model of rows."""
        return NumberMaker.fit(X, y, self.preset, config)

    def splits(self, y: NDArray[Any], folds: int, seed: int) -> Splits:
        """At random."""
        from sklearn.model_selection import KFold

        found: Splits = KFold(folds, shuffle=True, random_state=seed).split(y)
        return found

    def truth(self, y: NDArray[Any]) -> Floats:
        """Return the numbers as a column."""
        return y.astype(np.float64).reshape(-1, 1)

    def predict(self, judge: Any, X: Any, y: NDArray[Any], left_out: Any) -> Floats:
        """Return the numbers."""
        return number_predictions(judge, X, y, left_out)

    def predict_simply(self, X: Any, y: NDArray[Any], left_out: Any) -> list[Floats]:
        """See `learnable_numbers`."""
        return learnable_numbers(X, y, left_out)

    def some(self, y: NDArray[Any], most: int, seed: int) -> NDArray[np.int64]:
        """Return a sample."""
        return np.random.default_rng(seed).permutation(len(y))[:most]

    def judged(self, y: NDArray[Any]) -> list[int]:
        """Return the only column."""
        return [0]

    def score(self, truth: Floats, predicted: Floats) -> float:
        """Return the share of the variance of the truth that is explained (R2)."""
        from sklearn.metrics import r2_score

        return float(r2_score(truth, predicted))


KINDS: dict[str, type[ClassTarget] | type[NumberTarget]] = {
    "classes": ClassTarget,
    "numbers": NumberTarget,
}
"""What targets may be."""


def prediction_target(kind: str, y: Any) -> type[ClassTarget] | type[NumberTarget]:
    """Return the one for a kind of targets; ``"auto"`` tells it from them.

    Raises:
        SpecError: No kind has that name.
    """
    if kind == "auto":
        return NumberTarget if is_numeric_target(y) else ClassTarget
    if kind not in KINDS:
        raise unknown_name("kind", kind, ["auto", *KINDS])
    return KINDS[kind]


def synthesize(
    X: Any,
    y: Any,
    wanted: Mapping[Any, int],
    *,
    preset: str | Preset = "auto",
    domain: str | Domain = "auto",
    config: TrainConfig | None = None,
    screened: bool = True,
) -> tuple[Any, NDArray[Any]]:
    """Synthetic items of some classes, from one model of all items that is told the class.

    A small class borrows from the others what they have in common with it. Of several candidates
    each is kept with the probability that classifiers of the real items give to its class.

    Args:
        X: Items: a data frame, an array of numbers or images.
        y: The class of each.
        wanted: How many items of each class.
        preset: The model.
        domain: The kind of data.
        config: How to train.
        screened: Whether classifiers choose among candidates.

    Returns:
        Items in the form of X, and their classes.

    Raises:
        VaekitError: As of `fit_model`.
    """
    config = config or TrainConfig()
    maker = ClassMaker.fit(X, y, preset, domain, config, screened)
    return maker.make(wanted, config.seed)


_DRAWS = 3  # sets of synthetic items that each fold is judged with: one set may be lucky
_REPEATS, _MOST_LEARNED = 2, 3000  # ways to split, and items learned from, to see what chance does


def augment(
    X: Any,
    y: Any,
    *,
    strategy: Strategy = "auto",
    preset: str | Preset = "auto",
    domain: str | Domain = "auto",
    kind: str = "auto",
    judge: Any = None,
    folds: int = 5,
    screened: bool = True,
    config: TrainConfig | None = None,
    watch: Callable[[int, int], None] = lambda done, of: None,
) -> Augmentation:
    """Make synthetic items, and measure on items left out whether an estimator gains by them.

    In each fold a model is trained on the other folds, synthetic items are made by it, and an
    estimator is trained with and without them. So the advice knows nothing of the items that it
    is judged on. It takes folds + 1 trainings.

    Where the targets cannot be predicted better than chance, it never says that synthetic items
    help, as folds of few rows may gain by chance.

    Targets that are fractions, or more than 20 different whole numbers, are numbers: then rows are
    made without them, and regressors trained on the real rows tell them.

    Args:
        X: Items: a data frame, an array of numbers, or images.
        y: The class of each, or a number.
        strategy: See `wanted_counts`, and for numbers `wanted_rows`.
        preset: The model.
        domain: The kind of data.
        kind: What targets are: ``"classes"``, ``"numbers"``, or ``"auto"`` to tell by themselves.
        judge: An estimator of scikit-learn, of which copies are trained: for classes with
            ``predict_proba``. ``None`` takes boosted trees for tables and extra trees on pixels
            for images.
        folds: At least 2; no more than the smallest class has items.
        screened: Whether classifiers of the real items choose among candidates; of classes only.
        config: How to train the models.
        watch: Called with how many of the trainings are done, and of how many.

    Raises:
        SpecError: An unknown strategy or kind, one that asks for nothing, or a number of folds out
            of range.
        DataError: One class, or classes that are too small; numbers that are not finite.

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
        >>> quick = TrainConfig(max_epochs=2, progress=False)
        >>> found = augment(X[:200], y[:200], folds=2, config=quick)
        >>> len(found.items) == abs(2 * sum(y[:200]) - 200)
        True
    """
    config, targets = config or TrainConfig(), np.asarray(y)
    aim = prediction_target(kind, targets)(strategy, preset, domain, screened)
    aim.check(targets, folds)
    if not any(aim.wanted(targets).values()):
        raise SpecError(
            f"sampling_strategy must ask for at least one item; got {strategy!r}, and all classes "
            "have that many. Take 'double' for more of each."
        )
    scores = []
    for fold, (train, test) in enumerate(aim.splits(targets, folds, config.seed)):
        watch(fold, folds + 1)
        scores.append(_judged(aim, X, targets, train, test, judge, config))
    watch(folds, folds + 1)
    items, made = aim.maker(X, targets, config).make(aim.wanted(targets), config.seed)
    without, with_synthetic = zip(*scores, strict=True)
    chance = _chance(aim, X, targets, folds, config.seed)
    return Augmentation(items, made, without, with_synthetic, aim.measure, chance)


def _judged(
    aim: PredictionTarget,
    X: Any,
    y: NDArray[Any],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    judge: Any,
    config: TrainConfig,
) -> tuple[float, float]:
    """The score of an estimator without synthetic items, and the mean with some sets of them."""
    real, targets = part(X, train), y[train]
    left_out, columns = part(X, test), aim.judged(y)
    truth = aim.truth(y)[test][:, columns]

    def score(rows: Any, labels: NDArray[Any]) -> float:
        return aim.score(truth, aim.predict(judge, rows, labels, left_out)[:, columns])

    wanted = aim.wanted(targets, len(train) / len(y))
    if not sum(wanted.values()):  # classes that differ by less than a fold takes
        alone = score(real, targets)
        return alone, alone
    several = {label: _DRAWS * count for label, count in wanted.items()}
    items, made = aim.maker(real, targets, config).make(several, config.seed)
    scores = []
    for positions in _equal_sets(several):
        both = concatenate_items(real, part(items, positions))
        scores.append(score(both, np.concatenate([targets, made[positions]])))
    return score(real, targets), float(np.mean(scores))


def _equal_sets(several: Mapping[Any, int]) -> list[NDArray[np.int64]]:
    """Return places of sets with as many items of each class, of items class by class.

    Every third item is of a set, as those that were chosen first are the surest.
    """
    starts = np.cumsum([0, *several.values()])
    blocks = [np.arange(*block) for block in itertools.pairwise(starts)]
    return [np.concatenate([block[draw::_DRAWS] for block in blocks]) for draw in range(_DRAWS)]


def _chance(aim: PredictionTarget, X: Any, y: NDArray[Any], folds: int, seed: int) -> float:
    """Return the `chance_level` of the ranks of two estimators, in two ways to split."""
    columns = aim.judged(y)
    truth = aim.truth(y)[:, columns]
    predicted = np.zeros_like(truth)
    for repeat in range(_REPEATS):
        for train, test in aim.splits(y, folds, seed + repeat):
            if len(train) > _MOST_LEARNED:
                train = train[aim.some(y[train], _MOST_LEARNED, seed)]
            for found in aim.predict_simply(part(X, train), y[train], part(X, test)):
                predicted[test] += centered_ranks(found[:, columns])
    return chance_level(truth, predicted, seed)
