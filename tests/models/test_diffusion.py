"""Samplers against what is known in closed form: data of one normal distribution."""

import pytest
import torch
from torch import nn

from vaekit.distributions import PATHS, find_path
from vaekit.errors import CompositionError, SpecError
from vaekit.models import Diffusion
from vaekit.networks import DenoisingMLP

MEAN, SCALE = 1.5, 0.5


class Exact(nn.Module):
    """What must be added for the mean velocity of normal items with this mean and scale."""

    def __init__(self, path):
        super().__init__()
        self.path = find_path(path)

    def forward(self, seen, t, context):
        a, s, da, ds = self.path(t)
        spread = (a**2 + s**2).sqrt()
        x = seen * spread
        slope = (a * da * SCALE**2 + s * ds) / ((a * SCALE) ** 2 + s**2)
        velocity = da * MEAN + slope * (x - a * MEAN)
        standard = (a * da + s * ds) / spread**2 * x
        return (velocity - standard) * spread / (a * ds - s * da).abs()


def exact(path, steps):
    return Diffusion(Exact(path), (2,), path, steps)


@pytest.mark.parametrize("path", PATHS)
def test_samples_of_the_exact_velocity_have_the_moments_of_the_items(path):
    x = exact(path, 200).sample(20_000, generator=torch.Generator().manual_seed(0))
    assert x.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert x.std().item() == pytest.approx(SCALE, abs=0.02)


@pytest.mark.parametrize("path", PATHS)
def test_more_steps_come_nearer(path):
    errors = []
    for steps in (2, 8, 32, 128):
        x = exact(path, steps).sample(4000, generator=torch.Generator().manual_seed(0))
        errors.append(abs(x.std().item() - SCALE))
    assert errors[0] > 4 * errors[1] > 8 * errors[3]


class Nothing(nn.Module):
    """Adds nothing."""

    def forward(self, x, t, context):
        return torch.zeros_like(x)


@pytest.mark.parametrize("path", PATHS)
def test_a_network_that_adds_nothing_leaves_standard_normal_items(path):
    x = Diffusion(Nothing(), (2,), path, 50).sample(20_000, generator=torch.Generator())
    assert x.mean().item() == pytest.approx(0, abs=0.02)
    assert x.std().item() == pytest.approx(1, abs=0.02)


def test_steps_may_be_chosen_for_each_sample():
    model = exact("straight", 200)
    few, many = (
        model.sample(5, steps=s, generator=torch.Generator().manual_seed(0)) for s in (2, None)
    )
    assert not torch.allclose(few, many)


@pytest.mark.parametrize("path", PATHS)
def test_paths_go_from_noise_to_items_and_rates_are_their_slopes(path):
    way = find_path(path)
    ends = [tuple(v.item() for v in way(torch.tensor(t))[:2]) for t in (0.0, 1.0)]
    assert ends == [pytest.approx((0.0, 1.0), abs=1e-6), pytest.approx((1.0, 0.0), abs=1e-6)]
    t = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    a, s, da, ds = way(t)
    later, earlier = way(t + 1e-6), way(t - 1e-6)
    torch.testing.assert_close((later[0] - earlier[0]) / 2e-6, da)
    torch.testing.assert_close((later[1] - earlier[1]) / 2e-6, ds)


def test_items_are_standardized():
    model = Diffusion(DenoisingMLP((3,), (8,)), (3,))
    x = 5 + 2 * torch.randn(1000, 3)
    model.start_from(x)
    assert model.standardize(x).std().item() == pytest.approx(1, abs=1e-5)
    assert model.sample(2000).mean().item() == pytest.approx(5, abs=0.5)  # its noise is not closed


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Diffusion(nn.Identity(), (2,), "crooked"), "unknown path"),
        (lambda: Diffusion(nn.Identity(), (2,), steps=0), "at least 1; got 0"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(SpecError, match=message):
        make()


def test_a_context_is_asked_for():
    model = Diffusion(DenoisingMLP((2,), (8,), 3), (2,), context_dim=3)
    assert model.sample(4, torch.zeros(4, 3)).shape == (4, 2)
    with pytest.raises(CompositionError, match="takes a context of size 3; got 0"):
        model.sample(4)
