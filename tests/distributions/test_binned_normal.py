import pytest
import torch
from torch.distributions import Normal

from vaekit.distributions import BinnedNormal

GRID = torch.linspace(-8, 8, 200_001).double()


def example(bins=20, seed=0):
    return BinnedNormal(2 * torch.randn(bins, generator=torch.manual_seed(seed)).double())


def test_equal_logits_are_a_standard_normal():
    cell = BinnedNormal(torch.full((3, 50), 1.7))
    x = torch.tensor([-2.0, 0.3, 4.0])
    torch.testing.assert_close(cell.log_prob(x), Normal(0.0, 1.0).log_prob(x))
    torch.testing.assert_close(cell.cdf(x), Normal(0.0, 1.0).cdf(x))
    torch.testing.assert_close(cell.mean, torch.zeros(3), atol=1e-6, rtol=0)


def test_the_density_integrates_to_one_and_its_mean_is_the_mean():
    cell = example()
    density = cell.log_prob(GRID).exp()
    assert torch.trapezoid(density, GRID).item() == pytest.approx(1, abs=1e-3)
    assert torch.trapezoid(density * GRID, GRID).item() == pytest.approx(cell.mean.item(), abs=1e-3)


def test_the_distribution_function_is_its_integral_and_is_inverted():
    cell = example()
    expected = torch.cumulative_trapezoid(cell.log_prob(GRID).exp(), GRID)
    torch.testing.assert_close(cell.cdf(GRID[1:]), expected, atol=1e-3, rtol=0)
    ranks = torch.linspace(0.001, 0.999, 77).double()
    torch.testing.assert_close(cell.cdf(cell.icdf(ranks)), ranks, atol=1e-5, rtol=0)


def test_draws_follow_the_distribution():
    cell = BinnedNormal(torch.stack([example(seed=s).log_shares for s in (0, 1)]))
    torch.manual_seed(0)
    drawn = cell.sample((20_000,))
    assert drawn.shape == (20_000, 2)
    for x in (-1.0, 0.0, 0.7):
        share = (drawn < x).double().mean(0)
        torch.testing.assert_close(
            share, cell.cdf(torch.tensor([x, x])).double(), atol=0.015, rtol=0
        )


def test_ends_are_finite():
    cell = BinnedNormal(torch.tensor([-40.0, 0.0, -40.0]))
    assert torch.isfinite(cell.icdf(torch.tensor([0.0, 0.5, 1.0]))).all()
    assert cell.cdf(torch.tensor(-torch.inf)) == 0
    assert cell.cdf(torch.tensor(torch.inf)).item() == pytest.approx(1)
