"""The hierarchy is the product of its levels, by brute force."""

import math

import pytest
import torch
from laws.examples import FEATURES_DIM, assert_mean, items, plane, randomised
from torch.distributions import kl_divergence

from vaekit.distributions import DiagonalNormal
from vaekit.errors import CompositionError
from vaekit.latents import Ladder
from vaekit.likelihoods import Gaussian
from vaekit.models import VAE
from vaekit.networks import MLPDecoder, MLPEncoder
from vaekit.objectives.base import kl_of
from vaekit.types import Batch


@pytest.fixture(params=["precision", "residual"])
def ladder(request):
    return randomised(Ladder(FEATURES_DIM, (1, 1), hidden=8, merge=request.param), 0.05)


@pytest.fixture
def model(ladder):
    encoder, decoder = MLPEncoder((4,), (FEATURES_DIM,)), MLPDecoder(2, (8,), (1, 4))
    return VAE(encoder, ladder, randomised(decoder), Gaussian(2.0)).eval()


def test_prior_and_posterior_integrate_to_one(model):
    points, area = plane()
    with torch.no_grad():
        p = model.prior()
        q = model.infer(Batch(items(model.likelihood))).q
        assert (p.log_prob(points).exp().sum() * area).item() == pytest.approx(1, abs=1e-3)
        mass = q.log_prob(points.unsqueeze(1).expand(-1, 5, -1)).exp().sum(0) * area
    torch.testing.assert_close(mass, torch.ones(5), atol=5e-3, rtol=0)


def test_log_prob_is_the_integral_over_all_latents(model):
    """log p(x) by importance weights against the sum over a grid of both latents."""
    points, area = plane()
    x = items(model.likelihood)
    with torch.no_grad():
        log_px = model.log_likelihood(Batch(x))(points.unsqueeze(1).expand(-1, 5, -1))
        joint = log_px + model.prior().log_prob(points).unsqueeze(1)
        exact = joint.logsumexp(0) + math.log(area)
        log_w = model.evidence(Batch(x), 20_000).log_w
    assert_mean((log_w - exact).exp(), 1.0)


def test_the_closed_form_kl_is_the_mean_log_ratio(model):
    with torch.no_grad():
        draw = model.infer(Batch(items(model.likelihood)), 20_000)
    ratio = draw.log_q - draw.log_p
    assert_mean(ratio - draw.kl, 0.0)
    torch.testing.assert_close(kl_of(draw), draw.kl.mean(0))


def test_the_density_of_a_draw_is_that_of_its_point(model):
    with torch.no_grad():
        draw = model.infer(Batch(items(model.likelihood)), 3)
        torch.testing.assert_close(draw.q.log_prob(draw.z), draw.log_q, atol=1e-4, rtol=1e-4)


def test_the_lower_level_is_told_by_the_upper_one(ladder):
    low, high = (
        ladder.prior_at(1, [torch.zeros(1, 0), torch.full((1, 1), v)]) for v in (-3.0, 3.0)
    )
    assert abs((low.loc - high.loc).item()) > 0.1


def test_merging_by_precision_is_the_product_of_gaussians():
    ladder = Ladder(FEATURES_DIM, (1, 1))
    a = DiagonalNormal(torch.tensor([1.0]), torch.tensor([0.3]))
    b = DiagonalNormal(torch.tensor([-2.0]), torch.tensor([-0.4]))
    z = torch.linspace(-3, 3, 7).unsqueeze(1)
    gap = a.log_prob(z) + b.log_prob(z) - ladder.posterior_at(a, b).log_prob(z)
    torch.testing.assert_close(gap, gap[0].expand(7))


def test_a_correction_of_zero_leaves_the_prior():
    ladder = Ladder(FEATURES_DIM, (1, 1), merge="residual")
    p = DiagonalNormal(torch.tensor([1.0]), torch.tensor([0.3]))
    zero = DiagonalNormal(torch.zeros(1), torch.zeros(1))
    assert kl_divergence(ladder.posterior_at(zero, p), p).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("sizes", [(2,), (), (1, 0)])
def test_a_ladder_needs_two_levels_with_latents(sizes):
    with pytest.raises(CompositionError, match="two levels"):
        Ladder(FEATURES_DIM, sizes)


def test_an_unknown_merge_suggests_the_near_one():
    with pytest.raises(ValueError, match="did you mean 'precision'"):
        Ladder(FEATURES_DIM, (1, 1), merge="precison")
