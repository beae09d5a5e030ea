"""Patches of images against those of normal images."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import vaekit
from vaekit.anomalies import PatchDistance, VAEDetector, fit_detector, load_detector
from vaekit.anomalies.patches import (
    FilterBank,
    PatchMaps,
    averaging,
    distances_to_others,
    interpolating,
    smoothing,
)
from vaekit.errors import CompositionError, DataError
from vaekit.metrics import has_efficientnet
from vaekit.types import Batch

QUICK = {"max_epochs": 1, "progress": False}
SIDE = 48


def parts(count, seed, channels=1):
    """Bright discs with a hole on a dark ground, a little off the middle, with noise."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    found = []
    for y, x in rng.uniform(-2, 2, (count, 2)):
        radius = np.hypot(down - y, across - x)
        found.append(np.where((radius < 18) & (radius > 6), 0.7, 0.2))
    images = np.repeat(np.stack(found)[..., None], channels, -1)
    noisy = images + 0.01 * rng.normal(size=images.shape)
    pixels = (255 * noisy).round().astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def with_spots(images, seed=0):
    """Each with a spot of 5 x 5 on the ring, and where its middle is."""
    spoiled, rng = images.copy(), np.random.default_rng(seed)
    angles = rng.uniform(0, 2 * np.pi, len(images))
    places = np.stack([SIDE / 2 + 12 * np.sin(angles), SIDE / 2 + 12 * np.cos(angles)], 1)
    places = places.round().astype(int)
    for image, (row, column) in zip(spoiled, places, strict=True):
        image[row - 2 : row + 3, column - 2 : column + 3] = 90
    return spoiled, places


@pytest.fixture(scope="module")
def detector():
    return VAEDetector(novelty=True, method="patches", **QUICK).fit(parts(120, 0))


def test_images_that_are_large_enough_are_told_by_their_patches(detector):
    taken = VAEDetector(novelty=True, **QUICK).fit(parts(30, 0)).detector_.name
    assert taken == ("patches_efficientnet" if has_efficientnet() else "patches")
    four = np.repeat(parts(30, 0)[..., None], 4, -1)  # which no network of photographs takes
    assert VAEDetector(**QUICK).fit(four).detector_.name == "patches"
    small = parts(60, 0)[:, ::2, ::2]
    assert VAEDetector(novelty=True, **QUICK).fit(small).detector_.name == "wide_novelty"
    assert VAEDetector(**QUICK).fit(small).detector_.name == "contaminated"


def test_defects_are_found_and_where_they_are(detector):
    spoiled, places = with_spots(parts(40, 1))
    usual = detector.score_samples(parts(40, 2))
    assert detector.score_samples(spoiled).max() < usual.min()
    maps = detector.heat_maps(spoiled)
    assert maps.shape == (40, SIDE, SIDE)
    assert (maps >= 0).all()
    for heat, place in zip(maps, places, strict=True):
        top = np.array(np.unravel_index(heat.argmax(), heat.shape))
        assert np.abs(top - place).max() <= 4


def test_the_reason_of_an_image_is_where_it_is_unusual(detector):
    spoiled, places = with_spots(parts(5, 1))
    for (strongest, *_), (row, column) in zip(
        detector.explain(spoiled, top=2), places, strict=True
    ):
        rows, columns = strongest.column.removesuffix(": deviation").split(", ")
        for text, place in ((rows, row), (columns, column)):
            first, last = (int(end) for end in text.split()[1].split("-"))
            assert first <= place <= last
        assert strongest.found > 2 * strongest.expected > 0
        assert 0 < strongest.share <= 1


def test_what_was_in_training_is_scored_as_if_it_had_not_been():
    mixed, _ = with_spots(parts(6, 4))
    found = VAEDetector(0.05, method="patches", **QUICK).fit(np.concatenate([parts(114, 3), mixed]))
    assert found.labels_[-6:].all()
    fresh = -found.score_samples(parts(40, 5))
    inner = found.detector_
    assert np.median(inner.training[:114]) == pytest.approx(np.median(fresh), abs=0.4)


def test_gaussians_without_an_image_are_as_if_it_were_left_out():
    images = torch.from_numpy(parts(200, 0))[:, None].float() / 255
    score = PatchDistance().fit(seen(images))
    maps = score.maps
    patches = maps.patches(images)
    alone, _ = distances_to_others(maps, patches, np.zeros(len(maps.memory), int))
    others = PatchMaps(maps.features, {**score.arrays, **gaussians(patches[1:])}, (SIDE, SIDE))
    wanted = others.to_gaussian(patches[:1])
    assert torch.allclose(alone[:1], wanted, rtol=0.03)
    assert (maps.to_gaussian(patches[:1]) < wanted).all()


def test_images_beyond_those_that_fit_into_memory_are_scored_as_new_ones(monkeypatch):
    monkeypatch.setattr("vaekit.anomalies.patches._MOST_VALUES", 0)
    images = torch.from_numpy(parts(130, 0))[:, None].float() / 255
    score = PatchDistance().fit(seen(images))
    chosen, peaks = score.training
    assert len(chosen) == 100
    found = score.of_training(seen(images))
    assert (found[chosen] == peaks).all()
    others = np.setdiff1d(np.arange(130), chosen)
    assert found[others] == pytest.approx(score.of(seen(images))[others], abs=1e-4)


def gaussians(patches):
    from vaekit.anomalies import patches as module

    return module._gaussians(patches)


def seen(images):
    """As much of the inputs of scores as patches ask for."""
    return SimpleNamespace(batch=Batch(images))


