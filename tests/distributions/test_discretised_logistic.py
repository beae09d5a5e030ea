import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaekit.distributions import DiscretizedLogisticDistribution

centers, log_scales = st.floats(-3, 4), st.floats(-7, 3)
levels = st.sampled_from([2, 3, 8, 256])


def grid(count, dtype=torch.float32):
    return torch.linspace(0, 1, count, dtype=dtype)


def tensors(loc, log_scale, dtype=torch.float32):
    return torch.tensor(loc, dtype=dtype), torch.tensor(log_scale, dtype=dtype)


def exact_log_prob(loc, log_scale, count):
    """log(σ(a) - σ(b)) = log σ(a) + log σ(-b) + log(1 - exp(b - a)), in double precision."""
    loc, log_scale = tensors(loc, log_scale, torch.float64)
    values, half, scale = grid(count, torch.float64), 0.5 / (count - 1), log_scale.exp()
    upper, lower = (values - loc + half) / scale, (values - loc - half) / scale
    upper[-1], lower[0] = torch.inf, -torch.inf
    log_sigmoid = torch.nn.functional.logsigmoid
    return log_sigmoid(upper) + log_sigmoid(-lower) + torch.log1p(-torch.exp(lower - upper))


@given(loc=centers, log_scale=log_scales, count=levels)
def test_probabilities_sum_to_one_far_off_the_grid_too(loc, log_scale, count):
    px = DiscretizedLogisticDistribution(*tensors(loc, log_scale), count)
    assert px.log_prob(grid(count)).exp().sum().item() == pytest.approx(1.0, abs=1e-3)


@given(loc=centers, log_scale=log_scales, count=levels)
def test_mean_is_the_sum_of_value_times_probability(loc, log_scale, count):
    px = DiscretizedLogisticDistribution(*tensors(loc, log_scale), count)
    expected = (grid(count, torch.float64) * exact_log_prob(loc, log_scale, count).exp()).sum()
    assert px.mean.item() == pytest.approx(expected.item(), abs=1e-4)


@given(loc=centers, log_scale=log_scales, count=levels)
def test_log_prob_is_right_in_the_far_tails(loc, log_scale, count):
    got = (
        DiscretizedLogisticDistribution(*tensors(loc, log_scale), count)
        .log_prob(grid(count))
        .double()
    )
    expected = exact_log_prob(loc, log_scale, count)
    torch.testing.assert_close(got, expected, rtol=0.01, atol=0.02)


@given(loc=centers, log_scale=log_scales, count=levels)
def test_gradients_are_finite_everywhere(loc, log_scale, count):
    parameters = [p.requires_grad_() for p in tensors(loc, log_scale)]
    DiscretizedLogisticDistribution(*parameters, count).log_prob(grid(count)).sum().backward()
    assert all(p.grad.isfinite() for p in parameters)


def test_the_gradient_in_the_tail_pulls_the_center_towards_the_value():
    loc = torch.tensor(0.9, requires_grad=True)
    DiscretizedLogisticDistribution(loc, torch.tensor(-6.0)).log_prob(
        torch.tensor(100 / 255)
    ).backward()
    assert loc.grad < 0


@pytest.mark.parametrize("loc", [-0.5, 0.3, 1.4])
def test_samples_lie_on_the_grid_and_have_the_probabilities(loc):
    px = DiscretizedLogisticDistribution(*tensors(loc, -1.5), 5)
    samples = px.sample((20_000,))
    counts = torch.bincount((samples * 4).round().long(), minlength=5) / 20_000
    assert torch.isin(samples, grid(5)).all()
    torch.testing.assert_close(counts, px.log_prob(grid(5)).exp(), atol=0.015, rtol=0)


def test_center_and_scale_are_broadcast():
    assert DiscretizedLogisticDistribution(torch.zeros(3, 1), torch.zeros(4)).batch_shape == (3, 4)
