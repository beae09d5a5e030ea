"""Whether targets can be predicted at all, and what gain by synthetic items is usual."""

from dataclasses import dataclass

import numpy as np

from vaekit.augmentation.generators import Floats

_SHUFFLES = 999
_GAIN, _FALL, _DEVIATION, _OFF = 0.22, 0.074, 0.32, 0.2
_FEWEST = 20  # of a class, in what was measured
_LEAST_MISSING = 0.02  # of the score: where nothing is missing, nothing is to be gained
_CORRECTION = 1.5  # of five folds that share their rows (Nadeau & Bengio 2003, equation 9)


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


@dataclass(frozen=True)
class UsualGain:
    """What boosted trees at their defaults gain by synthetic rows on other tables.

    A gain is a share of what is missing to a score of 1. It falls with the rows of the smallest
    class: trees whose leaves must have 20 rows learn little from few, and gain most.

    Attributes:
        size: Rows of the smallest class; of numbers half of the rows.
        asked: Synthetic rows, as a share of the real ones: the gain was measured of half and more.

    Source: measured on 18 tables, see decision 40.

    Example:
        >>> few, many = UsualGain(25), UsualGain(800)
        >>> few.mean > many.mean, few.fold_error > many.fold_error
        (True, True)
    """

    size: int
    asked: float = 1.0

    @property
    def _measured_size(self) -> int:
        return max(self.size, _FEWEST)

    @property
    def mean(self) -> float:
        """Mean over tables."""
        whole = max(0.0, _GAIN - _FALL * np.log2(self._measured_size / 25))
        return float(whole * min(1.0, self.asked / 0.5))

    @property
    def deviation(self) -> float:
        """Standard deviation over tables."""
        return _DEVIATION

    @property
    def fold_error(self) -> float:
        """How far the mean over folds is off, beyond what they differ by among themselves."""
        return float(_OFF * (100 / self._measured_size) ** 0.5)

    def estimate(self, gain: float, error: float, score: float) -> tuple[float, float]:
        """Return the gain to be expected on other rows, and its standard deviation.

        The gain over folds and what is usual are weighted by their precisions.

        Args:
            gain: Mean gain over folds.
            error: Its standard error.
            score: Mean score without synthetic rows, at most 1.
        """
        missing = max(1.0 - max(score, 0.0), _LEAST_MISSING)
        measured = (_CORRECTION * error / missing) ** 2 + self.fold_error**2
        weights = np.array([1 / measured, 1 / self.deviation**2])
        expected = weights @ [gain / missing, self.mean] / weights.sum()
        return float(missing * expected), float(missing / weights.sum() ** 0.5)
