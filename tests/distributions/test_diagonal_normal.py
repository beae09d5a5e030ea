import pytest
import torch
from torch.distributions import Independent, Normal

from vaekit.distributions import DiagonalNormal

LOC, LOG_SCALE = torch.tensor([[0.5, -2.0], [0.0, 3.0]]), torch.tensor([[0.1, -1.0], [2.0, 0.0]])


@pytest.fixture
def pair():
    """The distribution and the one of torch that it stands for."""
    return DiagonalNormal(LOC, LOG_SCALE), Independent(Normal(LOC, LOG_SCALE.exp()), 1)


@pytest.mark.parametrize("shape", [(2, 2), (7, 2, 2), (1, 2)])
def test_log_prob_is_that_of_independent_normals(pair, shape):
    ours, theirs = pair
    z = torch.randn(shape)
    torch.testing.assert_close(ours.log_prob(z), theirs.log_prob(z))


@pytest.mark.parametrize("name", ["mean", "mode", "variance", "stddev"])
def test_moments_are_those_of_independent_normals(pair, name):
    torch.testing.assert_close(*(getattr(p, name) for p in pair))


def test_entropy_is_that_of_independent_normals(pair):
    torch.testing.assert_close(*(p.entropy() for p in pair))


def test_draws_are_those_of_independent_normals(pair):
    draws = []
    for p in pair:
        torch.manual_seed(1)
        draws.append(p.rsample((6,)))
    torch.testing.assert_close(*draws)


def test_expanding_repeats_it(pair):
    ours, _ = pair
    wide = ours.expand((3, 2))
    assert wide.batch_shape == (3, 2)
    z = torch.randn(3, 2, 2)
    torch.testing.assert_close(wide.log_prob(z), ours.log_prob(z))


def test_expanding_keeps_the_promise_of_being_standard():
    zeros = torch.zeros(2)
    assert DiagonalNormal(zeros, zeros, is_standard=True).expand((4,)).is_standard


def test_draws_pass_gradients_to_both_parameters():
    loc, log_scale = LOC.clone().requires_grad_(), LOG_SCALE.clone().requires_grad_()
    noise = DiagonalNormal(loc, log_scale).rsample((3,))
    noise.sum().backward()
    torch.testing.assert_close(loc.grad, torch.full((2, 2), 3.0))
    torch.testing.assert_close(log_scale.grad, (noise - LOC).sum(0).detach())
