"""Clusters in latents: found where there are some, described, and refused where they cannot be."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_blobs, make_circles
from sklearn.metrics import adjusted_rand_score

from vaekit import Autoencoder, presets
from vaekit.clustering import METHODS, assign, cluster
from vaekit.clustering.clusters import draw_pictures
from vaekit.clustering.methods import Assigned, Encoded, candidates, find_clusters
from vaekit.datasets import digits
from vaekit.errors import CompositionError, DataError, SpecError

ON_LATENTS = sorted(set(METHODS) - {"model"})
COUNTED = sorted(set(METHODS) - {"model", "hdbscan"})


def blobs(n=300, centers=4, seed=0):
    z, y = make_blobs(n, 3, centers=centers, cluster_std=0.7, random_state=seed)
    return Encoded(z), y


@pytest.fixture(scope="module")
def vae():
    options = {"latent_dim": 6, "max_epochs": 30, "progress": False}
    return Autoencoder("sigma_vae", **options).fit(digits().images).trained_


@pytest.fixture(scope="module")
def vade():
    options = {"latent_dim": 4, "max_epochs": 8, "progress": False}
    return Autoencoder(presets.vade(components=6), **options).fit(digits().images).trained_


@pytest.mark.parametrize("method", ON_LATENTS)
def test_each_method_finds_clusters_that_lie_apart(method):
    items, y = blobs()
    found = find_clusters(items, method, None, seed=0)
    assert found.k == 4
    assert adjusted_rand_score(y, found.assigned.clusters) > 0.9
    sizes = np.bincount(found.assigned.clusters[found.assigned.clusters >= 0])
    assert list(sizes) == sorted(sizes, reverse=True)


@pytest.mark.parametrize("method", COUNTED)
def test_the_best_score_chose_the_number_and_all_are_kept(method):
    found = find_clusters(blobs(centers=3)[0], method, None, seed=0)
    scores = list(found.scores.values())
    assert found.k == next(iter(found.scores)) == 3
    assert scores == sorted(scores, reverse=True)
    assert set(found.scores) == set(candidates(300))
    given = find_clusters(blobs()[0], method, 5, seed=0)
    assert (given.k, given.scores, given.criterion) == (5, {}, "given")


@pytest.mark.parametrize("method", ON_LATENTS)
def test_further_items_join_the_cluster_of_those_beside_them(method):
    items, _ = blobs(500)
    known, new = items.rows(slice(0, 400)), items.rows(slice(400, None))
    found = find_clusters(known, method, None, seed=0)
    shift = 1e-3
    again = found.partition.assign(Encoded(known.z + shift)).clusters
    inside = found.assigned.clusters >= 0
    assert np.mean(again[inside] == found.assigned.clusters[inside]) > 0.98
    everything = find_clusters(items, method, None, seed=0).assigned.clusters[400:]
    put = found.partition.assign(new).clusters
    assert adjusted_rand_score(everything, put) > 0.9


def test_a_far_item_is_in_no_dense_region():
    found = find_clusters(blobs()[0], "hdbscan", None, seed=0)
    assert found.partition.assign(Encoded(np.full((1, 3), 1e3))).clusters == [-1]


def test_the_graph_follows_rings_that_no_center_describes():
    x, y = make_circles(600, factor=0.4, noise=0.03, random_state=0)
    assert adjusted_rand_score(y, find_clusters(Encoded(x), "graph", 2, 0).assigned.clusters) > 0.99
    assert adjusted_rand_score(y, find_clusters(Encoded(x), "gmm", 2, 0).assigned.clusters) < 0.1


def test_parts_that_do_not_touch_are_counted_each():
    # More rows than the dense solver takes, and as many eigenvalues 0 as there are parts.
    z, y = make_blobs(
        900, 2, centers=[(0, 0), (50, 0), (0, 50), (50, 50), (99, 99)], random_state=0
    )
    found = find_clusters(Encoded(z), "graph", None, seed=0)
    assert found.k == 5
    assert adjusted_rand_score(y, found.assigned.clusters) == 1


def test_more_items_than_the_graph_takes_vote(monkeypatch):
    monkeypatch.setattr("vaekit.clustering.methods._MOST_ROWS", 120)
    items, y = blobs()
    found = find_clusters(items, "graph", None, seed=0)
    assert adjusted_rand_score(y, found.assigned.clusters) == 1
    assert found.assigned.probabilities.shape == (300, 4)


def test_small_parts_join_the_nearest_large_one():
    centers = [(0, 0), (90, 0), (0, 20), (90, 20)]
    z, y = make_blobs([300, 300, 40, 40], 2, centers=centers, random_state=0)
    found = find_clusters(Encoded(z), "graph", 2, seed=0)
    assert adjusted_rand_score(y % 2, found.assigned.clusters) == 1


def test_equal_items_are_no_trouble():
    same = Encoded(np.zeros((40, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for method in ON_LATENTS:
            found = find_clusters(same, method, None, seed=0)
            assert len(found.assigned.clusters) == 40
            assert find_clusters(same, "graph", 3, seed=0).assigned.clusters.max() <= 2


def test_new_numbers_keep_noise_and_move_probabilities():
    assigned = Assigned(np.array([0, 1, -1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.0, 0.0]]))
    moved = assigned.numbered(np.array([1, 0]))
    assert moved.clusters.tolist() == [1, 0, -1]
    assert moved.probabilities.tolist() == [[0.1, 0.9], [0.8, 0.2], [0.0, 0.0]]


def test_digits_are_found_again(vae):
    found = cluster(vae, digits().images, k=10, labels=digits().labels)
    assert found.agreement.nmi > 0.6
    assert sum(found.sizes) == 1797
    assert found.noise == 0
    assert found.probabilities.sum(1) == pytest.approx(np.ones(1797))
    assert found.confidence.mean() > 0.7


@pytest.mark.parametrize("method", ON_LATENTS)
def test_clusters_are_described(vae, method):
    x = digits().images[:400]
    found = cluster(vae, x, method=method, labels=digits().labels[:400])
    assert found.assignments.dtype == np.int64
    assert sum(found.sizes) + found.noise == 400
    for one in found.clusters:
        assert len(one.representatives) == min(10, one.size)
        assert all(found.assignments[i] == one.number for i in one.representatives)
        own = found.z[found.assignments == one.number]
        distance = np.linalg.norm(own - own.mean(0), axis=1)
        nearest = np.linalg.norm(found.z[one.representatives[0]] - own.mean(0))
        assert nearest == pytest.approx(distance.min())
        assert one.traits == one.latents  # an image has no columns
        sizes = [abs(trait.difference) for trait in one.traits]
        assert sizes == sorted(sizes, reverse=True)
    stored = found.to_json()
    assert stored["k"] == found.k == len(stored["clusters"])
    assert set(draw_pictures(found, vae, x)) == {"cards", "latent_map"}


def test_columns_of_a_table_are_named():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 60)
    frame = pd.DataFrame(
        {"age": rng.normal(0, 1, 120), "height": 8 * group + rng.normal(0, 1, 120), "flat": 1.0}
    )
    model = Autoencoder(latent_dim=2, max_epochs=30, progress=False).fit(frame).trained_
    found = cluster(model, frame, method="kmeans", k=2)
    tall = found.assignments[-1]
    assert found.clusters[tall].traits[0].name == "height"
    assert found.clusters[tall].traits[0].difference > 1.5
    assert {t.name for t in found.clusters[tall].traits} == {"age", "height"}
    assert found.clusters[tall].latents[0].name in ("z0", "z1")
    assert len(draw_pictures(found, model, frame)["cards"].axes) == 2


def test_components_of_the_model_are_averaged_over_the_posterior(vade):
    x = digits().images[:200]
    found = cluster(vade, x, method="model")
    assert found.k == 6
    assert found.probabilities.sum(1) == pytest.approx(np.ones(200))
    prior = vade.vae.latent.prior
    z = torch.as_tensor(found.z, dtype=torch.float32)
    log_p = prior(None, None).component_distribution.log_prob(z[:, None]) + prior.logits
    at_mean = log_p.softmax(1).detach().numpy()
    assert np.mean(at_mean.argmax(1) == found.assignments) > 0.8
    # Averages over a posterior are less sure than its mean.
    assert found.confidence.mean() <= at_mean.max(1).mean()
    assert np.array_equal(assign(found, vade, x), found.assignments)


def test_vamp_has_components_too():
    model = Autoencoder(presets.vamp(components=5), latent_dim=2, max_epochs=1, progress=False)
    found = cluster(model.fit(digits().images[:200]).trained_, digits().images, method="model")
    assert found.k == 5
    assert sum(found.sizes) == 1797


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_same_seed_gives_the_same_clusters(vade, method):
    x = digits().images[:150]
    state = torch.get_rng_state()
    a, b = (cluster(vade, x, method=method, seed=3) for _ in range(2))
    assert np.array_equal(a.assignments, b.assignments)
    assert a.to_json() == b.to_json()
    assert torch.equal(torch.get_rng_state(), state)


def test_nothing_dense_is_no_cluster_and_no_card(vae):
    # Twelve items are too few for any region of five neighbours to stand out.
    found = cluster(vae, digits().images[:12], method="hdbscan", labels=digits().labels[:12])
    assert (found.k, found.noise, found.agreement.accuracy) == (0, 12, 0.0)
    assert found.confidence.tolist() == [0.0] * 12
    assert set(draw_pictures(found, vae, digits().images[:12])) == {"latent_map"}
    assert assign(found, vae, digits().images[:20]).tolist() == [-1] * 20


def test_labels_choose_nothing(vae):
    x = digits().images[:200]
    plain = cluster(vae, x, k=4)
    labeled = cluster(vae, x, k=4, labels=digits().labels[:200])
    assert plain.agreement is None
    assert np.array_equal(plain.assignments, labeled.assignments)


def test_conditional_models_and_points_as_latents():
    x, y = digits().images[:300], digits().labels[:300]
    conditional = Autoencoder("cvae", latent_dim=3, max_epochs=1, progress=False)
    assert cluster(conditional.fit(x, context=y).trained_, x, y, k=3).k == 3
    for preset in ("autoencoder", "vq_vae", "poincare_vae", "hierarchical_vae"):
        model = Autoencoder(preset, 8, max_epochs=1, progress=False).fit(x)
        assert sum(cluster(model.trained_, x, k=3).sizes) == 300


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"method": "kmean"}, SpecError, "unknown method 'kmean': did you mean 'kmeans'"),
        ({"k": 0}, SpecError, "k must be None or a whole number of at least 1; got 0"),
        ({"k": 2.5}, SpecError, "k must be None or a whole number"),
        ({"k": 21}, DataError, "at most the number of items, 20; got 21"),
        ({"method": "hdbscan", "k": 3}, SpecError, "finds the number of clusters itself"),
        ({"method": "model"}, CompositionError, "'vade', 'mixture_vae' or 'vamp'"),
        ({"labels": [0, 1]}, DataError, r"one class per item.*\(20,\)"),
        ({"labels": ["a"] * 20}, DataError, "at least 2 classes; got only a"),
    ],
)
def test_what_is_not_possible_is_explained(vae, options, error, says):
    with pytest.raises(error, match=says):
        cluster(vae, digits().images[:20], **options)


def test_few_items_and_foreign_numbers_of_components(vae, vade):
    with pytest.raises(DataError, match="at least 10 items; got 9"):
        cluster(vae, digits().images[:9])
    with pytest.raises(SpecError, match=r"components, 6.*components=4"):
        cluster(vade, digits().images[:50], method="model", k=4)
    assert cluster(vae, digits().images[:10]).k == 2
    assert cluster(vae, digits().images[:10], k=10, method="kmeans").sizes == (1,) * 10
