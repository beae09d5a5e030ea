"""Agreement of clusters with classes, against cases that can be counted by hand."""

import numpy as np
import pytest

from vaekit.errors import DataError
from vaekit.metrics import agreement


def test_numbers_of_clusters_have_no_influence():
    labels = np.repeat([0, 1, 2], 10)
    perfect = agreement((labels + 1) % 3, labels)
    assert (perfect.nmi, perfect.ari, perfect.accuracy) == pytest.approx((1, 1, 1))


def test_accuracy_matches_each_class_with_one_cluster():
    # Both clusters are mostly "a"; only one of them may stand for it.
    assert agreement([0, 0, 0, 1, 1], ["a", "a", "a", "a", "b"]).accuracy == 0.8
    assert agreement([0, 1, 2, 3], ["a", "a", "b", "b"]).accuracy == 0.5


def test_random_clusters_score_nothing():
    rng = np.random.default_rng(0)
    scores = agreement(rng.integers(0, 4, 20_000), rng.integers(0, 4, 20_000))
    assert abs(scores.ari) < 0.01
    assert scores.nmi < 0.01
    assert scores.accuracy == pytest.approx(0.25, abs=0.02)


def test_items_in_no_cluster_are_wrong():
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert agreement([0, 0, -1, 1, 1, -1], labels).accuracy == pytest.approx(4 / 6)
    assert agreement([-1] * 6, labels).accuracy == 0
    assert agreement([-1] * 6, labels).nmi == 0


@pytest.mark.parametrize(
    ("assignments", "labels", "says"),
    [
        ([0, 1], [0, 1, 2], "one class for each"),
        ([0.5, 1.0], [0, 1], "whole numbers"),
        ([[0, 1]], [[0, 1]], "whole numbers"),
        ([0, 1, 1], ["a", "a", "a"], r"at least 2 classes.*\['a'\]"),
    ],
)
def test_what_cannot_be_compared_is_refused(assignments, labels, says):
    with pytest.raises(DataError, match=says):
        agreement(assignments, labels)
