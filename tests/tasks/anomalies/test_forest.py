"""Forests as arrays, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from vaekit.anomalies.marginals import Forest
from vaekit.errors import FormatError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("rows", [2, 3, 40, 1000])
def test_it_scores_as_scikit_learn_does(rows):
    points = RNG.normal(size=(rows, 5))
    points[:, 4] = 1.0
    asked = np.r_[points, 3 * RNG.normal(size=(50, 5))]
    theirs = -IsolationForest(n_estimators=30, random_state=3).fit(points).score_samples(asked)
    assert Forest.grow(points, trees=30, seed=3).score(asked) == pytest.approx(theirs, abs=1e-12)


def test_many_rows_are_scored_a_piece_at_a_time(monkeypatch):
    points = RNG.normal(size=(300, 3))
    forest = Forest.grow(points, trees=20)
    whole = forest.score(points)
    monkeypatch.setattr("vaekit.anomalies.marginals._AT_ONCE", 100)
    assert (forest.score(points) == whole).all()


def test_it_comes_back_from_its_arrays_unless_nodes_point_back():
    points = RNG.normal(size=(300, 3))
    forest = Forest.grow(points, trees=5)
    assert (Forest.of(forest.arrays).score(points) == forest.score(points)).all()
    hostile = {name: array.copy() for name, array in forest.arrays.items()}
    hostile["left"][0, 0] = 0  # walking down would never end
    with pytest.raises(FormatError, match="later ones"):
        Forest.of(hostile)
