"""Where images are unusual."""

import numpy as np
import pytest

from vaekit import Autoencoder
from vaekit.anomalies import fit_detector
from vaekit.datasets import digits
from vaekit.errors import CompositionError

QUICK = {"progress": False, "validation": 0.0}


@pytest.fixture(scope="module")
def detector():
    zeros = digits().images[digits().labels == 0]
    model = Autoencoder("vae", 4, max_epochs=60, **QUICK).fit(zeros)
    return fit_detector(model.trained_, zeros)


def test_the_fault_is_where_the_heat_is(detector):
    zeros = digits().images[digits().labels == 0][:40].copy()
    rows, columns = np.random.default_rng(0).integers(1, 5, (2, 40))
    for image, row, column in zip(zeros, rows, columns, strict=True):
        patch = image[row : row + 3, column : column + 3]
        patch[:] = 255 - patch
    maps = detector.heat_maps(zeros)
    assert maps.shape == (40, 8, 8)
    assert (maps >= 0).all()
    hits = 0
    for heat, row, column in zip(maps, rows, columns, strict=True):
        top = np.unravel_index(heat.argmax(), heat.shape)
        hits += row <= top[0] < row + 3 and column <= top[1] < column + 3
    assert hits >= 34


def test_usual_images_are_cool(detector):
    zeros = digits().images[digits().labels == 0]
    ones = digits().images[digits().labels == 1]
    assert detector.heat_maps(zeros).mean() < 0.5 * detector.heat_maps(ones).mean()


def test_rows_have_no_heat():
    X = np.random.default_rng(0).normal(size=(50, 3))
    model = Autoencoder("vae", 1, max_epochs=1, **QUICK).fit(X)
    with pytest.raises(CompositionError, match="Use explain for rows"):
        fit_detector(model.trained_, X).heat_maps(X)
