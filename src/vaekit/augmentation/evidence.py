"""Whether targets can be predicted at all."""

import numpy as np

from vaekit.augmentation.generators import Floats

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
