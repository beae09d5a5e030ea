"""Fréchet distance, neighbours and sharpness, alone and with their floor."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from vaekit.errors import DataError
from vaekit.metrics import (
    PRDC,
    Features,
    fidelity,
    frechet_distance,
    prdc,
    sharpness,
    sharpness_ratio,
)
from vaekit.metrics import sample_quality as neighbors_module


def two_samples(n=300, m=260, d=12):
    mix = torch.randn(d, d) / math.sqrt(d)
    return torch.randn(n, d), 0.3 + 1.2 * torch.randn(m, d) @ mix


def brute_force(real, fake, k):
    """Straight from the definitions, one pair at a time."""
    real, fake = real.double().numpy(), fake.double().numpy()

    def radius(items, i):
        return np.sort(np.linalg.norm(np.delete(items, i, 0) - items[i], axis=1))[k - 1]

    real_radii = np.array([radius(real, i) for i in range(len(real))])
    fake_radii = np.array([radius(fake, i) for i in range(len(fake))])
    distance = np.array([[np.linalg.norm(r - f) for f in fake] for r in real])
    inside = distance < real_radii[:, None]
    return PRDC(
        precision=inside.any(0).mean(),
        recall=(distance < fake_radii).any(1).mean(),
        density=inside.sum(0).mean() / k,
        coverage=inside.any(1).mean(),
    )


def as_approx(figures):
    return pytest.approx(list(vars(figures).values()), abs=1e-6)


def test_the_frechet_distance_is_that_of_a_matrix_root():
    real, fake = (sample.double().numpy() for sample in two_samples())
    a, b = np.cov(real.T), np.cov(fake.T)
    root = scipy.linalg.sqrtm(a @ b).real
    shift = real.mean(0) - fake.mean(0)
    expected = shift @ shift + np.trace(a + b - 2 * root)
    got = frechet_distance(torch.tensor(real), torch.tensor(fake))
    assert got == pytest.approx(expected, rel=1e-6)


def test_the_frechet_distance_of_known_gaussians():
    """Variances 1 and 4 in each of d dimensions, means apart by 1: d (1 + (2 - 1)²)."""
    real = torch.randn(200_000, 3)
    assert frechet_distance(real, 2 * real + 1 - real.mean(0)) == pytest.approx(6.0, rel=0.01)


def test_the_frechet_distance_is_symmetric_zero_to_itself_and_blind_to_rotation():
    real, fake = two_samples()
    rotation = torch.linalg.qr(torch.randn(12, 12)).Q
    value = frechet_distance(real, fake)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(fake, real) == pytest.approx(value, rel=1e-9)
    assert frechet_distance(real @ rotation, fake @ rotation) == pytest.approx(value, rel=1e-5)


def test_the_frechet_distance_bears_constant_features():
    real, fake = torch.randn(50, 4), torch.randn(60, 4)
    constant = [torch.cat([sample, torch.ones(len(sample), 2)], 1) for sample in (real, fake)]
    assert frechet_distance(*constant) == pytest.approx(frechet_distance(real, fake), rel=1e-9)


def test_one_feature_is_enough():
    x = torch.randn(50, 1)
    assert frechet_distance(x, x + 3) == pytest.approx(9, rel=1e-5)


def test_too_few_items_are_refused_with_the_number_needed():
    with pytest.raises(DataError, match="more than 12 items .* 24 or more; got 300 real and 12"):
        frechet_distance(*two_samples(m=12))
    assert frechet_distance(*two_samples(m=13)) > 0


@pytest.mark.parametrize("measure", [frechet_distance, prdc])
def test_features_must_be_finite_and_of_equal_width(measure):
    real, fake = two_samples()
    fake[3, 1] = float("nan")
    with pytest.raises(DataError, match="1 of 260 generated items"):
        measure(real, fake)
    with pytest.raises(DataError, match="equal width"):
        measure(real, fake[:, :5])


@pytest.mark.parametrize("k", [1, 5])
def test_neighbors_are_those_of_the_definition(k):
    real, fake = two_samples(n=70, m=50, d=4)
    assert list(vars(prdc(real, fake, k)).values()) == as_approx(brute_force(real, fake, k))


def test_neighbors_are_those_of_the_reference_package(capsys):
    reference = pytest.importorskip("prdc")
    real, fake = two_samples()
    expected = reference.compute_prdc(real.numpy(), fake.numpy(), nearest_k=5)
    got = vars(prdc(real, fake, k=5))
    assert got == pytest.approx(expected, abs=1e-4)
    assert 0.1 < got["recall"] < 0.99, "the samples must differ for this to mean something"


def test_neighbors_do_not_depend_on_how_many_are_compared_at_once(monkeypatch):
    real, fake = two_samples()
    whole = prdc(real, fake)
    monkeypatch.setattr(neighbors_module, "_DISTANCES_AT_ONCE", 7 * 300)
    assert prdc(real, fake) == whole


def test_copies_are_at_no_distance_and_their_balls_hold_nothing():
    """Though rounding puts them apart."""
    for _ in range(20):
        item = 100 * torch.randn(50, dtype=torch.float64)
        copies = item.expand(30, -1)
        assert not neighbors_module._distances(copies, copies).any()
    real = torch.cat([copies, item + torch.randn(30, 50)])
    result = prdc(real, item.expand(40, -1), k=5)
    assert result.precision == result.density == 0.0


@pytest.mark.parametrize("k", [0, 50])
def test_neighbors_need_more_items_than_k(k):
    with pytest.raises(DataError, match=f"k={k} with 300 real and 50 generated"):
        prdc(*two_samples(m=50), k=k)


def test_sharpness_is_the_variance_of_the_laplacian():
    image = torch.rand(1, 1, 6, 7)
    a = image[0, 0].numpy()
    laplacian = a[:-2, 1:-1] + a[2:, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] - 4 * a[1:-1, 1:-1]
    assert sharpness(image).item() == pytest.approx(laplacian.var(), rel=1e-5)
    channels = torch.cat([image, torch.zeros_like(image)], 1)
    assert sharpness(channels).item() == pytest.approx(laplacian.var() / 2, rel=1e-5)


def test_blur_lowers_sharpness_and_noise_raises_it():
    images = torch.rand(20, 3, 16, 16)
    blurred = torch.nn.functional.avg_pool2d(images, 3, 1, 1)
    assert sharpness_ratio(images, blurred) < 0.3
    assert sharpness_ratio(images, images + 0.3 * torch.randn_like(images)) > 1.5


def test_sharpness_refuses_what_has_none():
    with pytest.raises(DataError, match=r"got \(5, 4\)"):
        sharpness(torch.zeros(5, 4))
    with pytest.raises(DataError, match="flat"):
        sharpness_ratio(torch.ones(2, 1, 4, 4), torch.rand(2, 1, 4, 4))


def test_real_items_are_as_good_as_their_floor_and_moved_ones_are_not():
    real = torch.randn(2000, 6)
    good = fidelity(real, torch.randn(1000, 6), lambda x: x)
    assert good.fake.frechet == pytest.approx(good.floor.frechet, abs=0.03)
    assert good.fake.coverage == pytest.approx(good.floor.coverage, abs=0.05)
    bad = fidelity(real, 1.5 + torch.randn(1000, 6), lambda x: x)
    assert bad.floor == good.floor
    assert bad.fake.frechet > 50 * bad.floor.frechet
    assert bad.fake.coverage < 0.5 * bad.floor.coverage


def test_the_halves_of_the_floor_share_no_item_and_the_sizes_are_equal():
    seen = []
    features = Features("recorded", lambda x: seen.append(x) or x)
    result = fidelity(torch.arange(100.0).view(100, 1), torch.randn(30, 1), features, k=3)
    reference, generated, other = seen
    assert len(reference) == len(generated) == len(other) == result.items == 30
    assert not set(reference.flatten().tolist()) & set(other.flatten().tolist())


def test_few_real_items_reduce_the_size():
    assert fidelity(torch.randn(41, 2), torch.randn(90, 2), lambda x: x).items == 20


def test_the_seed_decides_which_items_are_compared():
    real, fake = torch.randn(90, 2), torch.randn(90, 2)
    first, again, other = (fidelity(real, fake, lambda x: x, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_images_have_a_sharpness_beside_its_floor_and_tables_have_none():
    images = torch.rand(80, 1, 8, 8)
    features = Features("means", lambda x: x.mean((2, 3)))
    result = fidelity(images, images[:40] / 2, features)
    assert result.fake.sharpness == pytest.approx(0.25, rel=0.1)
    assert result.floor.sharpness == pytest.approx(1, rel=0.1)
    assert "sharpness" in result.summary()
    table = fidelity(torch.randn(80, 2), torch.randn(40, 2), lambda x: x)
    assert table.fake.sharpness is table.floor.sharpness is None
    assert "sharpness" not in table.summary()
    assert "custom" in table.summary()
    assert table.to_json()["floor"]["frechet"] == table.floor.frechet


def test_items_must_be_of_one_shape():
    with pytest.raises(DataError, match=r"\(8, 2\) and \(8, 3\)"):
        fidelity(torch.zeros(8, 2), torch.zeros(8, 3), lambda x: x)
    with pytest.raises(DataError, match="one generated"):
        fidelity(torch.zeros(8, 2), torch.zeros(0, 2), lambda x: x)
