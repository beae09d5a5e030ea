"""Densities of curved spaces integrate to one over their own area, and samples follow them."""

import math

import pytest
import torch
from laws.examples import assert_mean, example_posterior, example_vae, items
from scipy.special import ive
from torch.distributions import kl_divergence

from vaekit.distributions import (
    Ball,
    PowerSpherical,
    VonMisesFisher,
    WrappedNormalDistribution,
    log_sphere_area,
)
from vaekit.distributions.sphere import UniformSphereDistribution
from vaekit.errors import CompositionError
from vaekit.priors import WrappedNormal as WrappedNormalPrior
from vaekit.spec import components
from vaekit.types import Batch

SPHERICAL = [PowerSpherical, VonMisesFisher]


def on_the_sphere(dim, steps=400):
    """Points of the circle or the sphere, and the area of each."""
    turn = (torch.arange(steps) + 0.5) / steps * 2 * math.pi
    if dim == 2:
        return torch.stack([turn.cos(), turn.sin()], -1), torch.full((steps,), 2 * math.pi / steps)
    height = (torch.arange(steps) + 0.5) / steps * 2 - 1
    h, t = (grid.flatten() for grid in torch.meshgrid(height, turn, indexing="ij"))
    width = (1 - h**2).sqrt()
    points = torch.stack([width * t.cos(), width * t.sin(), h], -1)
    return points, torch.full((len(points),), 4 * math.pi / len(points))


def on_the_ball(ball, steps=600, farthest=9.0):
    """Points of the disc, and the hyperbolic area of each (polar coordinates)."""
    root = ball.curvature**0.5
    distance = (torch.arange(steps) + 0.5) / steps * farthest
    turn = (torch.arange(200) + 0.5) / 200 * 2 * math.pi
    d, t = (grid.flatten() for grid in torch.meshgrid(distance, turn, indexing="ij"))
    points = ball.unflatten(d.unsqueeze(-1) * torch.stack([t.cos(), t.sin()], -1))
    return points, torch.sinh(root * d) / root * (farthest / steps) * (2 * math.pi / 200)


def direction(dim):
    v = torch.arange(1.0, dim + 1)
    return v / v.norm()


@pytest.mark.parametrize("concentration", [0.3, 4.0, 40.0])
@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("kind", SPHERICAL)
def test_spherical_densities_integrate_to_one(kind, dim, concentration):
    points, area = on_the_sphere(dim)
    q = kind(direction(dim), torch.tensor(concentration))
    mass = (q.log_prob(points).exp() * area).sum().item()
    assert mass == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize("dim", [2, 3, 8, 40])
@pytest.mark.parametrize("kind", SPHERICAL)
def test_spherical_samples_have_length_one_and_the_entropy(kind, dim):
    q = kind(direction(dim), torch.tensor(2.0 * dim))
    z = q.sample((20_000,))
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(20_000), atol=1e-5, rtol=0)
    assert_mean(-q.log_prob(z), q.entropy())


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("kind", SPHERICAL)
def test_spherical_samples_follow_their_density(kind, dim):
    q = kind(direction(dim), torch.tensor(3.0))
    points, area = on_the_sphere(dim)
    mass = (q.log_prob(points).exp() * area).unsqueeze(-1)
    z = q.sample((20_000,))
    assert_mean(z, (points * mass).sum(0))
    assert_mean(z**2, (points**2 * mass).sum(0))


@pytest.mark.parametrize("kind", SPHERICAL)
def test_the_closed_form_kl_to_the_uniform_is_the_mean_log_ratio(kind):
    q = kind(direction(5), torch.tensor(7.0))
    p = UniformSphereDistribution(torch.zeros(5))
    z = q.sample((20_000,))
    assert_mean(q.log_prob(z) - p.log_prob(z), kl_divergence(q, p))


def test_the_area_of_circle_and_sphere():
    assert math.exp(log_sphere_area(2)) == pytest.approx(2 * math.pi)
    assert math.exp(log_sphere_area(3)) == pytest.approx(4 * math.pi)


@pytest.mark.parametrize("dim", [2, 3, 16, 200])
def test_the_gradient_of_the_von_mises_fisher_normalizer(dim):
    """The derivative of log C is minus the mean cosine, from scipy's Bessel functions."""
    k = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    VonMisesFisher(direction(dim).double(), k).log_normalizer.backward()
    order = dim / 2 - 1
    assert k.grad.item() == pytest.approx(ive(order + 1, 5.0) / ive(order, 5.0), rel=1e-6)