def test_a_score_does_not_depend_on_the_company(detector):
    images = parts(12, 6)
    together = detector.score_samples(images)
    alone = np.concatenate([detector.score_samples(image[None]) for image in images])
    np.testing.assert_allclose(alone, together, atol=1e-4)
    assert (detector.score_samples(images) == together).all()


def test_it_is_stored_with_its_maps(detector, tmp_path):
    detector.save(tmp_path / "run")
    loaded = load_detector(tmp_path / "run")
    images, _ = with_spots(parts(6, 1))
    assert (loaded.score_samples(images) == detector.score_samples(images)).all()
    assert (loaded.heat_maps(images) == detector.heat_maps(images)).all()
    assert loaded.explain(images) == detector.explain(images)
    assert vaekit.load(tmp_path / "run").detector_.name == "patches"


def test_rates_of_false_alarms():
    guard = VAEDetector(false_alarm_rate=0.1, method="patches", **QUICK).fit(parts(150, 0))
    spoiled, _ = with_spots(parts(10, 1))
    assert (guard.predict(spoiled) == -1).all()
    assert (guard.p_values(spoiled) <= 0.1).all()


@pytest.mark.parametrize("method", ["patches", PatchDistance(lambda x: (x, x[:, :, ::2, ::2]))])
def test_it_goes_on_learning(method):
    small = parts(150, 0)[:, ::3, ::3]
    guard = VAEDetector(novelty=True, method=method, **QUICK).fit(small)
    lighter = (0.5 * parts(60, 8) + 90).astype(np.uint8)[:, ::3, ::3]
    before = guard.score_samples(lighter[50:])
    guard.partial_fit(lighter[:50])
    assert guard.score_samples(lighter[50:]).min() > before.max()


def test_colour_and_shapes_that_are_no_squares():
    images = parts(60, 0, channels=3)[:, :, 4:]
    found = VAEDetector(novelty=True, method="patches", **QUICK)
    found.fit(np.pad(images, ((0, 0), (8, 8), (2, 2), (0, 0))))
    reddish = np.pad(parts(8, 1, channels=3)[:, :, 4:], ((0, 0), (8, 8), (2, 2), (0, 0)))
    usual = found.score_samples(reddish)
    reddish[:, 30:36, 20:26, 0] = np.minimum(reddish[:, 30:36, 20:26, 0] + 20, 255)
    assert found.heat_maps(reddish).shape == (8, 64, 48)
    assert found.score_samples(reddish).max() < usual.min()


def test_other_methods_train_the_model_as_before(detector):
    other = VAEDetector(novelty=True, method="wide_novelty", **QUICK).fit(parts(40, 0))
    assert other.autoencoder_.likelihood == "learned_gaussian"
    assert other.heat_maps(parts(2, 0)).shape == (2, SIDE, SIDE)
    with pytest.raises(CompositionError, match="reasons are columns of rows"):
        other.explain(parts(2, 0))


def test_what_is_no_image_has_no_patches():
    X = np.random.default_rng(0).normal(size=(50, 3))
    with pytest.raises(CompositionError, match="patches are of images"):
        VAEDetector(method="patches", **QUICK).fit(X)
    model = vaekit.Autoencoder("vae", 1, validation=0.0, **QUICK).fit(X)
    with pytest.raises(CompositionError, match="patches are of images"):
        fit_detector(model.trained_, X, score="patches")


def own_network(images):
    return torch.nn.functional.avg_pool2d(images, 3), images


def test_features_of_a_network_of_your_own(tmp_path):
    found = VAEDetector(novelty=True, method=PatchDistance(own_network), **QUICK)
    found.fit(parts(80, 0))
    spoiled, _ = with_spots(parts(10, 1))
    assert found.score_samples(spoiled).max() < np.median(found.score_samples(parts(20, 2)))
    with pytest.raises(CompositionError, match="stored files hold no code"):
        found.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert found.heat_maps(spoiled).shape == (10, SIDE, SIDE)


def test_features_must_be_maps():
    pooled = PatchDistance(lambda images: images.mean((2, 3)))
    with pytest.raises(DataError, match="before they are pooled"):
        VAEDetector(method=pooled, **QUICK).fit(parts(20, 0))


def test_features_of_efficientnet_are_stored_by_name(tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    found = VAEDetector(novelty=True, method="patches_efficientnet", **QUICK).fit(parts(40, 0))
    spoiled, _ = with_spots(parts(5, 1))
    assert found.score_samples(spoiled).max() < found.score_samples(parts(10, 2)).min()
    found.save(tmp_path / "run")
    loaded = load_detector(tmp_path / "run")
    assert (loaded.score_samples(spoiled) == found.score_samples(spoiled)).all()
    with pytest.raises(CompositionError, match="no graph"):
        found.export(tmp_path / "graph", "onnx", only=["detect"])


@pytest.mark.parametrize(("count", "size"), [(3, 7), (5, 5), (7, 3), (1, 4)])
def test_matrices_keep_what_is_constant(count, size):
    for matrix in (averaging(count, size), interpolating(count, size)):
        assert matrix.shape == (count, size)
        torch.testing.assert_close(matrix.sum(1), torch.ones(count))
    torch.testing.assert_close(smoothing(size, 1.5).sum(1), torch.ones(size))


def test_filters_answer_alike_to_all_directions_and_not_at_all_to_constants():
    images = torch.rand(30, 2, 40, 40, generator=torch.Generator().manual_seed(0))
    bank = FilterBank.learn(images)
    responses = torch.nn.functional.conv2d(images, bank.filters[0], -bank.offsets[0])
    assert responses.std((0, 2, 3)).numpy() == pytest.approx(1, abs=0.1)
    flat = FilterBank.learn(torch.full((5, 1, 40, 40), 0.5))(torch.full((1, 1, 40, 40), 0.5))
    assert flat.abs().max() < 0.1
