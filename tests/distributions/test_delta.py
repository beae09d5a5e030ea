import pytest
import torch

from vaekit.distributions import Delta


@pytest.mark.parametrize(("event_dim", "batch"), [(0, (3, 2)), (1, (3,)), (2, ())])
def test_the_last_axes_form_the_event(event_dim, batch):
    q = Delta(torch.ones(3, 2), event_dim)
    assert q.batch_shape == batch
    assert q.batch_shape + q.event_shape == (3, 2)


@pytest.mark.parametrize("shape", [(), (5,), (2, 4)])
def test_every_draw_is_the_point(shape):
    point = torch.randn(3, 2)
    assert torch.equal(Delta(point).rsample(shape), point.expand(*shape, 3, 2))


def test_gradients_of_all_draws_reach_the_point():
    point = torch.zeros(3, 2, requires_grad=True)
    Delta(point).rsample((5,)).sum().backward()
    assert torch.equal(point.grad, torch.full((3, 2), 5.0))


def test_it_has_a_mean_no_spread_and_no_density():
    q = Delta(torch.ones(3, 2))
    assert torch.equal(q.mean, torch.ones(3, 2))
    assert not q.variance.any()
    with pytest.raises(NotImplementedError, match="no density"):
        q.log_prob(torch.ones(3, 2))
