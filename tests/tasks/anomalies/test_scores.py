"""Scores of anomalies, where it is known what is odd."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from vaekit import Autoencoder
from vaekit.anomalies import SCORES, fit_detector
from vaekit.anomalies.inputs import ReferenceStatistics, ScoringInputs, reference_statistics
from vaekit.anomalies.marginals import RobustDeviation, TailProbability
from vaekit.anomalies.neighbors import NeighborDistance
from vaekit.anomalies.scores import Margins
from vaekit.domains import ArrayDomain
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.types import Batch

RNG = np.random.default_rng(0)


def plane(rows, seed):
    """Four columns, of which two follow from the others."""
    a, b = np.random.default_rng(seed).normal(size=(2, rows))
    noise = 0.1 * np.random.default_rng(seed + 1).normal(size=(2, rows))
    return np.stack([a, b, a + b + noise[0], a - b + noise[1]], axis=1)


ODD = np.array([[1.0, 1.0, -2.0, 0.0], [0.5, -0.5, 3.0, 1.0]])
"""Nothing unusual column by column."""


@pytest.fixture(scope="module")
def trained():
    model = Autoencoder("vae", 2, steps=800, validation=0.0, seed=0, progress=False)
    return model.fit(plane(800, 0)).trained_


OF_ROWS = [name for name in SCORES if "patches" not in name]


@pytest.mark.parametrize("score", OF_ROWS)
def test_every_score_finds_what_is_far_away(trained, score):
    detector = fit_detector(trained, plane(800, 0), score=score)
    usual = detector.score(plane(300, 5))
    assert usual.shape == (300,)
    assert (detector.score(50 * ODD) > np.quantile(usual, 0.99)).all()


@pytest.mark.parametrize("score", [name for name in OF_ROWS if name != "code"])
@pytest.mark.parametrize("far", [1e12, 1e25])
def test_what_single_precision_cannot_hold_is_as_odd_as_can_be(trained, score, far):
    detector = fit_detector(trained, plane(800, 0), score=score)
    found = detector.score(far * ODD)
    assert np.isfinite(found).all()
    assert (found >= np.quantile(detector.training, 0.99)).all()


@pytest.mark.parametrize("score", ["novelty", "bound", "surprise", "neighbours", "exemplars"])
def test_what_breaks_a_rule_is_found_though_each_value_is_usual(trained, score):
    detector = fit_detector(trained, plane(800, 0), score=score)
    odd = plane(40, 7)
    odd[:, 2] = -odd[:, 2]
    far = np.abs(odd[:, 2]) > 1
    usual = detector.score(plane(300, 5))
    assert (detector.score(odd[far]) > np.quantile(usual, 0.9)).mean() > 0.8


def test_scores_are_the_same_at_every_call_and_in_any_company(trained):
    detector, rows = fit_detector(trained, plane(800, 0), score="novelty"), plane(50, 3)
    first = detector.score(rows)
    assert (detector.score(rows) == first).all()
    alone = np.concatenate([detector.score(row[None]) for row in rows[::-1]])[::-1]
    assert alone == pytest.approx(first, rel=0.01, abs=1e-3)
    assert np.median(np.abs(alone - first)) < 1e-4
    pair = torch.get_rng_state()
    detector.score(rows)
    assert (torch.get_rng_state() == pair).all()


def test_scores_say_how_rare_training_items_are_in_nats(trained):
    training = fit_detector(trained, plane(800, 0), score="bound").training
    assert training.mean() == pytest.approx(1, abs=0.01)  # of an exponential distribution
    assert training.max() == pytest.approx(np.log(801 / 1.5), abs=1e-6)


def test_rarity_goes_on_beyond_the_rarest():
    rarity = TailProbability.of(np.arange(100.0))
    near, far, farther = rarity(np.array([99.0, 200.0, 2000.0]))
    assert near < far < farther
    assert (np.diff(rarity(np.arange(-5.0, 120.0))) >= 0).all()
    assert np.isfinite(TailProbability.of([3.0, 3.0])(np.array([2.0, 3.0, 4.0]))).all()


def test_scores_that_differ_by_rounding_alone_are_as_rare():
    twins = np.array([50.0, 50.0 + 1e-13])
    rarity = TailProbability.of([*np.arange(100.0), *twins])
    first, second = rarity(twins)
    assert abs(first - second) < 1e-9
    values, at_least = rarity.steps
    assert len(values) == 100
    assert at_least[50] == 52


def test_probabilities_rise_with_scores_from_nothing(trained):
    detector = fit_detector(trained, plane(800, 0))
    p = detector.probabilities(detector.training.mean() + np.array([-9.0, 0.0, 1.0, 50.0]))
    assert (p[:2] == 0).all()
    assert 0 < p[2] < p[3] == pytest.approx(1)


def seen_at(points):
    """Items of which only the points are known."""
    zeros = np.zeros(len(points))
    positions = np.zeros(points.shape[1])
    frame = ReferenceStatistics(
        (), positions, positions + 1, points.mean(0), points.std(0) + 1e-9, positions + 1
    )
    return ScoringInputs(None, frame, None, points, points, zeros, zeros)


def test_a_training_item_is_not_its_own_neighbor():
    seen = seen_at(np.array([[0.0], [1.0], [5.0]]))
    fitted = NeighborDistance(1).fit(seen)
    assert fitted.of_training(seen).tolist() == [1, 1, 4]
    assert fitted.of(seen).tolist() == [0, 0, 0]
    assert NeighborDistance(20).fit(seen).of(seen).tolist() == [5, 4, 5]  # there are only three
    assert NeighborDistance(2, averaged=True).fit(seen).of_training(seen).tolist() == [3, 2.5, 4.5]
    by_share = NeighborDistance(share=0.4).fit(seen)
    assert by_share.of_training(seen).tolist() == by_share.of(seen).tolist() == [1, 1, 4]


def test_neighbors_agree_with_scikit_learn_also_in_pieces(monkeypatch):
    seen = seen_at(RNG.normal(size=(300, 4)))
    for metric in ("euclidean", "cityblock"):
        theirs = NearestNeighbors(n_neighbors=8, metric=metric).fit(seen.points)
        distances = theirs.kneighbors(seen.points)[0][:, 1:]
        for pieces in (2**22, 1000):
            monkeypatch.setattr("vaekit.anomalies.neighbors._AT_ONCE_NEIGHBOURS", pieces)
            last = NeighborDistance(7, metric=metric).fit(seen).of_training(seen)
            mean = NeighborDistance(7, metric=metric, averaged=True).fit(seen).of_training(seen)
            assert last == pytest.approx(distances[:, -1])
            assert mean == pytest.approx(distances.mean(1))


def windows_of(series, steps):
    """Its windows as `ScoringInputs` has them, one step apart."""
    points = np.lib.stride_tricks.sliding_window_view(series, steps).copy()
    batch = Batch(torch.from_numpy(points)[:, None])
    return replace(seen_at(points), batch=batch, times=np.arange(len(points)))


def test_windows_that_share_steps_are_no_neighbors_in_training():
    seen = windows_of(RNG.normal(size=120).cumsum(), 8)
    begin = np.arange(len(seen.points))
    apart = np.abs(begin[:, None] - begin) > 8
    distances = np.where(apart, cdist(seen.points, seen.points), np.inf).min(1)
    fitted = NeighborDistance(1, apart=True).fit(seen)
    assert fitted.of_training(seen) == pytest.approx(distances)
    with_twins = NeighborDistance(1).fit(seen).of_training(seen)
    assert (distances >= with_twins - 1e-9).all()
    assert distances.mean() > 1.2 * with_twins.mean()
    assert fitted.of(seen).tolist() == [0] * len(begin)  # of new windows all count
    few = windows_of(np.arange(9.0), 7)  # too few to leave any out but itself
    assert NeighborDistance(1, apart=True).fit(few).of_training(few) == pytest.approx(
        np.sqrt(7) * np.ones(3)
    )


def test_shapes_are_the_same_wherever_a_series_has_drifted_to():
    wave = np.sin(np.arange(60) / 3)
    low, high = windows_of(wave, 12), windows_of(wave + 5, 12)
    assert high.shapes == pytest.approx(low.shapes)
    assert low.shapes.mean(1) == pytest.approx(0, abs=1e-12)
    both = replace(low, points=np.c_[low.points, 2 + low.points])
    assert both.shapes == pytest.approx(np.c_[low.shapes, low.shapes])  # each channel by itself


def test_standings_are_in_robust_deviations():
    known = np.r_[RNG.normal(size=999), 1e9]
    assert RobustDeviation.of(known)(np.array([0.0, 3.0])) == pytest.approx([0, 3], abs=0.2)
    assert RobustDeviation.of([2.0, 2.0])(np.array([2.0, 3.0])).tolist() == [0, 1]


def test_many_training_items_are_represented_by_some():
    seen = seen_at(RNG.normal(size=(2000, 2)))
    fitted = NeighborDistance(share=0.05, most=500).fit(seen)
    assert fitted.positions.shape == (500, 2)
    whole = NeighborDistance(share=0.05).fit(seen).of_training(seen)
    assert np.corrcoef(fitted.of_training(seen), whole)[0, 1] > 0.95


def test_one_wild_cell_does_not_hide_the_others():
    points = np.r_[RNG.normal(size=(500, 3)), [[0.0, 0.0, 1e6]]]
    seen = seen_at(points)
    assert np.abs(seen.weighted).max() <= 10 + 1e-9


def test_exemplars_are_a_mixture_around_decoded_training_items(trained):
    X = plane(60, 0)
    detector = fit_detector(trained, X, score="exemplars")
    x = trained.domain.prepare(X)
    with torch.no_grad():
        px = trained.vae.decode(trained.vae.encode(x))
        pairs = torch.stack([px.log_prob(row).sum(-1)[0] for row in x])
    expected = np.log(60) - torch.logsumexp(pairs, 1)
    assert detector.scores[0].of(detector.prepare_inputs(X)) == pytest.approx(
        expected.numpy(), rel=1e-4
    )
    pairs.fill_diagonal_(-torch.inf)
    without = np.log(59) - torch.logsumexp(pairs, 1)
    assert detector.scores[0].of_training(detector.prepare_inputs(X)) == pytest.approx(
        without.numpy(), rel=1e-4
    )


def test_margins_count_rare_values_and_those_beyond():
    points = np.r_[np.zeros(90), np.ones(10)][:, None]
    margins = Margins().fit(seen_at(points))
    common, rare, beyond, below, empty = margins.by_column(
        np.array([[0.0], [1.0], [2.0], [-1.0], [0.5]])
    )[:, 0]
    assert common < rare < beyond == below == empty


def test_a_constant_column_that_changes_is_odd_and_does_no_harm(trained):
    constant = np.column_stack([plane(300, 0), np.full(300, 7.0)])
    model = Autoencoder("vae", 2, max_epochs=30, seed=0, progress=False).fit(constant)
    detector = fit_detector(model.trained_, constant)
    changed = np.column_stack([plane(20, 3), np.full(20, 7.5)])
    same = np.column_stack([plane(20, 3), np.full(20, 7.0)])
    assert np.isfinite(detector.score(changed)).all()
    assert (detector.score(changed) > detector.score(same)).all()


def test_coordinates_run_from_0_to_1(trained):
    domain = ArrayDomain().fit(plane(100, 0))
    x = domain.encode(domain.prepare(plane(100, 0)))
    points = reference_statistics(trained.vae, domain, x).place(x)
    assert points.min(0) == pytest.approx(0)
    assert points.max(0) == pytest.approx(1)


def test_the_corrupted_column_is_the_first_reason(trained):
    rows, hits = plane(40, 11), 0
    for row in range(40):
        rows[row, row % 4] += 6.0
    reasons = fit_detector(trained, plane(800, 0), score="bound").reasons(rows, top=2)
    for row, found in enumerate(reasons):
        hits += str(row % 4) in [reason.column for reason in found]
    assert hits >= 32
    assert all(len(found) <= 2 for found in reasons)
    first = reasons[0][0]
    assert first.found == pytest.approx(rows[0, int(first.column)], abs=1e-4)
    assert first.share > 0


def test_what_cannot_detect_is_refused(trained):
    with pytest.raises(SpecError, match="did you mean 'novelty'"):
        fit_detector(trained, plane(100, 0), score="noveltyy")
    points = Autoencoder("autoencoder", 2, max_epochs=1, progress=False).fit(plane(100, 0))
    with pytest.raises(CompositionError, match="Use preset 'vae'"):
        fit_detector(points.trained_, plane(100, 0))
    with pytest.raises(DataError, match="at least 2 items"):
        fit_detector(trained, plane(1, 0))
    images = Autoencoder("vae", 2, max_epochs=1, progress=False).fit(
        RNG.integers(0, 255, (40, 8, 8), dtype=np.uint8)
    )
    detector = fit_detector(images.trained_, RNG.integers(0, 255, (40, 8, 8), dtype=np.uint8))
    with pytest.raises(CompositionError, match="no rows"):
        detector.reasons(RNG.integers(0, 255, (2, 8, 8), dtype=np.uint8))
