"""The package as its users meet it: nothing of vaekit is edited for it."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from vaekit_pointclouds import Chamfer, PointCloudDomain, SetEncoder

from vaekit import Autoencoder, load, registry, tasks
from vaekit.errors import DataError
from vaekit.testing import check_likelihood


@pytest.fixture(scope="module")
def clouds():
    """Ellipses of several widths and heights, their points in no order."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 2 * np.pi, (300, 40))
    axes = rng.uniform(0.5, 2, (300, 1, 2))
    return np.stack([np.cos(angles), np.sin(angles)], -1) * axes + 5


@pytest.fixture(scope="module")
def fitted(clouds):
    model = Autoencoder(domain="pointclouds", latent_dim=4, max_epochs=60, progress=False)
    return model.fit(clouds)


def test_the_likelihood_keeps_the_promises():
    check_likelihood(Chamfer(), (6, 2))


def test_the_order_of_points_means_nothing(fitted, clouds):
    shuffled = clouds[:5][:, np.random.default_rng(1).permutation(40)]
    assert np.allclose(fitted.transform(clouds[:5]), fitted.transform(shuffled), atol=1e-5)


def test_a_model_learns_the_shape(fitted, clouds):
    again = fitted.reconstruct(clouds[:50])
    apart = torch.cdist(torch.from_numpy(again), torch.from_numpy(clouds[:50])).amin(1).mean()
    assert apart < 0.35
    z, width = fitted.transform(clouds), np.ptp(clouds[..., 0], axis=1)
    best = max(abs(np.corrcoef(column, width)[0, 1]) for column in z.T)
    assert best > 0.6


def test_it_is_stored_by_name_and_loads(fitted, tmp_path):
    fitted.save(tmp_path / "run")
    text = (tmp_path / "run" / "model.json").read_text()
    assert '"networks.SetEncoder"' in text
    assert "external" not in text
    assert np.array_equal(load(tmp_path / "run").sample(3, seed=1), fitted.sample(3, seed=1))


def test_what_are_no_clouds_is_refused():
    with pytest.raises(DataError, match="clouds, points, axes"):
        PointCloudDomain().fit(np.zeros((3, 4)))


def test_energies_have_no_scores_and_say_so(fitted, clouds):
    with pytest.raises(Exception, match="Chamfer|density|normal"):
        fitted.score_samples(clouds[:5])


def test_the_metric_is_measured(fitted, clouds):
    assert SetEncoder(2)(torch.zeros(1, 7, 2)).shape == (1, 128)
    assert "chamfer_to_nearest" in registry.names("metrics")
    result = tasks.evaluate(fitted.trained_, clouds, metrics=["chamfer_to_nearest"])
    assert result.value("Chamfer distance to the nearest") < 1


def test_the_command_line_knows_it_all(clouds, tmp_path):
    np.save(tmp_path / "x.npy", clouds)

    def vaekit(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "vaekit", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "cloud_vae" in vaekit("models")
    vaekit("fit", "x.npy", "run", "--domain", "pointclouds", "--max-epochs", "2")
    vaekit("sample", "run", "-n", "4", "--out", "s.npy")
    assert np.load(tmp_path / "s.npy").shape == (4, 40, 2)
