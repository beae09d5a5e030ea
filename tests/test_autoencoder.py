"""The front door, from raw data to a model and back."""

import inspect
import warnings
from dataclasses import fields

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from vaekit import Autoencoder, presets
from vaekit.datasets import digits
from vaekit.errors import (
    CompositionError,
    DataError,
    NonFiniteLossError,
    NotFittedError,
    SpecError,
)
from vaekit.images import ImageDomain
from vaekit.metrics.latents import Health
from vaekit.training import TrainConfig

QUICK = {"latent_dim": 3, "max_epochs": 2, "progress": False}


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture(scope="module")
def fitted(data):
    return Autoencoder("vae", latent_dim=6, max_epochs=40, progress=False).fit(data.images)


@pytest.fixture(scope="module")
def conditional(data):
    model = Autoencoder("cvae", latent_dim=4, max_epochs=40, progress=False)
    return model.fit(data.images, context=data.labels)


MONTE_CARLO = (
    "score_samples is a Monte Carlo estimate: an item's noise depends on its place in the batch"
)

OTHER_BATCHES = (
    "items in another order, or repeated, come in other batches, and noise is drawn anew"
)


@parametrize_with_checks(
    [Autoencoder(latent_dim=2, max_epochs=2, progress=False)],
    expected_failed_checks=lambda _: {
        "check_methods_subset_invariance": MONTE_CARLO,
        "check_methods_sample_order_invariance": MONTE_CARLO,
        "check_sample_weight_equivalence_on_dense_data": OTHER_BATCHES,
    },
)
@pytest.mark.filterwarnings("ignore:latent_dim=2 is not below", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*sklearn.*", "ignore:Can't check dok sparse")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_shapes_and_kinds(fitted, data):
    x = data.images[:5]
    assert fitted.transform(x).shape == (5, 6)
    for back in (fitted.reconstruct(x), fitted.sample(5, seed=0)):
        assert back.shape == x.shape
        assert back.dtype == x.dtype
    assert fitted.inverse_transform(np.zeros((2, 6))).shape == (2, 8, 8)
    assert fitted.interpolate(x[:2], x[2:4], steps=7).shape == (2, 7, 8, 8)
    assert fitted.score_samples(x).shape == (5,)


def test_reconstruction_is_far_better_than_the_mean_image(fitted, data):
    error = np.mean((fitted.reconstruct(data.images).astype(float) - data.images) ** 2)
    baseline = np.mean((data.images.mean(0) - data.images) ** 2)
    assert error < 0.6 * baseline


def test_interpolation_begins_and_ends_at_the_reconstructions(fitted, data):
    a, b = data.images[:2], data.images[2:4]
    for path in ("linear", "spherical", "geodesic"):
        paths = fitted.interpolate(a, b, steps=5, path=path)
        assert np.abs(paths[:, 0].astype(int) - fitted.reconstruct(a)).max() <= 1
        assert np.abs(paths[:, -1].astype(int) - fitted.reconstruct(b)).max() <= 1


def test_score_prefers_digits_to_noise(fitted, data):
    noise = np.random.default_rng(0).integers(0, 256, (50, 8, 8), dtype=np.uint8)
    assert fitted.score(data.images[:50]) > fitted.score(noise) + 20


def test_more_draws_tighten_the_bound(fitted, data):
    scores = [fitted.score_samples(data.images[:200], draws=k).mean() for k in (1, 8, 64)]
    assert scores[0] < scores[1] < scores[2]


def test_transform_is_the_same_at_every_call_and_batch_size(fitted, data):
    whole = fitted.transform(data.images[:300])
    assert np.array_equal(whole, fitted.transform(data.images[:300]))
    assert np.allclose(whole[:7], fitted.transform(data.images[:7]), atol=1e-5)


def test_samples_repeat_with_a_seed_only_and_leave_the_global_generator(fitted):
    state = torch.get_rng_state()
    assert np.array_equal(fitted.sample(4, seed=1), fitted.sample(4, seed=1))
    assert not np.array_equal(fitted.sample(4, seed=1), fitted.sample(4, seed=2))
    assert not np.array_equal(fitted.sample(4), fitted.sample(4))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_fitted_prior_is_the_default_and_no_worse(fitted):
    health = fitted.health_
    assert health.fitted_log_density > health.prior_log_density - 0.1
    assert not np.array_equal(fitted.sample(4, seed=1), fitted.sample(4, seed=1, prior="model"))
    assert health.active_units >= 3
    assert "latents are active" in health.summary()


@pytest.mark.parametrize(
    ("fitted_density", "said"),
    [
        (-5.0, "2.00 more than under the model's own, as it should be"),
        (-131.65, "124.65 less than under the model's own. That is no fault of the model"),
    ],
)
def test_the_fitted_prior_is_told_in_words_that_alarm_nobody(fitted_density, said):
    health = Health((1.0,), (1.0,), 1, -7.0, fitted_density, 9)
    assert said in health.summary()
    assert "worse" not in health.summary()


def test_collapse_is_said_in_plain_words():
    x = np.random.default_rng(0).normal(size=(200, 10))
    model = Autoencoder(presets.beta_vae(beta=50.0), latent_dim=4, max_epochs=20, progress=False)
    assert "collapsed" in model.fit(x).health_.warning


def test_context_decides_what_is_drawn(conditional, data):
    from sklearn.neighbors import KNeighborsClassifier

    judge = KNeighborsClassifier(3).fit(data.images.reshape(-1, 64), data.labels)
    asked = np.repeat(np.arange(10), 20)
    drawn = conditional.sample(200, asked, seed=0)
    assert np.mean(judge.predict(drawn.reshape(-1, 64)) == asked) > 0.85


def test_context_is_required_exactly_where_it_was_learned(conditional, fitted, data):
    with pytest.raises(DataError, match="conditional; pass context= with labels"):
        conditional.transform(data.images[:2])
    with pytest.raises(DataError, match=r"among those of training.*got \['10'\]"):
        conditional.sample(1, 10)
    with pytest.raises(DataError, match="takes none"):
        fitted.transform(data.images[:2], context=[1, 2])
    with pytest.raises(CompositionError, match=r"pass fit\(X, context="):
        Autoencoder("cvae", **QUICK).fit(data.images)
    with pytest.raises(DataError, match="got 3 for 1797 items"):
        Autoencoder("cvae", **QUICK).fit(data.images, context=[1, 2, 3])


@pytest.mark.parametrize("network", ["mlp", "conv", "resnet"])
@pytest.mark.parametrize("likelihood", ["optimal_gaussian", "discretized_logistic", "student"])
def test_networks_and_likelihoods_by_name(network, likelihood, data):
    model = Autoencoder(network=network, likelihood=likelihood, **QUICK).fit(data.images[:200])
    assert model.reconstruct(data.images[:3]).dtype == np.uint8


def test_color_images_of_odd_size():
    x = np.random.default_rng(0).integers(0, 256, (40, 9, 13, 3), dtype=np.uint8)
    assert Autoencoder(network="conv", **QUICK).fit(x).sample(2, seed=0).shape == (2, 9, 13, 3)


def test_few_items_are_warned_of(data):
    with pytest.warns(UserWarning, match="9 items are few to learn from"):
        Autoencoder(**QUICK).fit(data.images[:9])


def test_the_default_model_is_what_suits_the_data(data):
    images = Autoencoder(max_epochs=1, progress=False).fit(data.images)
    assert images.notes_["preset"] == "image_vae"
    assert images.transform(data.images[:2]).shape == (2, 32)
    table = Autoencoder(max_epochs=1, progress=False).fit(data.images.reshape(-1, 64))
    assert table.notes_["preset"] == "vae"
    assert table.transform(data.images[:2].reshape(2, 64)).shape == (2, 16)
    narrow = Autoencoder(max_epochs=1, progress=False).fit(data.images[:, 0, 2:7])
    assert narrow.transform(data.images[:2, 0, 2:7]).shape == (2, 2)


def test_own_networks_are_used_and_not_changed(data):
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.BatchNorm1d(20), nn.ReLU())
    decoder = nn.Sequential(nn.Linear(3, 64), nn.Unflatten(1, (1, 8, 8)))
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    model = Autoencoder(encoder=encoder, decoder=decoder, **QUICK).fit(data.images)
    assert model.transform(data.images[:1]).shape == (1, 3)
    assert all(torch.equal(before[k], v) for k, v in encoder.state_dict().items())


