"""A small run, and its folder."""

import numpy as np
import pytest

from vaekit import Autoencoder


@pytest.fixture(scope="package")
def fitted():
    x = np.random.default_rng(0).normal(size=(60, 5))
    return Autoencoder(latent_dim=2, max_epochs=2, progress=False).fit(x)


@pytest.fixture
def run(fitted, tmp_path):
    fitted.save(tmp_path / "run")
    return tmp_path / "run"
