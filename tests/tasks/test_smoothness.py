import pytest
import torch

from vaekit import Autoencoder
from vaekit.datasets import digits
from vaekit.errors import DataError
from vaekit.evaluation import interpolation_smoothness
from vaekit.metrics import smoothness

IMAGES = digits().images
A, B = IMAGES[:6], IMAGES[6:12]


@pytest.fixture(scope="module")
def model():
    return Autoencoder("vae", latent_dim=4, max_epochs=5, progress=False).fit(IMAGES)


def test_it_measures_what_interpolate_returns(model):
    paths = torch.from_numpy(model.interpolate(A, B, steps=21) / 255)
    found = interpolation_smoothness(model.trained_, A, B, steps=21)
    assert found.length.mean == pytest.approx(smoothness(paths).length.mean, abs=0.03)


def test_a_geodesic_is_shorter_and_more_even(model):
    straight = interpolation_smoothness(model.trained_, A, B, steps=17)
    bent = interpolation_smoothness(model.trained_, A, B, steps=17, path="geodesic")
    assert bent.energy.mean < straight.energy.mean
    assert bent.length.mean < straight.length.mean


def test_bad_pairs_are_refused(model):
    with pytest.raises(DataError, match="as many items; got 6 and 5"):
        interpolation_smoothness(model.trained_, A, B[:5])
    with pytest.raises(DataError, match="must differ; got way 0"):
        interpolation_smoothness(model.trained_, A, A)
