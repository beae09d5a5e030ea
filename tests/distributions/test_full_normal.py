"""The Gaussian with full covariance is PyTorch's, value for value."""

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from vaekit.distributions import FullNormal
from vaekit.distributions.wrappers import frozen


@pytest.fixture
def parameters():
    loc = torch.randn(4, 1, 3)
    return loc, torch.linalg.cholesky(torch.eye(3) + 0.3 * torch.ones(3, 3)).expand(2, 3, 3)


def test_it_says_and_draws_what_pytorchs_does(parameters):
    ours, theirs = (
        FullNormal(*parameters),
        MultivariateNormal(parameters[0], scale_tril=parameters[1]),
    )
    assert ours.batch_shape == theirs.batch_shape == (4, 2)
    value = torch.randn(5, 4, 2, 3)
    assert torch.equal(ours.log_prob(value), theirs.log_prob(value))
    assert torch.equal(ours.entropy(), theirs.entropy())
    assert torch.equal(ours.covariance_matrix, theirs.covariance_matrix)
    other = MultivariateNormal(torch.ones(3), scale_tril=torch.eye(3))
    assert torch.equal(kl_divergence(ours, other), kl_divergence(theirs, other))
    draws = []
    for each in (ours, theirs):
        torch.manual_seed(1)
        draws.append(each.rsample((7,)))
    assert torch.equal(*draws)


def test_it_expands_and_freezes_to_its_own_kind(parameters):
    wide = FullNormal(*parameters).expand((6, 4, 2))
    assert type(wide) is FullNormal
    assert wide.sample().shape == (6, 4, 2, 3)
    loc = parameters[0].clone().requires_grad_()
    constant = frozen(FullNormal(loc, parameters[1]))
    assert type(constant) is FullNormal
    assert not constant.loc.requires_grad
