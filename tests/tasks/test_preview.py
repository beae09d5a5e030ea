"""The picture that is drawn while a model of images learns."""

import numpy as np
import pytest
from PIL import Image

from vaekit import Autoencoder, load
from vaekit.fitting import callbacks

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 255, (40, 8, 8)).astype(np.uint8)
LABELS = ["a", "b"] * 20
FEW = {"steps": 4, "seed": 0, "validation": 0.0, "progress": False}


@pytest.fixture
def at_once(monkeypatch):
    """Draw at every step instead of once a minute."""
    monkeypatch.setattr(callbacks, "_SECONDS", 0.0)


@pytest.mark.parametrize("preset", ["vae", "gan"])
@pytest.mark.parametrize("context", [None, LABELS])
def test_it_shows_images_what_is_given_back_and_samples(tmp_path, at_once, preset, context):
    model = Autoencoder(preset, checkpoint_dir=tmp_path / "run", **FEW).fit(IMAGES, context=context)
    path = tmp_path / "run" / "preview.png"
    with Image.open(path) as picture:
        width, height = picture.size
    assert width / height == pytest.approx(8 / (3 if preset == "vae" else 2), rel=0.5)
    model.save(tmp_path / "run")
    assert path.exists()
    assert load(tmp_path / "run").sample(1, context=context and "a").shape == (1, 8, 8)


@pytest.mark.slow
def test_a_prior_that_learns_is_drawn_from_as_well(tmp_path, at_once, monkeypatch):
    drawn = []
    draw = callbacks.Preview._draw
    monkeypatch.setattr(
        callbacks.Preview, "_draw", lambda self, model, prior=None: (
            drawn.append(prior is not None), draw(self, model, prior)
        )
    )  # fmt: skip
    Autoencoder("latent_diffusion", checkpoint_dir=tmp_path / "run", **FEW).fit(IMAGES)
    assert not drawn[0]
    assert sum(drawn) > 2
    assert not drawn[-1]  # the finished model has it


@pytest.mark.parametrize(
    "preset", ["vae", pytest.param("latent_diffusion", marks=pytest.mark.slow)]
)
def test_the_model_is_the_same_with_and_without(tmp_path, at_once, preset):
    plain = Autoencoder(preset, **FEW).fit(IMAGES)
    seen = Autoencoder(preset, checkpoint_dir=tmp_path / "run", **FEW).fit(IMAGES)
    assert (tmp_path / "run" / "preview.png").exists()
    assert np.array_equal(plain.sample(3, seed=0), seen.sample(3, seed=0))
    assert np.array_equal(plain.reconstruct(IMAGES[:3]), seen.reconstruct(IMAGES[:3]))


def test_short_trainings_and_other_data_leave_none(tmp_path, at_once, monkeypatch):
    Autoencoder("vae", checkpoint_dir=tmp_path / "table", **FEW).fit(RNG.normal(size=(40, 3)))
    assert not (tmp_path / "table" / "preview.png").exists()
    monkeypatch.setattr(callbacks, "_SECONDS", 60.0)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "preview.png").write_bytes(b"of an earlier training")
    Autoencoder("vae", checkpoint_dir=tmp_path / "run", **FEW).fit(IMAGES)
    assert not (tmp_path / "run" / "preview.png").exists()
