"""Drift, where it is known what moved."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit import Autoencoder  # noqa: E402
from vaekit.anomalies import fit_detector  # noqa: E402
from vaekit.errors import DataError  # noqa: E402
from vaekit.tables import TableDomain  # noqa: E402

QUICK = {"max_epochs": 10, "validation": 0.0, "progress": False}


def drift(detector, X):
    rows = detector.trained.domain.prepare(X)
    return detector.drift(rows, detector.score_rows(rows))


def table(rows, seed, shift=0.0, share=0.5):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(shift, 1, rows)})
    frame["kind"] = np.where(rng.random(rows) < share, "x", "y")
    return frame


@pytest.fixture(scope="module")
def detector():
    model = Autoencoder("vae", 2, domain=TableDomain(), **QUICK).fit(table(1500, 0))
    return fit_detector(model.trained_, table(1500, 0))


def test_the_same_is_no_drift(detector):
    found = drift(detector, table(1000, 1))
    assert not found.alarm
    assert found.columns == ()
    assert 0.45 < found.higher < 0.55
    assert str(found).startswith("no drift")


def test_what_moved_is_named_the_most_first(detector):
    found = drift(detector, table(1000, 1, shift=1.5, share=0.8))
    assert found.alarm
    assert [m.column for m in found.columns] == ["b", "kind"]
    assert found.columns[1].difference == pytest.approx(0.3, abs=0.05)
    assert found.columns[0].p_value < 1e-6


def test_scores_that_rise_are_an_alarm():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 3))
    X[:, 2] = X[:, 0] + X[:, 1]
    model = Autoencoder("vae", 2, steps=500, validation=0.0, progress=False).fit(X)
    detector = fit_detector(model.trained_, X, score="bound")
    broken = X[:500].copy()
    broken[:, 2] = rng.permutation(broken[:, 2])
    found = drift(detector, broken)
    assert found.alarm
    assert found.higher > 0.7
    assert found.columns == ()  # each column is as it was


def test_few_items_are_refused(detector):
    with pytest.raises(DataError, match="at least 20 items; got 19"):
        drift(detector, table(19, 0))
