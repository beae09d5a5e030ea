"""The detector as scikit-learn and PyOD know detectors."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from vaekit.anomalies import VAEDetector  # noqa: E402
from vaekit.datasets import digits  # noqa: E402
from vaekit.errors import CompositionError, DataError, SpecError  # noqa: E402

RNG = np.random.default_rng(0)
USUAL = RNG.normal(size=(400, 4))
USUAL[:, 3] = USUAL[:, 0] + USUAL[:, 1]
ODD = np.array([[3.0, 3.0, 0.0, -6.0], [0.0, 9.0, 9.0, 0.0]])
QUICK = {"max_epochs": 20, "progress": False}


@pytest.fixture(scope="module")
def fitted():
    return VAEDetector(**QUICK).fit(np.r_[USUAL, ODD])


def test_odd_rows_are_flagged(fitted):
    assert fitted.predict(ODD).tolist() == [-1, -1]
    assert (fitted.predict(USUAL) == 1).mean() > 0.9
    assert (fitted.decision_function(ODD) < 0).all()
    assert fitted.decision_function(USUAL) == pytest.approx(
        fitted.score_samples(USUAL) - fitted.offset_
    )
    assert fitted.labels_[-2:].tolist() == [1, 1]
    assert len(fitted.decision_scores_) == 402
    assert (fitted.probabilities(ODD) > 0.9).all()


def test_a_contamination_flags_as_many():
    found = VAEDetector(0.05, **QUICK).fit_predict(USUAL)
    assert (found == -1).sum() == 20


def test_the_same_seed_gives_the_same_scores(fitted):
    again = clone(fitted).fit(np.r_[USUAL, ODD])
    assert (again.score_samples(USUAL) == fitted.score_samples(USUAL)).all()
    assert (fitted.score_samples(USUAL) == fitted.score_samples(USUAL)).all()


def test_a_false_alarm_rate_is_met():
    rates = []
    for seed in range(3):
        rows = np.random.default_rng(seed).normal(size=(1400, 4))
        detector = VAEDetector(false_alarm_rate=0.1, max_epochs=5, progress=False, seed=seed)
        detector.fit(rows[:400])
        flagged = detector.predict(rows[400:]) == -1
        assert (flagged == (detector.p_values(rows[400:]) <= 0.1)).all()
        rates.append(flagged.mean())
    assert np.mean(rates) == pytest.approx(0.1, abs=0.05)


def test_a_path_is_read_before_rows_are_held_out(tmp_path):
    path = tmp_path / "usual.csv"
    pd.DataFrame(USUAL, columns=list("abcd")).to_csv(path, index=False)
    detector = VAEDetector(false_alarm_rate=0.1, max_epochs=2, progress=False).fit(path)
    assert len(detector.decision_scores_) == 320
    assert len(detector.p_values(path)) == 400


def test_clean_training_items_are_not_flagged_themselves():
    with pytest.raises(CompositionError, match="taken to be clean"):
        VAEDetector(novelty=True, **QUICK).fit_predict(USUAL)
    with pytest.raises(CompositionError, match="false_alarm_rate"):
        VAEDetector(novelty=True, **QUICK).fit(USUAL).p_values(ODD)


def test_tables_with_labels_and_holes_are_searched_and_explained():
    frame = pd.DataFrame(USUAL, columns=list("abcd"))
    frame["kind"] = np.where(frame["a"] > 0, "high", "low")
    frame = frame.mask(RNG.random(frame.shape) < 0.05)
    detector = VAEDetector(novelty=True, max_epochs=200, progress=False).fit(frame)
    odd = frame[frame["a"] > 1].assign(kind="low").dropna()
    assert detector.score_samples(odd).mean() < detector.score_samples(frame).mean() - 1
    reasons = detector.explain(odd, top=2)
    named = [[reason.column for reason in found] for found in reasons]
    assert np.mean(["kind" in columns or "a" in columns for columns in named]) > 0.7
    shuffled = frame[["kind", "d", "c", "b", "a"]]
    assert (detector.score_samples(shuffled) == detector.score_samples(frame)).all()


def test_images_are_searched():
    images = digits().images[:300]
    detector = VAEDetector(novelty=True, max_epochs=10, progress=False).fit(images)
    noise = RNG.integers(0, 256, (20, 8, 8), dtype=np.uint8)
    assert detector.score_samples(noise).max() < np.quantile(detector.score_samples(images), 0.05)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"contamination": 0.6}, SpecError, r"'auto' or in \(0, 0.5\]; got 0.6"),
        ({"contamination": "some"}, SpecError, "got 'some'"),
        ({"false_alarm_rate": 1.5}, SpecError, r"in \(0, 1\); got 1.5"),
        ({"false_alarm_rate": 0.001}, SpecError, "needs 999 items to compare with"),
        ({"method": "bonud"}, SpecError, "did you mean 'bound'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        VAEDetector(**QUICK, **options).fit(USUAL)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.where(np.arange(1600).reshape(400, 4) == 5, np.nan, USUAL), "finite"),
        (np.where(np.arange(1600).reshape(400, 4) == 5, np.inf, USUAL), "finite"),
        (USUAL[:1], "at least 2 rows"),
        (USUAL[:0], "at least one row"),
        (USUAL.astype(str), "numbers"),
    ],
)
def test_bad_training_items_are_refused(X, message):
    with pytest.raises(DataError, match=message):
        VAEDetector(**QUICK).fit(X)


def test_bad_items_are_refused_when_scored(fitted):
    with pytest.raises(DataError, match="expecting 4 features"):
        fitted.predict(USUAL[:, :3])
    with pytest.raises(DataError, match="at least one row"):
        fitted.predict(USUAL[:0])
    with pytest.raises(NotFittedError, match="not fitted yet"):
        VAEDetector().predict(USUAL)


@pytest.mark.filterwarnings("ignore:.*items are few")
@pytest.mark.parametrize("rows", [2, 20])
def test_few_rows_are_enough(rows):
    detector = VAEDetector(**QUICK).fit(USUAL[:rows])
    assert np.isfinite(detector.score_samples(USUAL)).all()


def test_it_passes_the_checks_of_scikit_learn():
    rounding = "single precision: alone, a row differs in the last digits"
    check_estimator(
        VAEDetector(max_epochs=1, latent_dim=1, progress=False),
        expected_failed_checks={"check_methods_subset_invariance": rounding},
        on_skip=None,
    )


@pytest.mark.parametrize("novelty", [False, True])
def test_rows_are_learned_in_few_large_steps_and_the_noise_gets_where_it_belongs(novelty):
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(2000, 2))
    X = latents @ rng.normal(size=(2, 6)) + 0.02 * rng.normal(size=(2000, 6))
    model = VAEDetector(novelty=novelty, progress=False).fit(X).autoencoder_
    assert model.history_[-1]["step"] <= 500
    assert model.model_.likelihood.scale.detach().mean().item() < 0.2  # it starts at 1
    assert model.sample(5, seed=0).shape == (5, 6)  # by a density that takes no time to fit
