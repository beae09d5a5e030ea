"""Scores that look at items through another, and dependencies between columns."""

import numpy as np
import pandas as pd
import pytest

from vaekit import Autoencoder
from vaekit.anomalies import VAEDetector, fit_detector, load_detector
from vaekit.anomalies.compositions import Ranked, Trimmed, Whitened, mid_ranks
from vaekit.anomalies.dependencies import ColumnDependencies
from vaekit.anomalies.neighbors import NeighborDistance, RelativeDistance
from vaekit.anomalies.scores import Isolation
from vaekit.errors import FormatError, NotFittedError

NAMES = (
    *("cleaned", "cleaned_neighbours", "relative_novelty", "relative_neighbours", "dependencies"),
    *("cleaned_and_rules", "novelty_and_rules", "broken_rules"),
)


def rows(count, seed):
    """Two columns, one that is their product but for a little, and two that follow from nothing."""
    rng = np.random.default_rng(seed)
    a, b, c, d = rng.normal(size=(4, count))
    return np.column_stack([a, b, a * b + 0.05 * rng.normal(size=count), c, d])


@pytest.fixture(scope="module")
def trained():
    return Autoencoder("vae", 2, max_epochs=2, seed=0, progress=False).fit(rows(300, 0)).trained_


@pytest.fixture(scope="module")
def seen(trained):
    return fit_detector(trained, rows(300, 0), score="neighbours").prepare_inputs


@pytest.mark.parametrize("name", NAMES)
def test_scores_do_not_depend_on_the_order_or_on_the_company_of_rows(trained, name):
    detector, asked = fit_detector(trained, rows(300, 0), score=name), rows(20, 1)
    found = detector.score(asked)
    np.testing.assert_allclose(detector.score(asked[::-1])[::-1], found, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(detector.score(asked[:1]), found[:1], rtol=1e-3, atol=1e-3)
    again = fit_detector(trained, rows(300, 0), score=name)
    np.testing.assert_array_equal(again.score(asked), found)
    np.testing.assert_array_equal(again.training, detector.training)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "data",
    [
        np.repeat(rows(20, 0), 5, axis=0),
        np.ones((30, 3)),
        np.column_stack([rows(60, 0), np.ones(60)]),
        rows(2, 0),
        rows(40, 0)[:, :1],
    ],
    ids=["duplicates", "constant", "a constant column", "two rows", "one column"],
)
@pytest.mark.filterwarnings("ignore:2 items are few")
def test_odd_tables_have_finite_scores(name, data):
    model = Autoencoder("vae", 1, max_epochs=1, seed=0, progress=False, validation=0.0).fit(data)
    detector = fit_detector(model.trained_, data, score=name)
    assert np.isfinite(detector.training).all()
    assert np.isfinite(detector.score(data + 1)).all()


@pytest.mark.parametrize("name", NAMES)
def test_missing_cells_are_no_errors(name):
    cells = rows(80, 0)
    cells[::7, 1] = np.nan
    data = pd.DataFrame(cells, columns=list("abcde"))
    model = Autoencoder("vae", 1, max_epochs=1, seed=0, progress=False).fit(data)
    detector = fit_detector(model.trained_, data, score=name)
    assert np.isfinite(detector.score(data)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_detector_scores_as_before(name, tmp_path):
    data = rows(120, 0)
    detector = VAEDetector(0.1, method=name, max_epochs=1, progress=False).fit(data)
    detector.save(tmp_path / "run")
    stored = load_detector(tmp_path / "run")
    np.testing.assert_array_equal(stored.score_samples(data), detector.score_samples(data))
    reasons = stored.explain(data[stored.labels_ == 1])
    assert len(reasons) == 12
    assert all(len(found) <= 3 for found in reasons)
    assert any(reasons)


def test_trimmed_items_do_not_vouch_for_each_other(seen):
    crowd = np.tile([9.0, 9.0, 9.0, 9.0, 9.0], (40, 1))
    crowd += 0.01 * np.random.default_rng(2).normal(size=crowd.shape)
    training = seen(np.concatenate([rows(300, 0), crowd]))
    plain = NeighborDistance(5)
    trimmed = Trimmed(NeighborDistance(share=0.3), plain)
    for score, finds in ((plain, False), (trimmed, True)):
        found = score.fit(training).of_training(training)
        assert (found[300:].min() > np.quantile(found[:300], 0.99)) == finds


def test_whitened_points_have_unit_covariance_but_for_a_ridge(seen):
    training = seen(rows(300, 0))
    turned = Whitened(Isolation()).fit(training)._turned(training).points
    covariance = np.cov(turned, rowvar=False)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-6
    assert (np.diag(covariance) < 1).all()


def test_ranks_do_not_change_if_columns_are_stretched(trained):
    points = rows(200, 0)
    known = np.sort(points, axis=0).T
    stretched = mid_ranks(np.exp(known), np.exp(points))
    np.testing.assert_array_equal(mid_ranks(known, points), stretched)
    assert stretched.mean() == pytest.approx(0.5)


def test_relative_distances_are_the_same_in_any_unit_and_one_in_even_spacing(seen):
    training = seen(rows(300, 0))
    found = RelativeDistance(5).fit(training).of_training(training)
    assert 0.9 < np.median(found) < 1.5
    ranked = Ranked(RelativeDistance(5)).fit(training)
    assert np.isfinite(ranked.of(training)).all()


def test_dependencies_find_what_breaks_a_rule_of_any_shape(trained):
    detector = fit_detector(trained, rows(800, 0), score="dependencies")
    odd, usual = rows(100, 3), detector.score(rows(300, 4))
    odd[:, 2] = -odd[:, 2]
    far = np.abs(odd[:, 2]) > 0.5
    assert (detector.score(odd[far]) > np.quantile(usual, 0.9)).mean() > 0.8


def test_a_score_that_has_learned_nothing_says_so(seen):
    with pytest.raises(NotFittedError, match="call fit first"):
        ColumnDependencies().of(seen(rows(3, 0)))


def test_trees_that_never_end_are_refused(seen):
    fitted = ColumnDependencies().fit(seen(rows(60, 0)))
    arrays = {name: array.copy() for name, array in fitted.arrays.items()}
    arrays["left"][:, 0] = 0
    with pytest.raises(FormatError, match="damaged"):
        ColumnDependencies().restored(arrays)
