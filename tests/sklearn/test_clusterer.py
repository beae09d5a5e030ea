"""The clusterer among scikit-learn's."""

import numpy as np
import pytest
import sklearn.exceptions
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from vaekit import Autoencoder
from vaekit.clustering import VAEClusterer
from vaekit.datasets import digits
from vaekit.errors import DataError, NotFittedError, SpecError

QUICK = {"latent_dim": 3, "max_epochs": 2, "progress": False}


@parametrize_with_checks([VAEClusterer(latent_dim=2, max_epochs=10, progress=False)])
@pytest.mark.filterwarnings("ignore:latent_dim=2 is not below", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*sklearn.*", "ignore:Can't check dok sparse")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def images():
    return digits().images[:300]


def test_labels_probabilities_and_the_model(images):
    clusterer = VAEClusterer(5, **QUICK).fit(images)
    assert clusterer.n_clusters_ == clusterer.clustering_.k == 5
    assert clusterer.labels_.shape == (300,)
    assert clusterer.probabilities_.shape == (300, 5)
    assert clusterer.autoencoder_.transform(images[:2]).shape == (2, 3)
    assert np.mean(clusterer.predict(images) == clusterer.labels_) > 0.99
    assert set(clusterer.predict(digits().images[300:400])) <= set(range(5))
    assert np.array_equal(clone(clusterer).fit_predict(images), clusterer.labels_)


@pytest.mark.parametrize("method", ["gmm", "kmeans", "hdbscan", "model"])
def test_every_method_predicts(images, method):
    k = None if method == "hdbscan" else 4
    clusterer = VAEClusterer(k, method, **QUICK).fit(images)
    new = clusterer.predict(digits().images[300:350])
    assert set(new) <= {*range(clusterer.n_clusters_), -1}
    if method == "model":
        assert clusterer.autoencoder_.preset.name == "vade"
        assert clusterer.n_clusters_ == 4


def test_an_autoencoder_of_ones_own_is_copied(images):
    own = Autoencoder("vae", batch_size=50, **QUICK)
    clusterer = VAEClusterer(3, latent_dim=99, autoencoder=own).fit(images)
    assert clusterer.autoencoder_.latent_dim == 3
    assert clusterer.autoencoder_.batch_size == 50
    assert "trained_" not in vars(own)
    assert clusterer.set_params(autoencoder__latent_dim=2).autoencoder.latent_dim == 2


def test_a_context_goes_to_the_model(images):
    labels = digits().labels[:300]
    clusterer = VAEClusterer(3, preset="cvae", **QUICK).fit(images, context=labels)
    assert clusterer.predict(images[:4], labels[:4]).shape == (4,)
    with pytest.raises(DataError, match="conditional"):
        clusterer.predict(images[:4])


def test_mistakes_are_said_before_the_training(images):
    with pytest.raises(SpecError, match="did you mean 'gmm'"):
        VAEClusterer(method="gm", max_epochs=10**6).fit(images)
    with pytest.raises(SpecError, match="k must be"):
        VAEClusterer(0, max_epochs=10**6).fit(images)
    with pytest.raises(NotFittedError, match=r"call fit\(X\) before predict"):
        VAEClusterer().predict(images)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        VAEClusterer().predict(images)
