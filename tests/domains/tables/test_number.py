"""Columns of numbers: ranks, ties, bins and ranges."""

import itertools

import numpy as np
import pytest
from scipy.special import ndtr

pd = pytest.importorskip("pandas")

from vaekit.tables import (  # noqa: E402
    Condition,
    NumericColumn,
    QuantileTransform,
)

RNG = np.random.default_rng(0)


def fitted(values):
    values = np.asarray(values, dtype=np.float64)
    return NumericColumn("x", "float64", has_missing=False).fit(values)


def tied(count=4000):
    """Some 40 values, the larger the rarer, one of them in every third row."""
    return np.where(RNG.random(count) < 0.3, 7.0, np.minimum(RNG.geometric(0.05, count), 40.0))


def uniform_draws(column, low=0.0, high=1.0, count=40_000):
    from scipy.special import ndtri

    ranks = RNG.uniform(low, high, count).clip(1e-9, 1 - 1e-9)
    return column.decode(np.full(count, column.number_code), ndtri(ranks))


def test_standard_normal_scores_come_back_as_often_as_in_training():
    values = tied()
    column = fitted(values)
    rest = values[~np.isin(values, column.masses)]
    made = uniform_draws(column)
    for value in np.unique(rest):
        assert (made == value).mean() == pytest.approx((rest == value).mean(), abs=0.01)


def test_bins_hold_whole_values():
    column = fitted(tied())
    for most in (100, 7):
        edges = np.array(column.bins(most))
        assert (edges[0], edges[-1]) == (0, 1)
        assert (np.diff(edges) > 0).all()
        assert len(edges) <= most + 1
        seen = [set(uniform_draws(column, *ends, 500)) for ends in itertools.pairwise(edges)]
        assert sum(map(len, seen)) == len(set().union(*seen)) == len(column.scale.values)


def test_bins_of_numbers_without_ties_are_equal():
    column = fitted(RNG.normal(size=500))
    np.testing.assert_allclose(np.diff(column.bins(20)), 0.05)


@pytest.mark.parametrize(("low", "high"), [(3, 9), (12, 12), (None, 2), (20, None)])
def test_ranges_are_met_at_both_ends(low, high):
    values = tied()
    column = fitted(values)
    allowed = column.allow(Condition(low=low, high=high))
    made = uniform_draws(column, *ndtr([allowed.low, allowed.high]))
    asked = values[(values >= (low or -np.inf)) & (values <= (high or np.inf))]
    assert set(made) == set(asked) - set(column.masses)


def test_the_nearest_value_stands_for_one_that_is_not_there():
    column = fitted(tied())
    allowed = column.allow(Condition((12.3,)))
    assert set(uniform_draws(column, *ndtr([allowed.low, allowed.high]), 500)) == {12.0}


def test_shared_values_among_others_come_back_as_often():
    values = np.where(RNG.random(6000) < 0.3, 2000.0, RNG.uniform(0, 9000, 6000).round())
    values[:60], values[60:90] = 5000.0, 700.0
    column = fitted(values)
    assert column.masses == (2000.0,)
    rest = values[values != 2000]
    made = uniform_draws(column)
    for value in (5000.0, 700.0):
        assert (made == value).mean() == pytest.approx((rest == value).mean(), abs=0.002)
    assert len(set(made)) > 3000
    low, high = column.scale.between(5000, 5000)
    assert high - low == pytest.approx((rest == 5000).mean(), rel=0.01)


def test_a_number_alone_has_a_range_of_ranks_without_width():
    ranks = QuantileTransform.of(RNG.normal(size=200))
    low, high = ranks.between(ranks.values[20], ranks.values[20])
    assert low == high == ranks.middles[20]
