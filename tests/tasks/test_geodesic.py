"""Shortest ways, on decoders whose shortest ways are known."""

import numpy as np
import pandas as pd
import pytest
import torch

from vaekit import Autoencoder
from vaekit.datasets import digits
from vaekit.errors import CompositionError, SpecError
from vaekit.fitting import decoded_energy, interpolate_latents, shorten

A, B = torch.tensor([[-2.0, 0.1]]), torch.tensor([[2.0, 0.1]])


def sphere(z):
    """Longitude and latitude to a point: shortest ways are great circles."""
    longitude, latitude = z.unbind(-1)
    across = latitude.cos()
    return torch.stack([across * longitude.cos(), across * longitude.sin(), latitude.sin()], dim=-1)


def mountain(z):
    return torch.cat([z, 10 * torch.exp(-z.square().sum(1, keepdim=True))], dim=1)


def length(paths, decode):
    x = decode(paths.flatten(0, 1)).unflatten(0, paths.shape[:2])
    return x.diff(dim=1).norm(dim=-1).sum(1)


def test_a_way_between_two_cities_is_the_great_circle():
    a, b = torch.tensor([[0.0, 0.9]]), torch.tensor([[2.2, 0.7]])
    way = shorten(a, b, sphere, steps=33)
    angle = torch.arccos((sphere(a) * sphere(b)).sum(-1))
    line = interpolate_latents(a, b, steps=33)
    assert length(way, sphere).item() == pytest.approx(angle.item(), rel=2e-3)
    assert length(line, sphere).item() > 1.14 * angle.item()
    normal = torch.linalg.cross(sphere(a), sphere(b))
    assert (sphere(way[0]) @ normal.T).abs().max() < 0.02  # all points lie in one plane


def test_steps_are_even_in_the_decoded_space():
    pieces = mountain(shorten(A, B, mountain, steps=17)[0]).diff(dim=0).norm(dim=-1)
    assert pieces.max() < 1.15 * pieces.mean()


def test_a_flat_decoder_leaves_the_straight_line():
    torch.manual_seed(0)
    matrix, a, b = torch.randn(3, 5), torch.randn(4, 3), torch.randn(4, 3)
    way = shorten(a, b, lambda z: z @ matrix, steps=6)
    torch.testing.assert_close(way, interpolate_latents(a, b, steps=6), atol=1e-3, rtol=0)


@pytest.mark.parametrize("steps", [2, 3, 8, 40])
def test_both_ends_stay(steps):
    way = shorten(A, B, mountain, steps)
    assert way.shape == (1, steps, 2)
    torch.testing.assert_close(way[:, [0, -1]], torch.stack([A, B], dim=1))


def test_no_way_has_more_energy_than_the_straight_line():
    torch.manual_seed(1)
    layers = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.Tanh(), torch.nn.Linear(32, 9))
    a, b = 3 * torch.randn(20, 2), 3 * torch.randn(20, 2)
    bent, line = shorten(a, b, layers, steps=17), interpolate_latents(a, b, steps=17)
    assert not bent.requires_grad
    assert (decoded_energy(bent, layers) <= decoded_energy(line, layers)).all()
    assert (length(bent, layers) < length(line, layers)).float().mean() > 0.9


def test_ways_do_not_influence_each_other_and_repeat():
    a, b = torch.cat([A, A + 0.3]), torch.cat([B, B - 0.5])
    both = shorten(a, b, mountain, steps=9)
    assert torch.equal(both, shorten(a, b, mountain, steps=9))
    torch.testing.assert_close(both[1:], shorten(a[1:], b[1:], mountain, steps=9))


def test_an_item_and_itself_stay_where_they_are():
    assert torch.equal(shorten(A, A, mountain, steps=5), A.expand(1, 5, 2))


def test_bad_calls_say_what_to_do():
    with pytest.raises(SpecError, match="steps must be at least 2; got 1"):
        shorten(A, B, mountain, steps=1)
    with pytest.raises(SpecError, match="needs the decoder; got none. Pass decode="):
        interpolate_latents(A, B, path="geodesic")
    with pytest.raises(CompositionError, match="whose output has a slope"):
        shorten(A, B, lambda z: z.detach().round())


@pytest.fixture(scope="module")
def data():
    return digits()


def test_images_in_their_contexts(data):
    model = Autoencoder("cvae", latent_dim=4, max_epochs=2, progress=False)
    model.fit(data.images, context=data.labels)
    a, b, context = data.images[:20], data.images[20:40], data.labels[:20]
    paths = model.interpolate(a, b, steps=4, path="geodesic", context=context)
    alone = model.interpolate(a[18:], b[18:], steps=4, path="geodesic", context=context[18:])
    assert paths.shape == (20, 4, 8, 8)
    assert paths.dtype == np.uint8
    np.testing.assert_allclose(paths[18:].astype(int), alone.astype(int), atol=2)
    straight = model.interpolate(a, b, steps=4, context=context)
    np.testing.assert_array_equal(paths[:, [0, 3]], straight[:, [0, 3]])


def test_tables():
    values = np.random.default_rng(0).normal(size=(200, 3))
    table = pd.DataFrame(values, columns=["x", "y", "z"])
    model = Autoencoder(latent_dim=2, max_epochs=2, progress=False).fit(table)
    paths = model.interpolate(table[:2], table[2:4], steps=5, path="geodesic")
    assert list(paths.columns) == ["x", "y", "z"]
    assert len(paths) == 10


@pytest.mark.parametrize(
    ("preset", "reason"),
    [
        ("vq_vae", "this model's are codes"),
        ("svae", "points of a curved space"),
        ("flow_matching", "has none"),
    ],
)
def test_models_without_latents_to_move_are_refused(data, preset, reason):
    images = data.images[:300]
    model = Autoencoder(preset, latent_dim=4, max_epochs=1, progress=False).fit(images)
    with pytest.raises(CompositionError, match=reason):
        model.interpolate(images[:2], images[2:4], path="geodesic")
