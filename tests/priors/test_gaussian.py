import pytest
import torch
from priors.crescents import generator
from torch.distributions import MultivariateNormal

from vaekit.errors import CompositionError, DataError
from vaekit.priors import FittedGaussian
from vaekit.spec import build, describe


def test_mean_and_covariance_are_those_of_the_latents():
    u = torch.randn(500, 3) @ (torch.eye(3) + 0.3 * torch.randn(3, 3)) + 2
    truth = MultivariateNormal(u.mean(0), u.T.cov(correction=0))
    got = FittedGaussian(3).fit(u, generator=generator())(None, None).log_prob(u)
    torch.testing.assert_close(got, truth.log_prob(u), atol=0.01, rtol=0)


def test_with_a_context_the_mean_is_linear_in_it():
    context = torch.randn(4000, 1)
    u = torch.cat([2 * context + 1, -context], -1) + 0.1 * torch.randn(4000, 2)
    p = FittedGaussian(2, context_dim=1).fit(u, context)(torch.tensor([[0.0], [1.0]]), None)
    expected = torch.tensor([[1.0, 0.0], [3.0, -1.0]])
    torch.testing.assert_close(p.sample((2000,)).mean(0), expected, atol=0.03, rtol=0)


def test_a_stored_gaussian_is_the_same():
    prior = FittedGaussian(2).fit(torch.randn(50, 2))
    copy = build(describe(prior))
    copy.load_state_dict(prior.state_dict())
    u = torch.randn(5, 2)
    assert torch.equal(copy(None, None).log_prob(u), prior(None, None).log_prob(u))


def test_refusals_name_the_gaussian():
    with pytest.raises(DataError, match="FittedGaussian needs at least 2 items; got 1"):
        FittedGaussian(2).fit(torch.randn(1, 2))
    with pytest.raises(CompositionError, match="FittedGaussian must have size 2; got 3"):
        FittedGaussian(2).fit(torch.randn(20, 3))
    with pytest.raises(CompositionError, match="context_dim=1"):
        FittedGaussian(2).fit(torch.randn(20, 2), torch.randn(20, 1))
