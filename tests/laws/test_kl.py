"""The closed-form KL is the KL."""

import pytest
import torch
from laws.examples import (
    aggregate,
    assert_mean,
    example_posterior,
    example_prior,
    flat_posteriors,
    trained_priors,
)
from torch.distributions import kl_divergence

from vaekit.distributions import DiagonalNormal, kl_per_latent
from vaekit.objectives.base import kl_of
from vaekit.types import Draw


@pytest.fixture(params=[True, False], ids=["standard", "moved"])
def pair(request):
    q = DiagonalNormal(torch.tensor([[0.5, -1.0]]), torch.tensor([[-0.7, 0.4]]))
    if request.param:
        return q, DiagonalNormal(torch.zeros(2), torch.zeros(2), is_standard=True)
    return q, DiagonalNormal(torch.tensor([0.3, 0.1]), torch.tensor([0.2, -0.5]))


@pytest.mark.parametrize("prior", trained_priors())
@pytest.mark.parametrize("posterior", flat_posteriors("pointwise"))
def test_kl_is_the_mean_log_ratio(posterior, prior):
    q, p = example_posterior(posterior), example_prior(prior)(None, aggregate)
    z = q.sample((20_000,))
    (other,) = torch.stack([kl_of(Draw(q.sample((20_000,)), q, p))])
    ratio = q.log_prob(z) - p.log_prob(z)
    assert_mean(ratio / 2**0.5, other / 2**0.5)  # both sides may be estimates


def test_diagonal_normals_have_a_closed_form_equal_to_the_estimate(pair):
    q, p = pair
    z = q.sample((50_000,))
    assert_mean(q.log_prob(z) - p.log_prob(z), kl_divergence(q, p))


def test_kl_per_latent_sums_to_the_kl(pair):
    torch.testing.assert_close(kl_per_latent(*pair).sum(-1), kl_divergence(*pair))


def test_the_standard_shortcut_equals_the_general_formula():
    q = DiagonalNormal(torch.randn(7, 3), torch.randn(7, 3))
    standard = DiagonalNormal(torch.zeros(3), torch.zeros(3), is_standard=True)
    general = DiagonalNormal(torch.zeros(3), torch.zeros(3))
    torch.testing.assert_close(kl_divergence(q, standard), kl_divergence(q, general))


def test_kl_to_itself_is_zero(pair):
    q, _ = pair
    torch.testing.assert_close(kl_divergence(q, q), torch.zeros(1))
