"""Scores of anomalies, where it is known what is odd."""

import numpy as np
import pytest
import torch

from vaekit import Autoencoder
from vaekit.domains import ArrayDomain
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.tasks.anomalies import SCORES, fit_detector
from vaekit.tasks.anomalies.rarity import Rarity
from vaekit.tasks.anomalies.scores import Margins, Neighbours
from vaekit.tasks.anomalies.seen import Seen, frame_of

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


@pytest.mark.parametrize("score", SCORES)
def test_every_score_finds_what_is_far_away(trained, score):
    detector = fit_detector(trained, plane(800, 0), score=score)
    usual = detector.score(plane(300, 5))
    assert usual.shape == (300,)
    assert (detector.score(50 * ODD) > np.quantile(usual, 0.99)).all()


@pytest.mark.parametrize("score", ["novelty", "bound", "surprise", "neighbours"])
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
    rarity = Rarity.of(np.arange(100.0))
    near, far, farther = rarity(np.array([99.0, 200.0, 2000.0]))
    assert near < far < farther
    assert (np.diff(rarity(np.arange(-5.0, 120.0))) >= 0).all()
    assert np.isfinite(Rarity.of([3.0, 3.0])(np.array([2.0, 3.0, 4.0]))).all()


def test_probabilities_rise_with_scores_from_nothing(trained):
    detector = fit_detector(trained, plane(800, 0))
    p = detector.probabilities(detector.training.mean() + np.array([-9.0, 0.0, 1.0, 50.0]))
    assert (p[:2] == 0).all()
    assert 0 < p[2] < p[3] == pytest.approx(1)


def test_a_training_item_is_not_its_own_neighbour():
    points = np.array([[0.0], [1.0], [5.0]])
    zeros = np.zeros(3)
    seen = Seen(points, points, zeros, zeros, zeros, zeros)
    fitted = Neighbours(1).fit(seen)
    assert fitted.of_training(seen).tolist() == [1, 1, 4]
    assert fitted.of(seen).tolist() == [0, 0, 0]
    assert Neighbours(20).fit(seen).of(seen).tolist() == [5, 4, 5]  # there are only three


def test_margins_count_rare_values_and_those_beyond():
    points = np.r_[np.zeros(90), np.ones(10)][:, None]
    zeros = np.zeros(100)
    margins = Margins().fit(Seen(points, points, zeros, zeros, zeros, zeros))
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


def test_coordinates_run_from_0_to_1():
    domain = ArrayDomain().fit(plane(100, 0))
    x = domain.encode(domain.prepare(plane(100, 0)))
    points = frame_of(domain, x).place(x)
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
