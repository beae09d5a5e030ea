"""Densities integrate to one, and samples follow them."""

import pytest
import torch
from laws.examples import (
    aggregate,
    assert_mean,
    example,
    example_posterior,
    example_prior,
    flat_posteriors,
    flat_priors,
    likelihood_names,
    plane,
    values_of,
    weights_of,
)
from torch.distributions import Distribution

from vaekit.types import Batch


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.no_grad():
        yield


def latent_distribution(name: str) -> Distribution:
    if name.startswith("priors."):
        return example_prior(name)(None, aggregate)
    return example_posterior(name)


def statistics(p, z):
    """Moments up to the second, and the log density, of latents of shape (n, ..., 2)."""
    first, second = z.unbind(-1)
    return torch.stack([first, second, first**2, second**2, first * second, p.log_prob(z)], -1)


def on_the_plane(p):
    """Grid points shaped for p's batch, and the mass p gives each, (points, *batch)."""
    points, area = plane()
    z = points.view(-1, *[1] * len(p.batch_shape), 2).expand(-1, *p.batch_shape, 2)
    return z, p.log_prob(z).exp() * area


def one_value(name):
    """p(x | z) of one value, all values it may take, and the mass it gives to each."""
    shape = {"shape": ()} if "shape" in vars(example(name)) else {}
    likelihood = example(name, **shape).eval()
    values = values_of(likelihood)
    features = torch.linspace(-0.4, 0.6, likelihood.features_per_value).view(1, 1, -1, 1)
    px = likelihood(features.expand(1, len(values), -1, 1))
    log_px = likelihood.log_prob(px, Batch(values[:, None]))[0]
    return likelihood(features), values, log_px.exp() * weights_of(likelihood)


@pytest.mark.parametrize("name", flat_priors() + flat_posteriors("pointwise"))
def test_latent_density_integrates_to_one(name):
    _, mass = on_the_plane(latent_distribution(name))
    torch.testing.assert_close(mass.sum(0), torch.ones(mass.shape[1:]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", flat_priors() + flat_posteriors("pointwise"))
def test_latent_samples_follow_their_density(name):
    p = latent_distribution(name)
    z, mass = on_the_plane(p)
    expected = (statistics(p, z) * mass.unsqueeze(-1)).sum(0)
    assert_mean(statistics(p, p.sample((20_000,))), expected)


@pytest.mark.parametrize("name", likelihood_names())
def test_likelihood_sums_to_one_over_its_support(name):
    _, _, mass = one_value(name)
    assert mass.sum().item() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("name", likelihood_names())
def test_likelihood_samples_follow_their_density(name):
    px, values, mass = one_value(name)
    samples = px.sample((20_000,)).to(values)
    assert_mean(samples, (values * mass).sum())


@pytest.mark.parametrize("name", [n for n in likelihood_names() if n != "likelihoods.Categorical"])
def test_likelihood_mean_is_the_mean_of_its_density(name):
    """Not of a categorical: the mean of unordered codes is no code."""
    px, values, mass = one_value(name)
    torch.testing.assert_close(px.mean.squeeze(), (values * mass).sum(), atol=2e-3, rtol=0)
