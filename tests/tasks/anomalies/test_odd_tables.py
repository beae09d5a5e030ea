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
