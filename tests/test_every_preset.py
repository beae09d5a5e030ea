"""Every named model on real digits: trained, sampled from, saved, loaded, scored."""

import numpy as np
import pytest

from vaekit import Autoencoder, load
from vaekit.datasets import digits
from vaekit.errors import CompositionError
from vaekit.presets import preset_names

pytestmark = pytest.mark.slow

POINTS = {"autoencoder", "denoising_autoencoder", "wae", "aae", "rae_l2", "rae_gp"}
ENERGIES = {"ms_ssim_vae"}
SAMPLERS = {"gan", "diffusion", "flow_matching"}
"""They only sample."""
CONDITIONAL = {"cvae", "fader_vae"}
GRIDS = {"latent_diffusion": 32, "vq_transformer": 64}
"""Whose number of latents depends on the images."""


@pytest.fixture(scope="module")
def data():
    return digits()


def training(name, data):
    if name in ("diffusion", "flow_matching", "latent_diffusion"):  # whose networks are slow
        return data.images[::4], None
    return data.images, data.labels if name in CONDITIONAL else None


@pytest.fixture(scope="module", params=preset_names())
def fitted(request, data):
    """A model of this name, trained for a few epochs."""
    X, labels = training(request.param, data)
    # Without a loss for each item, a critic takes longer to teach something.
    epochs = 15 if request.param == "gan" else 6
    latents = None if request.param in GRIDS else 8
    model = Autoencoder(request.param, latents, max_epochs=epochs, seed=0, progress=False)
    return request.param, model.fit(X, context=labels)


def context_of(name, labels):
    return labels if name in CONDITIONAL else None


def test_it_learns(fitted, data):
    """Nearer to the items than their mean is; what only samples, to their moments than noise."""
    name, model = fitted
    X = data.images[:300]
    if name in SAMPLERS:
        noise = np.random.default_rng(0).integers(0, 256, (300, 8, 8))
        assert distance(model.sample(300, seed=0), X) < 0.3 * distance(noise, X)
        return
    error = (model.reconstruct(X, context_of(name, data.labels[:300])) - X) ** 2
    assert error.mean() < 0.95 * ((data.images.mean(0) - X) ** 2).mean()


def distance(a, b):
    """Between means and covariances of the pixels."""
    a, b = (x.reshape(len(x), -1) / 255 for x in (a, b))
    return np.square(a.mean(0) - b.mean(0)).sum() + np.square(np.cov(a.T) - np.cov(b.T)).sum()


def test_it_samples_from_both_priors(fitted):
    name, model = fitted
    for prior in ("fitted", "model"):
        drawn = model.sample(40, context_of(name, 7), seed=0, prior=prior)
        assert drawn.shape == (40, 8, 8)
        assert np.isfinite(drawn).all()
        assert len(np.unique(drawn.round(6), axis=0)) > 5


def test_it_is_the_same_after_saving_and_loading(fitted, data, tmp_path):
    name, model = fitted
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    labels = context_of(name, data.labels[:20])
    for prior in ("fitted", "model"):
        drawn = [m.sample(8, context_of(name, 3), seed=1, prior=prior) for m in (model, again)]
        assert np.array_equal(*drawn)
    again.save(tmp_path / "again")
    for file in (tmp_path / "run").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name
    if name in SAMPLERS:
        return
    codes = [m.transform(data.images[:20], labels) for m in (model, again)]
    assert np.array_equal(*codes)
    assert codes[0].shape == (20, GRIDS.get(name, 8))


def test_it_scores_or_says_why_not(fitted, data):
    name, model = fitted
    X, labels = data.images[:50], context_of(name, data.labels[:50])
    if name in SAMPLERS:
        for use in (model.score_samples, model.transform, model.reconstruct):
            with pytest.raises(CompositionError, match="needs a model with latents"):
                use(X)
    elif name in POINTS:
        with pytest.raises(CompositionError, match="latents are points"):
            model.score_samples(X, labels)
    elif name in ENERGIES:
        with pytest.raises(CompositionError, match="likelihood is no density"):
            model.score_samples(X, labels)
    else:
        scores = model.score_samples(X, labels)
        assert np.isfinite(scores).all()
        noise = np.random.default_rng(0).permuted(X.reshape(50, -1), axis=1).reshape(X.shape)
        assert scores.mean() > model.score_samples(noise, labels).mean()


def test_its_latents_are_used(fitted):
    name, model = fitted
    if name in SAMPLERS:
        assert model.health_ is None
        return
    assert len(model.health_.mean_variance) == GRIDS.get(name, 8)
    assert model.health_.summary()
