"""Distances to the nearest of many points, against scikit-learn and where numbers are hard."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from vaekit.anomalies.neighbors import nearest, usual_distance

RNG = np.random.default_rng(0)
KNOWN = RNG.normal(size=(200, 5))


@pytest.mark.parametrize("metric", ["euclidean", "cityblock"])
@pytest.mark.parametrize("count", [1, 3, 20, 199])
def test_they_are_those_of_all_distances(metric, count):
    asked = RNG.normal(size=(40, 5))
    found = nearest(asked, KNOWN, count, metric)
    expected = np.sort(cdist(asked, KNOWN, metric), axis=1)[:, :count]
    assert np.sort(found, axis=1) == pytest.approx(expected, rel=1e-12)
    assert (found[:, 0] == found.min(1)).all()
    assert (found[:, -1] == found.max(1)).all()


def test_a_point_that_is_known_is_at_no_distance_however_far_from_the_origin():
    far = 1e6 + KNOWN
    assert (nearest(far, far, 1) == 0).all()
    assert nearest(far, far, 2)[:, 1] == pytest.approx(
        np.sort(cdist(far, far), axis=1)[:, 1], rel=1e-9
    )


def test_what_single_precision_cannot_hold_is_far_not_unknown():
    wild = np.full((1, 5), 1e60)
    assert nearest(wild, KNOWN, 3) == pytest.approx(cdist(wild, KNOWN)[:, :3], rel=1e-9)


def test_where_fewer_are_known_infinite_ones_follow():
    for metric in ("euclidean", "cityblock"):
        found = nearest(np.zeros((2, 5)), KNOWN[:3], 5, metric)
        assert np.isfinite(found).sum(1).tolist() == [3, 3]
        assert np.isinf(found[:, 3:]).all()


def test_the_usual_distance_is_about_the_mean():
    asked = RNG.normal(size=(20, 5))
    many = RNG.normal(size=(5000, 5))
    assert usual_distance(asked, many) == pytest.approx(cdist(asked, many).mean(1), rel=0.15)
    assert usual_distance(asked, many[:3]) == pytest.approx(cdist(asked, many[:3]).mean(1))
