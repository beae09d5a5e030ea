"""Weights of items: who is trained on, and how often."""

import numpy as np
import pytest
import torch

from vaekit import Autoencoder
from vaekit.errors import DataError
from vaekit.fitting.fit import weighted
from vaekit.tables import VAEImputer
from vaekit.training import Items, item_weights
from vaekit.training.config import weighted_places

QUICK = {"latent_dim": 1, "max_epochs": 30, "progress": False}


def test_items_come_as_often_as_their_weights_say():
    weights = torch.tensor([0.5, 1.0, 2.5, 4.0])
    rows = torch.arange(4.0)[:, None]
    items = weighted(Items(rows), weights.numpy())
    counts = torch.zeros(4)
    for epoch in range(2000):
        positions = torch.cat(items.batches(3, 0, epoch))
        assert len(positions) == 4
        counts += torch.bincount(positions, minlength=4)
    np.testing.assert_allclose(counts / 2000, weights / 2, atol=0.05)


def test_equal_weights_change_nothing():
    items = Items(torch.randn(200, 3))
    for seed in range(5):
        plain = items.batches(32, seed, 3)
        alike = weighted(items, np.full(200, 0.7)).batches(32, seed, 3)
        assert all(map(torch.equal, plain, alike))
    X = np.random.default_rng(0).normal(size=(100, 3))
    first = Autoencoder(**QUICK).fit(X)
    second = Autoencoder(**QUICK).fit(X, sample_weight=np.full(100, 2.0))
    assert np.array_equal(first.transform(X), second.transform(X))
    assert np.array_equal(first.sample(9, seed=0), second.sample(9, seed=0))


def test_parts_keep_the_weights_of_their_rows():
    items = weighted(Items(torch.arange(10.0)[:, None]), np.arange(10))
    assert len(items) == 9  # an item of weight 0 is not there
    training, held_out = items.split(0.4, torch.Generator().manual_seed(0))
    for part in (training, held_out):
        again = part.resampled()
        assert len(again) == len(part)
        assert again.weights is None
        assert set(again.index.tolist()) <= set(part.index.tolist())
    assert items.resampled().index.tolist() == weighted_places(torch.arange(1.0, 10), 0.5).tolist()
    assert items.fingerprint() != Items(torch.arange(1.0, 10)[:, None]).fingerprint()


def two_groups():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) * 0.3
    X[:200] += 3
    return X, np.repeat([0.0, 1.0], 200)


def test_items_of_weight_zero_teach_nothing_and_are_never_drawn():
    X, weights = two_groups()
    model = Autoencoder(**QUICK).fit(X, sample_weight=weights)
    assert model.sample(200, seed=0).mean() < 0.6
    changed = X.copy()
    changed[:200] = X[:200][::-1]  # of the same mean and deviation: the scaling stays
    other = Autoencoder(**QUICK).fit(changed, sample_weight=weights)
    np.testing.assert_allclose(model.sample(9, seed=0), other.sample(9, seed=0), atol=1e-4)


def test_heavy_items_are_drawn_more_often():
    X, weights = two_groups()
    shares = []
    for heavy in (1.0, 9.0):
        model = Autoencoder(latent_dim=1, max_epochs=250, progress=False)
        model.fit(X, sample_weight=np.where(weights == 1, heavy, 1.0))
        shares.append((model.sample(1000, seed=0)[:, 0] < 1.5).mean())
    assert shares[0] == pytest.approx(0.5, abs=0.12)
    assert shares[1] == pytest.approx(0.9, abs=0.08)


def test_imputation_learns_from_what_counts():
    rng = np.random.default_rng(0)
    a = rng.choice([0.0, 5.0], 300)
    wrong = rng.random(300) < 0.5
    X = np.c_[a + rng.normal(0, 0.1, 300), np.where(wrong, 5 - a, a) + rng.normal(0, 0.1, 300)]
    holed = np.r_[X, [[0.0, np.nan], [5.0, np.nan]]]
    weights = np.r_[~wrong, True, True].astype(float)
    imputer = VAEImputer(max_epochs=50, progress=False).fit(holed, sample_weight=weights)
    filled = imputer.transform(holed)[-2:, 1]
    assert filled[0] < 1.5
    assert filled[1] > 3.5


def test_scores_are_averaged_by_weights():
    X, weights = two_groups()
    model = Autoencoder(**QUICK).fit(X)
    scores = model.score_samples(X)
    assert model.score(X, sample_weight=weights) == pytest.approx(scores[200:].mean())
    assert model.score(X) == scores.mean()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0], r"one number for each item, of shape \(3,\); got shape \(2,\)"),
        ([[1.0], [1.0], [1.0]], r"got shape \(3, 1\)"),
        (["a", "b", "c"], "one number for each item"),
        ([1.0, -1.0, 1.0], r"at least 0; got -1.0 for item 1"),
        ([1.0, np.nan, 1.0], "finite"),
        ([0.0, 0.0, 1.0], "above zero for at least 2 items; it is for 1 of 3"),
    ],
)
def test_weights_that_are_none_are_refused(weights, message):
    with pytest.raises(DataError, match=message):
        item_weights(weights, 3)