@pytest.mark.parametrize(
    ("role", "module", "message"),
    [
        ("encoder", nn.Linear(7, 3), "encoder must take inputs of shape"),
        ("encoder", nn.Conv2d(1, 2, 3), r"Add nn.Flatten\(\)"),
        ("decoder", nn.Linear(3, 63), r"Add nn.Unflatten\(1, \(1, 1, 8, 8\)\)"),
        ("decoder", nn.Linear(4, 64), "decoder must take inputs of shape"),
    ],
)
def test_own_networks_that_do_not_fit_are_explained(role, module, message, data):
    with pytest.raises(CompositionError, match=message):
        Autoencoder(**QUICK, **{role: module}).fit(data.images)


def test_more_latents_than_values_warns():
    x = np.random.default_rng(0).normal(size=(50, 3))
    with pytest.warns(UserWarning, match="latent_dim=3 is not below the 3 values"):
        Autoencoder(**QUICK).fit(x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "beta-vae"}, "unknown preset.*did you mean 'beta_vae'"),
        ({"network": "cnv"}, "unknown network.*did you mean 'conv'"),
        ({"network_size": "big"}, "unknown size"),
        ({"likelihood": "gausian"}, "did you mean 'gaussian'"),
        ({"domain": "image"}, "did you mean 'images'"),
        ({"latent_dim": 0}, "latent_dim must be a whole number of at least 1; got 0"),
        ({"latent_dim": 2.5}, "latent_dim must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"precision": "double"}, "unknown precision"),
    ],
)
def test_options_that_do_not_exist_are_explained(options, message, data):
    with pytest.raises(SpecError, match=message):
        Autoencoder(**{**QUICK, **options}).fit(data.images)


