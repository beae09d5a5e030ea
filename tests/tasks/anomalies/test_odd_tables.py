"""Tables that detectors once flagged whole."""

import numpy as np
import pandas as pd
import pytest

from vaekit.anomalies import VAEDetector

RNG = np.random.default_rng(0)


def test_bins_of_pandas_are_known_to_the_detector_that_learned_them():
    frame = pd.DataFrame({"bin": pd.cut(RNG.normal(size=200), 5), "x": RNG.normal(size=200)})
    detector = VAEDetector(max_epochs=2, progress=False).fit(frame)
    assert (detector.predict(frame) == -1).mean() < 0.2


@pytest.mark.parametrize("kind", ["frame", "mixed", "array"])
def test_rows_that_are_all_alike_are_usual(kind):
    frame = pd.DataFrame({"x": np.ones(60), "y": np.full(60, 2.0)})
    data = {"frame": frame, "mixed": frame.assign(k="a"), "array": frame.to_numpy()}[kind]
    detector = VAEDetector(max_epochs=2, progress=False).fit(data)
    assert not (detector.predict(data) == -1).any()


def test_every_flagged_row_of_a_mixed_table_has_a_reason():
    rows = 300
    frame = pd.DataFrame(
        {
            "x": RNG.normal(size=rows),
            "y": RNG.normal(size=rows),
            "kind": RNG.choice(list("aab"), rows),
            "size": RNG.choice(["s", "m", "l"], rows),
        }
    )
    detector = VAEDetector(contamination=0.15, max_epochs=3, progress=False).fit(frame)
    flagged = frame[detector.predict(frame) == -1]
    reasons = detector.explain(flagged)
    assert len(flagged) > 20
    assert all(reasons)
    for row, found in zip(flagged.to_dict("records"), reasons, strict=True):
        assert all(row[reason.column] == reason.found != reason.expected for reason in found)


@pytest.mark.parametrize(("column", "value"), [("x", 9.0), ("kind", "z")])
def test_a_row_that_no_column_makes_cheaper_is_told_by_its_farthest(monkeypatch, column, value):
    frame = pd.DataFrame({"x": RNG.normal(size=200), "kind": ["a"] * 190 + ["z"] * 10})
    detector = VAEDetector(max_epochs=2, progress=False).fit(frame)
    monkeypatch.setattr(
        "vaekit.anomalies.reasons._Search._strongest", lambda *_: (1.0, "kind", 0.0)
    )
    odd = pd.DataFrame({"x": [0.0], "kind": ["a"]}).assign(**{column: value})
    (reasons,) = detector.explain(odd)
    assert (reasons[0].column, reasons[0].found) == (column, value)
    if column == "kind":
        assert reasons[0].expected == "a"
    else:
        assert abs(reasons[0].expected) < 0.5