@pytest.mark.parametrize("kind", SPHERICAL)
def test_concentration_has_a_gradient_through_draws(kind):
    """More concentrated draws lie nearer to the mean; the two ends of a difference agree."""
    mean, k = direction(4), torch.tensor(3.0, requires_grad=True)
    torch.manual_seed(0)
    (kind(mean.expand(200_000, 4), k.expand(200_000)).rsample() @ mean).mean().backward()
    torch.manual_seed(1)
    ends = [(kind(mean, torch.tensor(c)).sample((400_000,)) @ mean).mean() for c in (2.9, 3.1)]
    # The rejection sampler leaves out a small term of the gradient.
    tolerance = 0.1 if kind is PowerSpherical else 0.35
    assert k.grad.item() == pytest.approx((ends[1] - ends[0]).item() / 0.2, rel=tolerance)


@pytest.mark.parametrize("curvature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("center", [(0.0, 0.0), (0.3, -0.4)])
def test_hyperbolic_densities_integrate_to_one(curvature, center):
    ball = Ball(curvature)
    points, area = on_the_ball(ball)
    q = WrappedNormalDistribution(torch.tensor(center), torch.tensor([-0.7, -0.2]), ball)
    assert (q.log_prob(points).exp() * area).sum().item() == pytest.approx(1.0, abs=0.01)


def test_hyperbolic_samples_follow_their_density():
    ball = Ball(1.0)
    points, area = on_the_ball(ball)
    q = WrappedNormalDistribution(torch.tensor([0.3, -0.4]), torch.tensor([-0.7, -0.2]), ball)
    mass = (q.log_prob(points).exp() * area).unsqueeze(-1)
    z = q.sample((20_000,))
    assert_mean(z, (points * mass).sum(0))
    assert_mean(z**2, (points**2 * mass).sum(0))


@pytest.mark.parametrize("curvature", [0.5, 1.0, 2.0])
def test_translations_of_the_ball_undo_each_other(curvature):
    ball = Ball(curvature)
    a, b = ball.unflatten(torch.randn(20, 3)), ball.unflatten(torch.randn(20, 3))
    torch.testing.assert_close(ball.add(-a, ball.add(a, b)), b, atol=1e-4, rtol=1e-4)


def test_flat_coordinates_are_as_long_as_the_distance():
    ball = Ball(1.0)
    u = torch.tensor([[0.0, 2.0]])
    assert ball.unflatten(u).norm().item() == pytest.approx(math.tanh(1.0), rel=1e-5)
    torch.testing.assert_close(ball.flatten(ball.unflatten(u)), u)


@pytest.mark.parametrize("family", ["power_spherical", "von_mises_fisher"])
def test_spherical_posteriors_start_wide_enough_to_learn(family):
    q = example_posterior("posteriors.Spherical")
    assert (q.concentration < 20).all()


@pytest.mark.parametrize("name", ["posteriors.Spherical", "posteriors.Hyperbolic"])
def test_a_curved_space_of_one_dimension_is_refused(name):
    with pytest.raises(CompositionError, match="at least 2; got 1"):
        components()[name](8, 1)


def test_posterior_and_prior_of_other_curvature_are_refused():
    from vaekit.latents import Single
    from vaekit.posteriors import Hyperbolic

    with pytest.raises(CompositionError, match="same space"):
        Single(Hyperbolic(8, 2, 1.0), WrappedNormalPrior(2, 2.0))


@pytest.mark.parametrize("name", ["posteriors.Spherical", "posteriors.Hyperbolic"])
def test_importance_weights_agree_with_draws_from_the_prior(name):
    model = example_vae(posterior=name).eval()
    x = items(model.likelihood, 2)
    with torch.no_grad():
        for parameter in model.latent.posterior.parameters():
            parameter.mul_(0.3)  # wide, so that no few draws carry all the weight
        z = model.prior().sample((100_000,))
        log_px = model.log_likelihood(Batch(x))(z.unsqueeze(1).expand(-1, 2, -1))
        log_w = model.evidence(Batch(x), 20_000).log_w
    reference = log_px.logsumexp(0) - math.log(len(z))
    error = (log_px - reference).exp().std(0) / len(z) ** 0.5
    ours = (log_w - reference).exp()
    assert ((ours.mean(0) - 1).abs() < 4 * (error + ours.std(0) / len(ours) ** 0.5)).all()
