import pytest
import torch

from vaekit.errors import DataError, SpecError
from vaekit.priors import KernelDensity
from vaekit.testing import check_prior


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def heaps(count=4000):
    """Four narrow heaps, one of them with half of the points."""
    centers = torch.tensor([[3.0, 3.0], [3.0, -3.0], [-3.0, 3.0], [-3.0, -3.0]])
    chosen = torch.tensor([0, 0, 0, 1, 2, 3]).repeat(count // 6)
    return centers[chosen] + 0.2 * torch.randn(len(chosen), 2, generator=generator())


def test_it_keeps_the_promises_of_priors():
    check_prior(KernelDensity(3))


def test_draws_have_the_moments_and_the_heaps_of_the_latents():
    u = heaps()
    prior = KernelDensity(2).fit(u, generator=generator())
    torch.manual_seed(0)
    drawn = prior(None, None).sample((20_000,))
    torch.testing.assert_close(drawn.mean(0), u.mean(0), atol=0.08, rtol=0)
    torch.testing.assert_close(drawn.std(0), u.std(0), atol=0.05, rtol=0)
    first = (drawn > 0).all(1).float().mean()
    assert first == pytest.approx(0.5, abs=0.02)
    assert (drawn.abs() > 1.5).all(1).float().mean() > 0.97


def test_its_density_is_that_of_its_gaussians():
    u = torch.tensor([[0.0], [2.0]]).repeat(5, 1)
    prior = KernelDensity(1).fit(u, generator=generator())
    grid = torch.linspace(-6, 8, 20_001).unsqueeze(1)
    density = prior(None, None).log_prob(grid).exp()
    assert torch.trapezoid(density, grid.squeeze(1)).item() == pytest.approx(1, abs=1e-3)
    assert density[(grid[:, 0] - 1).abs().argmin()] < density.max()


def test_latents_count_by_how_near_their_context_is():
    u = heaps()
    context = torch.nn.functional.one_hot((u[:, 0] > 0).long(), 2).float()
    prior = KernelDensity(2, context_dim=2).fit(u, context, generator=generator())
    torch.manual_seed(0)
    asked = torch.tensor([[1.0, 0.0]]).repeat(500, 1)
    drawn = prior(asked, None).sample()
    assert drawn.shape == (500, 2)
    assert (drawn[:, 0] < 0).float().mean() > 0.97
    scores = prior(asked, None).log_prob(drawn)
    assert (scores > prior(1 - asked, None).log_prob(drawn)).float().mean() > 0.97


def test_the_same_generator_gives_the_same_fit():
    first, second = (KernelDensity(2).fit(heaps(), generator=generator(3)) for _ in range(2))
    assert torch.equal(first.points, second.points)
    assert torch.equal(first.scale, second.scale)


def test_latents_that_are_all_alike_are_drawn_again():
    prior = KernelDensity(2).fit(torch.ones(30, 2), generator=generator())
    torch.testing.assert_close(prior(None, None).sample((9,)), torch.ones(9, 2))


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(DataError, match="at least 2 items; got 1"):
        KernelDensity(2).fit(torch.zeros(1, 2))
    with pytest.raises(SpecError, match="count must be a whole number"):
        KernelDensity(2, count=0)
