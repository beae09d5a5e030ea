"""The detector on series."""

import numpy as np
import pytest

from vaekit.anomalies import VAEDetector, load_detector
from vaekit.errors import CompositionError
from vaekit.series import SeriesDomain

QUICK = {"max_epochs": 10, "progress": False}
RNG = np.random.default_rng(0)
WAVE = np.sin(np.arange(1000) / 4) + 0.1 * RNG.normal(size=1000)
WAVE[700:710] += 2.0


@pytest.fixture(scope="module")
def fitted():
    return VAEDetector(domain=SeriesDomain(window=20), **QUICK).fit(WAVE)


def test_windows_are_items(fitted):
    assert fitted.predict(WAVE).shape == (981,)
    assert -1 in fitted.predict(WAVE)[685:710]


def test_steps_have_scores_and_make_events(fitted):
    assert 695 < fitted.step_scores(WAVE).argmax() < 715
    best = max(fitted.events(WAVE), key=lambda event: event.score)
    assert best.start < 710
    assert best.end > 700
    few = VAEDetector(0.01, domain=SeriesDomain(window=20), **QUICK).fit(WAVE)
    assert sum(e.end - e.start for e in few.events(WAVE)) == pytest.approx(10, abs=8)
    assert few.events(WAVE, threshold=1e9) == []


def test_a_clean_series_is_learned_from_and_a_new_one_scored():
    detector = VAEDetector(novelty=True, domain=SeriesDomain(window=20), **QUICK).fit(WAVE[:600])
    assert 95 < detector.step_scores(WAVE[600:]).argmax() < 115


def test_sets_of_series_may_differ_in_length():
    X = [np.sin(np.arange(n) / 4) + 0.1 * RNG.normal(size=n) for n in RNG.integers(20, 31, 100)]
    detector = VAEDetector(novelty=True, domain="series", **QUICK).fit(X)
    assert detector.step_scores(X).shape == (100, max(map(len, X)))
    assert detector.predict([3 * RNG.normal(size=30)]).tolist() == [-1]
    guard = VAEDetector(false_alarm_rate=0.1, domain="series", **QUICK).fit(X)
    assert guard.p_values(X).shape == (100,)


def test_what_makes_no_sense_for_series_is_refused():
    with pytest.raises(CompositionError, match="windows of one series overlap"):
        VAEDetector(false_alarm_rate=0.1, domain=SeriesDomain(window=20), **QUICK).fit(WAVE)
    rows = VAEDetector(**QUICK).fit(RNG.normal(size=(50, 3)))
    with pytest.raises(CompositionError, match="scores of steps are for series"):
        rows.step_scores(RNG.normal(size=(50, 3)))


def test_a_detector_of_series_comes_back_with_its_steps(tmp_path):
    wave = np.sin(np.arange(400) / 4)
    wave[100] = np.nan
    detector = VAEDetector(domain=SeriesDomain(window=16), max_epochs=2, progress=False).fit(wave)
    detector.save(tmp_path / "run")
    again = load_detector(tmp_path / "run")
    assert (again.step_scores(wave) == detector.step_scores(wave)).all()
    assert again.events(wave) == detector.events(wave)
    with pytest.raises(CompositionError, match="fitted anew"):
        again.partial_fit(wave)
