"""Synthetic items for training sets that are small or lopsided, and whether they help."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains import Domain
from vaekit.presets import Preset
from vaekit.tasks.augmentation.aims import Aim, aim_of
from vaekit.tasks.augmentation.forms import joined, part
from vaekit.tasks.augmentation.strategy import Strategy
from vaekit.training import TrainConfig

__all__ = ["Augmentation", "augment"]

_TELLING = 0.02
_DRAWS = 3  # sets of synthetic items that each fold is judged with: one set may be lucky


@dataclass(frozen=True)
class Augmentation:
    """Synthetic items, and whether an estimator gains by them.

    Attributes:
        items: The synthetic items, in the form of the data.
        labels: Their classes, or numbers.
        without: Scores on items left out, fold by fold, of an estimator trained on real items.
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
    def clear(self) -> bool:
        """Whether the folds tell at all: a gain of 0.02 would have been larger than its error."""
        return abs(self.gain) > self.standard_error or self.standard_error <= _TELLING

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
        if not self.clear:
            return (
                "These items are too few to tell whether synthetic ones help; do not rely on them: "
                f"{numbers}."
            )
        return f"Do not augment: synthetic items do not help an estimator of these data; {numbers}."


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
        SpecError: An unknown strategy or kind, or a number of folds out of range.
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
    aim = aim_of(kind, targets)(strategy, preset, domain, screened)
    aim.check(targets, folds)
    scores = []
    for fold, (train, test) in enumerate(aim.splits(targets, folds, config.seed)):
        watch(fold, folds + 1)
        scores.append(_judged(aim, X, targets, train, test, judge, config))
    watch(folds, folds + 1)
    items, made = aim.maker(X, targets, config).make(aim.wanted(targets), config.seed)
    without, with_synthetic = zip(*scores, strict=True)
    return Augmentation(items, made, without, with_synthetic, aim.measure)


def _judged(
    aim: Aim,
    X: Any,
    y: NDArray[Any],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    judge: Any,
    config: TrainConfig,
) -> tuple[float, float]:
    """The score of an estimator without synthetic items, and the mean with some sets of them."""
    real, targets = part(X, train), y[train]
    left_out, truth = part(X, test), y[test]
    wanted = aim.wanted(targets, len(train) / len(y))
    maker, scores = aim.maker(real, targets, config), []
    for draw in range(_DRAWS):
        items, made = maker.make(wanted, config.seed + draw)
        both = joined(real, items), np.concatenate([targets, made])
        scores.append(aim.score(judge, *both, left_out, truth))
    return aim.score(judge, real, targets, left_out, truth), float(np.mean(scores))
