"""Where the usual ends."""

import numpy as np
import pytest

from vaekit.anomalies import automatic_threshold, conformal_p_values

RNG = np.random.default_rng(0)


def test_few_normal_scores_and_most_odd_ones_are_above():
    scores = np.r_[RNG.normal(size=950), RNG.normal(9, 1, 50)]
    threshold = automatic_threshold(scores)
    assert (scores[:950] > threshold).mean() < 0.01
    assert (scores[950:] > threshold).mean() > 0.95
    assert automatic_threshold([1.0] * 9 + [2.0]) > 1


def test_p_values_of_normal_items_are_at_most_as_small_as_they_say():
    rates = []
    for seed in range(300):
        scores = np.random.default_rng(seed).normal(size=60)
        rates.append((conformal_p_values(scores[:20], scores[20:]) <= 0.1).mean())
    assert np.mean(rates) == pytest.approx(4 / 41, abs=0.015)


def test_ties_count_as_larger():
    assert conformal_p_values([1.0], [1.0, 1.0, 0.0]).tolist() == [0.75]
