"""Scores of steps, and the events that they make up."""

from dataclasses import replace

import numpy as np
import pytest

from vaekit import Autoencoder
from vaekit.anomalies import fit_detector
from vaekit.errors import CompositionError
from vaekit.series import SeriesDomain, fit_steps
from vaekit.series import anomalies as steps

WINDOW = 24


def wave(time=1200, seed=0):
    return np.sin(np.arange(time) / 4) + 0.1 * np.random.default_rng(seed).normal(size=time)


def fitted(X, domain, score="bound", epochs=15):
    model = Autoencoder("vae", 2, domain=domain, max_epochs=epochs, validation=0, progress=False)
    detector = fit_detector(model.fit(X).trained_, X, score=score)
    return fit_steps(detector, X)


@pytest.fixture(scope="module")
def of_windows():
    return fitted(wave(), SeriesDomain(window=WINDOW), "series_contaminated")


@pytest.fixture(scope="module")
def of_a_set():
    X = np.stack([np.sin(np.arange(30) / 4 + p) for p in np.linspace(0, 6, 200)])
    return fitted(X + 0.1 * np.random.default_rng(0).normal(size=X.shape), SeriesDomain())


def test_each_step_has_a_score_and_the_odd_ones_the_highest(of_windows):
    X = wave(600, seed=1)
    usual = of_windows.score(X)
    X[300:306] += 3.0
    scores = of_windows.score(X)
    assert scores.shape == (600,)
    assert 295 <= scores.argmax() <= 310
    far = np.r_[: 300 - WINDOW, 306 + WINDOW : 600]
    assert scores[far] == pytest.approx(usual[far], abs=1e-4)
    assert (scores == of_windows.score(X)).all()


def test_scores_are_rare_among_the_training_steps(of_windows):
    assert of_windows.training.shape == (1200,)
    assert of_windows.training.mean() == pytest.approx(1.0, abs=0.2)
    assert of_windows.training.max() > of_windows.threshold > np.median(of_windows.training)


def test_windows_are_taken_a_part_at_a_time(of_windows, monkeypatch):
    X = wave(300, seed=1)
    whole, cost = of_windows.score(X), of_windows.surprise(X)
    monkeypatch.setattr(steps, "_WINDOWS_AT_ONCE", 50)
    assert of_windows.score(X) == pytest.approx(whole, abs=1e-5)
    assert of_windows.surprise(X) == pytest.approx(cost, abs=1e-4)


def test_a_mean_over_windows_is_over_those_that_cover_a_step():
    scores = np.array([1.0, 5.0, 3.0])
    assert steps._over_steps(scores, 2).tolist() == [1.0, 3.0, 4.0, 3.0]
    assert steps._over_steps(np.array([7.0]), 3).tolist() == [7.0] * 3


def test_the_stride_of_training_does_not_thin_out_the_scores():
    detector = fitted(wave(), SeriesDomain(window=WINDOW, stride=6), epochs=2)
    assert detector.score(wave(100)).shape == (100,)
    assert detector.training.shape == (1200,)


def test_events_say_when_how_much_and_where():
    X = np.stack([wave(), wave(seed=1)], 1)
    detector = fitted(X, SeriesDomain(window=WINDOW))
    X[600:606, 1] += 4.0
    first, *others = sorted(detector.events(X), key=lambda event: -event.score)
    assert first.start < 606
    assert first.end > 600
    assert 590 < first.peak < 616
    assert first.score == detector.score(X)[first.peak] > detector.threshold
    assert first.channels[0] == 1
    assert all(event.score < first.score for event in others)
    assert detector.events(X, threshold=1e9) == []
    (whole,) = detector.events(X, threshold=-1.0)
    assert (whole.start, whole.end) == (0, 1200)


def test_a_gap_poisons_nothing(of_windows):
    X = wave(600, seed=1)
    usual = of_windows.score(X)
    X[200:210] = np.nan
    scores = of_windows.score(X)
    assert np.isfinite(scores).all()
    far = np.r_[: 200 - WINDOW, 210 + WINDOW : 600]
    assert scores[far] == pytest.approx(usual[far], abs=1e-4)
    assert np.isnan(of_windows.surprise(X)[200:210]).all()
    assert np.isfinite(of_windows.surprise(X)[:200]).all()


def test_a_set_has_a_row_for_each_series(of_a_set):
    X = np.stack([np.sin(np.arange(30) / 4 + p) for p in (1.0, 2.0)])
    X[1, 12] = 4.0
    X[0, 20] = np.nan
    scores = of_a_set.score(X)
    assert scores.shape == (2, 30)
    assert np.unravel_index(np.nanargmax(scores), scores.shape) == (1, 12)
    assert np.isnan(scores[0, 20])
    assert np.isnan(scores).sum() == 1
    worst = max(of_a_set.events(X), key=lambda event: event.score)
    assert (worst.series, worst.peak) == (1, 12)


def test_steps_beyond_the_end_have_no_score(of_a_set):
    scores = of_a_set.score([np.sin(np.arange(n) / 4) for n in (12, 30)])
    assert np.isnan(scores[0, 12:]).all()
    assert np.isfinite(scores[0, :12]).all()
    assert np.isfinite(scores[1]).all()


def test_a_series_is_not_unusual_for_being_short():
    """With noise this small a value of density 1 and more would be missed if it were away."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 41, 300)
    X = [np.sin(np.arange(n) / 4 + p) for n, p in zip(lengths, rng.uniform(0, 6, 300), strict=True)]
    X = [x + 0.02 * rng.normal(size=len(x)) for x in X]
    detector = fitted(X, SeriesDomain(), epochs=60).detector
    scores = detector.score(X)
    assert abs(np.corrcoef(scores, lengths)[0, 1]) < 0.5
    X[7] = X[7] + rng.normal(size=len(X[7]))
    assert detector.score(X).argmax() == 7


def test_scores_of_steps_are_for_series():
    X = np.random.default_rng(0).normal(size=(50, 3))
    model = Autoencoder("vae", 1, max_epochs=1, progress=False).fit(X)
    detector = fit_detector(model.trained_, X)
    with pytest.raises(CompositionError, match="are for series; .* with ArrayDomain"):
        fit_steps(detector, X)


def test_conditional_models_are_refused(of_windows):
    detector = of_windows.detector
    labeled = replace(detector, trained=replace(detector.trained, context=object()))
    with pytest.raises(CompositionError, match="this one is conditional"):
        replace(of_windows, detector=labeled).score(wave())