def test_preset_options():
    with pytest.raises(SpecError, match="by name"):
        presets.beta_vae(4.0)
    with pytest.raises(SpecError, match="did you mean 'beta'"):
        presets.choose_preset("beta_vae", {"betta": 4.0})


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.transform(np.zeros((2, 8, 8))),
        lambda m: m.sample(2),
        lambda m: m.reconstruct(np.zeros((2, 8, 8))),
        lambda m: m.score_samples(np.zeros((2, 8, 8))),
        lambda m: m.interpolate(np.zeros((2, 8, 8)), np.zeros((2, 8, 8))),
        lambda m: m.inverse_transform(np.zeros((2, 3))),
        lambda m: m.save("nowhere"),
    ],
)
def test_before_fit_every_method_says_so(call):
    with pytest.raises(NotFittedError, match=r"call fit\(X\) before"):
        call(Autoencoder())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x: m.inverse_transform(np.zeros((2, 5))), r"shape \(n, 6\); got \(2, 5\)"),
        (lambda m, x: m.inverse_transform(np.full((2, 6), np.nan)), "latents must be finite"),
        (lambda m, x: m.transform(x.reshape(-1, 4, 16)), "as in training"),
        (lambda m, x: m.transform(x[:0]), "at least one row"),
        (lambda m, x: m.interpolate(x[:2], x[:3]), "as many items; got 2 and 3"),
        (lambda m, x: m.interpolate(x[:2], x[:2], steps=1), "steps must be at least 2"),
        (lambda m, x: m.interpolate(x[:2], x[:2], path="sphere"), "did you mean 'spherical'"),
        (lambda m, x: m.sample(0), "n must be"),
        (lambda m, x: m.sample(2, prior="gmm"), "prior must be"),
        (lambda m, x: m.score_samples(x[:2], draws=0), "draws must be"),
    ],
)
def test_bad_calls_are_explained(call, message, fitted, data):
    with pytest.raises((DataError, SpecError), match=message):
        call(fitted, data.images)


def test_a_failed_fit_leaves_no_partial_model(data):
    model = Autoencoder(**{**QUICK, "learning_rate": 1e30}, likelihood="gaussian")
    with pytest.raises(NonFiniteLossError, match="Try a smaller learning_rate"):
        model.fit(data.images)
    with pytest.raises(NotFittedError):
        model.sample(1)


def test_pipelines_grids_and_set_output(data):
    x = data.images[:200].reshape(-1, 64).astype(float)
    pipeline = make_pipeline(StandardScaler(), Autoencoder(**QUICK))
    frame = pipeline.set_output(transform="pandas").fit_transform(x)
    assert list(frame.columns) == ["autoencoder0", "autoencoder1", "autoencoder2"]
    search = GridSearchCV(Autoencoder(**QUICK), {"latent_dim": [1, 3]}, cv=2).fit(x)
    assert search.best_params_["latent_dim"] in (1, 3)


def test_same_seed_same_model_different_seed_different_model(data):
    a, b = (Autoencoder(**QUICK).fit(data.images) for _ in range(2))
    c = clone(a).set_params(seed=1).fit(data.images)
    assert np.array_equal(a.transform(data.images), b.transform(data.images))
    assert np.array_equal(a.sample(5, seed=0), b.sample(5, seed=0))
    assert not np.array_equal(a.transform(data.images), c.transform(data.images))


def test_options_of_training_are_those_of_the_estimator():
    parameters = inspect.signature(Autoencoder).parameters
    for field in fields(TrainConfig):
        assert parameters[field.name].default == field.default, field.name


def test_uint8_data_are_not_copied_while_training(data):
    seen = []

    class Watch(ImageDomain):
        def prepare(self, raw):
            rows = super().prepare(raw)
            seen.append((rows.dtype, rows.data_ptr() == raw.ctypes.data))
            return rows

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Autoencoder(domain=Watch(), **QUICK).fit(data.images)
    assert seen == [(torch.uint8, True)]
