"""Synthetic items, and the advice whether to use them: can targets be predicted at all?"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.augmentation.generators import Floats

_TELLING = 0.02
_LEARNABLE = 0.025  # chance level above which nothing shows that targets can be predicted


@dataclass(frozen=True)
class Augmentation:
    """Synthetic items, and whether an estimator gains by them.

    Attributes:
        items: The synthetic items, in the form of the data.
        labels: Their classes, or numbers.
        without: Scores on items left out, fold by fold, of an estimator trained on real items.
        with_synthetic: The same with synthetic items added to its training.
        measure: What the scores are.
        chance: How probable it is that shuffled targets are predicted as well, 0 to 1: above 0.025
            nothing shows that there is anything to learn.
    """

    items: Any = field(repr=False)
    labels: NDArray[Any] = field(repr=False)
    without: tuple[float, ...]
    with_synthetic: tuple[float, ...]
    measure: str = "average precision"
    chance: float = 0.0

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
    def learnable(self) -> bool:
        """Whether estimators predict the targets better than chance."""
        return self.chance <= _LEARNABLE

    @property
    def helps(self) -> bool:
        """Whether there is something to learn, and the gain is larger than its standard error."""
        return self.learnable and self.gain > self.standard_error

    @property
    def clear(self) -> bool:
        """Whether it can be told at all.

        There is something to learn, and the gain is larger than its standard error, or one of 0.02
        would have been.
        """
        telling = abs(self.gain) > self.standard_error or self.standard_error <= _TELLING
        return self.learnable and telling

    @property
    def advice(self) -> str:
        """What to do, with the numbers."""
        numbers = (
            f"{self.measure} {np.mean(self.without):.3f} without and "
            f"{np.mean(self.with_synthetic):.3f} with them, a gain of {self.gain:+.3f} ± "
            f"{self.standard_error:.3f} over {len(self.without)} folds"
        )
        if not self.learnable:
            return (
                "Nothing shows that these targets can be predicted at all: of shuffled ones, "
                f"{self.chance:.0%} are predicted as well. Do not rely on synthetic ones: "
                f"{numbers}."
            )
        if self.helps:
            return f"Synthetic items help: {numbers}."
        if not self.clear:
            return (
                "These items are too few to tell whether synthetic ones help; do not rely on them: "
                f"{numbers}."
            )
        return f"Do not augment: synthetic items do not help an estimator of these data; {numbers}."


_SHUFFLES = 999


def chance_level(truth: Floats, predicted: Floats, seed: int) -> float:
    """Return how probable it is that shuffled targets are predicted as well, above 0 to 1.

    The statistic is the sum over columns of the covariance of ranks: that of Mann and Whitney for
    classes, of Spearman for numbers.

    Args:
        truth: What is to be predicted, shape (items, columns).
        predicted: What is said of items left out of the training, the same shape.
        seed: Of the shuffles.

    Source: Ojala & Garriga 2010, "Permutation tests for studying classifier performance", test 1,
    with the predictions held fixed.

    Example:
        >>> truth = np.arange(20.0)[:, None] % 2
        >>> chance_level(truth, truth, seed=0), chance_level(truth, 0 * truth, seed=0)
        (0.001, 1.0)
    """
    rng = np.random.default_rng(seed)
    ranked, predicted = centered_ranks(truth), centered_ranks(predicted)
    observed = np.sum(ranked * predicted)
    shuffled = [np.sum(rng.permutation(ranked) * predicted) for _ in range(_SHUFFLES)]
    as_well = np.sum(np.array(shuffled) >= observed - 1e-9)
    return float((1 + as_well) / (1 + _SHUFFLES))


def centered_ranks(values: Floats) -> Floats:
    """Return the rank of each value in its column, by the rows and with mean 0."""
    from scipy.stats import rankdata

    ranks: Floats = rankdata(values, axis=0) / len(values)
    centered: Floats = ranks - ranks.mean(axis=0)
    return centered
