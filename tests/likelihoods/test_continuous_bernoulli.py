import pytest
import torch

from vaekit.likelihoods import ContinuousBernoulli
from vaekit.types import Batch

LOGITS = [-90.0, -40.0, -20.0, -5.0, -1e-3, 0.0, 1e-3, 0.3, 5.0, 20.0, 40.0, 90.0]
GRID = torch.linspace(0, 1, 20_001)


def at(logit):
    """p(x | z) of one value, and its density on the grid."""
    likelihood = ContinuousBernoulli()
    px = likelihood(torch.full((1, len(GRID), 1, 1), logit))
    return px, likelihood.log_prob(px, Batch(GRID[:, None]))[0].exp()


@pytest.mark.parametrize("logit", LOGITS)
def test_the_density_integrates_to_one_for_extreme_logits(logit):
    """Black pixels drive the logits far out; clamped probabilities would lose the norm there."""
    _, density = at(logit)
    assert torch.trapezoid(density, GRID).item() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("logit", LOGITS)
def test_the_mean_is_that_of_the_density(logit):
    """Under clamped probabilities no pixel could be shown darker than 0.06."""
    px, density = at(logit)
    expected = torch.trapezoid(GRID * density, GRID) / torch.trapezoid(density, GRID)
    torch.testing.assert_close(px.mean[0, 0, 0], expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("logit", LOGITS)
def test_samples_have_the_mean(logit):
    px, density = at(logit)
    expected = torch.trapezoid(GRID * density, GRID) / torch.trapezoid(density, GRID)
    torch.testing.assert_close(px.sample().mean(), expected, atol=0.01, rtol=0)


@pytest.mark.parametrize("logit", LOGITS)
def test_gradients_are_finite(logit):
    features = torch.full((1, 3, 1, 1), logit, requires_grad=True)
    likelihood = ContinuousBernoulli()
    x = torch.tensor([[0.0], [0.4], [1.0]])
    likelihood.log_prob(likelihood(features), Batch(x)).sum().backward()
    assert features.grad.isfinite().all()
