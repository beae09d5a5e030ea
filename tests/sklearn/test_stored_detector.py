"""Detectors that are kept, go on learning, and watch for drift."""

import json

import numpy as np
import pytest
import safetensors.numpy

pd = pytest.importorskip("pandas")

from vaekit.anomalies import VAEDetector, load_detector  # noqa: E402
from vaekit.datasets import digits  # noqa: E402
from vaekit.errors import DataError, FormatError  # noqa: E402

RNG = np.random.default_rng(0)
USUAL = RNG.normal(size=(400, 4))
USUAL[:, 3] = USUAL[:, 0] + USUAL[:, 1]
QUICK = {"max_epochs": 10, "progress": False}


def mixed(rows):
    frame = pd.DataFrame(USUAL[:rows], columns=list("abcd"))
    frame["kind"] = np.where(frame["a"] > 0, "high", "low")
    return frame.mask(np.random.default_rng(1).random(frame.shape) < 0.05)


@pytest.mark.parametrize(
    ("X", "options"),
    [
        (USUAL, {}),
        (USUAL, {"novelty": True}),
        (USUAL, {"false_alarm_rate": 0.1}),
        (mixed(400), {"contamination": 0.05}),
        (digits().images[:300], {}),
    ],
)
def test_what_is_read_back_scores_the_same(X, options, tmp_path):
    detector = VAEDetector(**options, **QUICK).fit(X)
    detector.save(tmp_path / "run")
    again = load_detector(tmp_path / "run")
    assert again.get_params() == detector.get_params()
    assert (again.score_samples(X) == detector.score_samples(X)).all()
    assert (again.predict(X) == detector.predict(X)).all()
    assert (again.labels_ == detector.labels_).all()
    if "false_alarm_rate" in options:
        assert (again.p_values(X) == detector.p_values(X)).all()
    again.save(tmp_path / "second")
    for name in ("detector.json", "detector.safetensors", "model.safetensors"):
        first, second = (tmp_path / place / name for place in ("run", "second"))
        assert first.read_bytes() == second.read_bytes()


@pytest.fixture
def run(tmp_path):
    VAEDetector(**QUICK).fit(USUAL).save(tmp_path / "run")
    return tmp_path / "run"


def change_json(run, **changes):
    path = run / "detector.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_arrays(run, change):
    path = run / "detector.safetensors"
    arrays = safetensors.numpy.load_file(path)
    change(arrays)
    path.write_bytes(safetensors.numpy.save(arrays))


def endless(arrays):
    arrays["score.0.rules.left"][0, 0] = 0


def infinite(arrays):
    arrays["rarity.0"][0] = np.inf


def narrow(arrays):
    arrays["frame.low"] = arrays["frame.low"][:-1].copy()


def outside(arrays):
    arrays["score.0.rules.feature"][:, 0] = 99


@pytest.mark.parametrize("change", [endless, infinite, narrow, outside, dict.clear])
def test_damaged_arrays_are_refused(run, change):
    change_arrays(run, change)
    with pytest.raises(FormatError, match="detector|forest"):
        load_detector(run)


@pytest.mark.parametrize(
    "changes", [{"format": 2}, {"score": "evil"}, {"num_codes": [3]}, {"notes": 1}, {"score": []}]
)
def test_damaged_documents_are_refused(run, changes):
    change_json(run, **changes)
    with pytest.raises(FormatError, match="detector"):
        load_detector(run)


def test_missing_truncated_and_linked_files_are_refused(run, tmp_path):
    path = run / "detector.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:100])
    with pytest.raises(FormatError, match="damaged"):
        load_detector(run)
    (tmp_path / "elsewhere").write_bytes(content)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FormatError, match="must lie in the run folder"):
        load_detector(run)
    (run / "detector.json").unlink()
    with pytest.raises(FormatError, match="detector.json is missing"):
        load_detector(run)


def test_a_model_saved_over_a_detector_leaves_none_behind(run):
    load_detector(run).autoencoder_.save(run)
    assert not (run / "detector.json").exists()


def test_more_items_are_learned_and_old_ones_not_forgotten():
    rng = np.random.default_rng(0)
    first, second = rng.normal(-3, 1, (600, 3)), rng.normal(3, 1, (600, 3))
    detector = VAEDetector(novelty=True, contamination=0.05, max_epochs=20, progress=False)
    detector.partial_fit(first)
    assert (detector.predict(second) == -1).mean() > 0.9
    before = detector.detector_.trained.model
    detector.partial_fit(second)
    assert detector.detector_.trained.model is not before
    for part in (rng.normal(-3, 1, (300, 3)), rng.normal(3, 1, (300, 3))):
        assert (detector.predict(part) == 1).mean() > 0.85
    assert (detector.predict([[0.0, 9.0, -9.0], [12.0, 12.0, 12.0]]) == -1).all()
    assert detector.detector_.memory.seen == 1200


def test_held_out_items_grow_with_what_is_learned():
    rows = np.random.default_rng(1).normal(size=(1600, 3))
    detector = VAEDetector(false_alarm_rate=0.1, max_epochs=3, progress=False)
    for part in np.split(rows[:1200], 3):
        detector.partial_fit(part)
    flagged = detector.predict(rows[1200:]) == -1
    assert len(detector.held_out_) == 240
    assert flagged.mean() < 0.2


def test_a_part_that_does_not_fit_changes_nothing():
    detector = VAEDetector(**QUICK).fit(USUAL)
    scores = detector.score_samples(USUAL)
    with pytest.raises(DataError, match="expecting 4 features"):
        detector.partial_fit(USUAL[:, :3])
    assert (detector.score_samples(USUAL) == scores).all()


def test_what_was_kept_goes_on_learning(run):
    detector = load_detector(run).partial_fit(USUAL + 1)
    assert np.isfinite(detector.score_samples(USUAL)).all()


def test_drift_compares_with_held_out_items_where_there_are_any():
    rng = np.random.default_rng(0)
    detector = VAEDetector(false_alarm_rate=0.1, **QUICK).fit(rng.normal(size=(800, 3)))
    assert not detector.drift(rng.normal(size=(400, 3))).alarm
    moved = detector.drift(rng.normal([0, 0, 2], size=(400, 3)))
    assert moved.alarm
    assert [m.column for m in moved.columns] == ["2"]


def test_cells_that_training_did_not_know_are_odd_and_named():
    detector = VAEDetector(max_epochs=20, progress=False).fit(mixed(400).assign(unit="kg"))
    odd = mixed(60).dropna()[:4].assign(unit="kg")
    odd.iloc[0, odd.columns.get_loc("kind")] = "middle"
    odd.iloc[1, odd.columns.get_loc("unit")] = "lb"
    scores = detector.score_samples(odd)
    assert scores[:2].max() < detector.offset_
    assert scores[:2].max() + 3 < scores[2:].min()
    reasons = detector.explain(odd, top=1)
    assert (reasons[0][0].column, reasons[0][0].found) == ("kind", "middle")
    assert (reasons[1][0].column, reasons[1][0].expected) == ("unit", "kg")
