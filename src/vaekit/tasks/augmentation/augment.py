"""Synthetic items for training sets that are small or lopsided, and whether they help."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains import Domain
from vaekit.errors import SpecError
from vaekit.presets import Preset
from vaekit.tasks.augmentation.judge import classifier_score
from vaekit.tasks.augmentation.strategy import Strategy, counts_of, shrunk, wanted_counts
from vaekit.tasks.augmentation.synthesise import joined, part, synthesise
from vaekit.training import TrainConfig

__all__ = ["Augmentation", "augment"]

_Splits = Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]


@dataclass(frozen=True)
class Augmentation:
    """Synthetic items, and whether a classifier gains by them.

    Attributes:
        items: The synthetic items, in the form of the data.
        labels: Their classes.
        without: Scores on items left out, fold by fold, of a classifier trained on real items.
        with_synthetic: The same with synthetic items added to its training.
        measure: What the scores are.
    """

    items: Any = field(repr=False)
    labels: NDArray[Any] = field(repr=False)
    without: tuple[float, ...]
    with_synthetic: tuple[float, ...]
    measure: str = "average precision"

    @property
    def gain(self) -> float:
        """The mean gain."""
        return float(np.mean(self._gains))

    @property
    def standard_error(self) -> float:
        """Of the mean gain, from fold to fold."""
        return float(np.std(self._gains, ddof=1) / len(self._gains) ** 0.5)

    @property
    def _gains(self) -> NDArray[np.float64]:
        return np.subtract(self.with_synthetic, self.without)

    @property
    def helps(self) -> bool:
        """Whether the gain is larger than its standard error: a small gain may be chance."""
        return self.gain > self.standard_error

    @property
    def advice(self) -> str:
        """What to do, with the numbers."""
        numbers = (
            f"{self.measure} {np.mean(self.without):.3f} without and "
            f"{np.mean(self.with_synthetic):.3f} with them, a gain of {self.gain:+.3f} ± "
            f"{self.standard_error:.3f} over {len(self.without)} folds"
        )
        if self.helps:
            return f"Synthetic items help: {numbers}."
        return f"Do not augment: synthetic items do not help a classifier of these data; {numbers}."


def augment(
    X: Any,
    y: Any,
    *,
    strategy: Strategy = "auto",
    preset: str | Preset = "auto",
    domain: str | Domain = "auto",
    judge: Any = None,
    folds: int = 5,
    config: TrainConfig | None = None,
    watch: Callable[[int, int], None] = lambda done, of: None,
) -> Augmentation:
    """Make synthetic items, and measure on items left out whether a classifier gains by them.

    In each fold a model is trained on the other folds, synthetic items are made by it, and a
    classifier is trained with and without them. So the advice knows nothing of the items that it
    is judged on. It takes folds + 1 trainings.

    Args:
        X: Items: a data frame, an array of numbers, or images.
        y: The class of each.
        strategy: See `wanted_counts`.
        preset: The model.
        domain: The kind of data.
        judge: A classifier of scikit-learn with ``predict_proba``, of which copies are trained;
            ``None`` takes boosted trees for tables and extra trees on pixels for images.
        folds: At least 2; no more than the smallest class has items.
        config: How to train the models.
        watch: Called with how many of the trainings are done, and of how many.

    Raises:
        SpecError: An unknown strategy, or a number of folds out of range.
        DataError: One class, or classes that are too small.

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
        >>> quick = TrainConfig(max_epochs=2, progress=False)
        >>> found = augment(X[:200], y[:200], folds=2, config=quick)
        >>> len(found.items) == abs(2 * sum(y[:200]) - 200)
        True
    """
    config = config or TrainConfig()
    labels, counts = np.asarray(y), counts_of(y)
    if not 2 <= folds <= min(counts.values()):
        raise SpecError(
            f"folds must be from 2 to {min(counts.values())}, the items of the smallest class; got "
            f"{folds}."
        )
    made = _Making(X, labels, strategy, preset, domain, config)
    scores = []
    for fold, (train, test) in enumerate(_splits(labels, folds, config.seed)):
        watch(fold, folds + 1)
        scores.append(_judged(made, train, test, judge))
    watch(folds, folds + 1)
    items, classes = made(np.arange(len(labels)))
    without, with_synthetic = zip(*scores, strict=True)
    return Augmentation(items, classes, without, with_synthetic)


@dataclass(frozen=True)
class _Making:
    """How synthetic items are made from some of the real ones."""

    X: Any
    labels: NDArray[Any]
    strategy: Strategy
    preset: str | Preset
    domain: str | Domain
    config: TrainConfig

    def __call__(self, places: NDArray[np.int64]) -> tuple[Any, NDArray[Any]]:
        labels = self.labels[places]
        strategy = shrunk(self.strategy, len(labels) / len(self.labels))
        wanted = wanted_counts(counts_of(labels), strategy)
        return synthesise(
            part(self.X, places),
            labels,
            wanted,
            preset=self.preset,
            domain=self.domain,
            config=self.config,
        )


def _splits(labels: NDArray[Any], folds: int, seed: int) -> _Splits:
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    splits: _Splits = splitter.split(np.zeros(len(labels)), labels)
    return splits


def _judged(
    made: _Making, train: NDArray[np.int64], test: NDArray[np.int64], judge: Any
) -> tuple[float, float]:
    """The score of a classifier without and with synthetic items."""
    items, classes = made(train)
    real, left_out = part(made.X, train), part(made.X, test)
    labels, truth = made.labels[train], made.labels[test]
    without = classifier_score(judge, real, labels, left_out, truth)
    both = joined(real, items), np.concatenate([labels, classes])
    return without, classifier_score(judge, *both, left_out, truth)
