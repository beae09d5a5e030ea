"""The training loop and the small parts that densities are made of."""

import math

import pytest
import torch
from torch import nn

from vaekit.deadlines import Deadline
from vaekit.distributions import DiagonalNormal
from vaekit.errors import SpecError
from vaekit.priors import FlowMatching
from vaekit.priors.base import train
from vaekit.priors.flow import Rows
from vaekit.priors.flow_matching import odeint, with_divergence


class Point(nn.Module):
    """Learns the mean of numbers."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))


def test_training_finds_the_minimum():
    point, x = Point(), 3 + torch.randn(500)
    train(point, lambda rows: (rows - point.value).square(), (x,), 300, 50, 0.1)
    assert point.value.item() == pytest.approx(x.mean().item(), abs=0.3)


def test_weights_that_suit_the_held_out_rows_best_are_kept():
    """Steps of 100 only lead away from the start, which is the best."""
    point = Point()
    train(point, lambda rows: (rows - point.value).square(), (torch.randn(100),), 10, 20, 100.0)
    assert point.value.item() == 0


def test_weights_that_are_not_finite_are_never_kept():
    point = Point()
    train(point, lambda rows: (rows - point.value).square() / 0, (torch.randn(100),), 4, 20, 0.1)
    assert point.value.item() == 0


def test_every_row_is_seen_as_often_as_any_other():
    seen, point = [], Point()

    def losses(rows):
        if torch.is_grad_enabled():
            seen.append(rows)
        return (rows - point.value).square()

    train(point, losses, (torch.arange(100.0),), 9, 20, 0.1)
    counts = torch.cat(seen).unique(return_counts=True)[1]
    assert counts.tolist() == [2] * 90


def test_fewer_rows_than_a_batch_are_taken_together():
    point, sizes = Point(), []

    def losses(rows, partners):
        assert torch.equal(rows, -partners)
        sizes.append(len(rows))
        return (rows - point.value).square()

    x = torch.randn(10)
    train(point, losses, (x, -x), 2, 256, 0.1)
    assert set(sizes) == {1, 9}


@pytest.fixture
def rows():
    """Draws are the context, and so are the means."""

    def draw(n, context):
        return torch.zeros(n, 2) if context is None else context.clone()

    def score(u, context):
        mean = torch.zeros(2) if context is None else context
        return DiagonalNormal(mean, torch.zeros_like(mean)).log_prob(u)

    return lambda context: Rows(2, draw, score, context, part=4)


def test_draws_keep_their_context_in_any_shape(rows):
    context = torch.randn(3, 2)
    assert torch.equal(rows(context).sample((5, 2)), context.expand(5, 2, 3, 2))
    assert torch.equal(rows(context).sample(), context)
    assert rows(None).sample((5, 2)).shape == (5, 2, 2)
    assert rows(None).sample().shape == (2,)


def test_scores_keep_their_context_in_any_shape(rows):
    context, u = torch.randn(3, 2), torch.randn(5, 3, 2)
    expected = DiagonalNormal(context, torch.zeros_like(context)).log_prob(u)
    torch.testing.assert_close(rows(context).log_prob(u), expected)
    torch.testing.assert_close(
        rows(context).log_prob(u[0, :1]), rows(context).log_prob(u[0, :1].expand(3, 2))
    )
    assert rows(None).log_prob(u).shape == (5, 3)
    assert rows(None).log_prob(u[0, 0]).shape == ()


def test_a_linear_field_is_followed_and_its_divergence_is_its_trace():
    matrix = torch.tensor([[0.3, -1.0], [1.0, -0.5]])
    state = odeint(
        with_divergence(lambda x, t: 2 * t * x @ matrix.T), torch.ones(4, 3), 0.0, 1.0, steps=20
    )
    expected = torch.linalg.matrix_exp(matrix) @ torch.ones(2)
    torch.testing.assert_close(state[:, :2], expected.expand(4, 2), atol=1e-4, rtol=0)
    torch.testing.assert_close(state[:, 2], torch.full((4,), 1 - 0.2))
    assert math.isclose(torch.trace(matrix).item(), -0.2, abs_tol=1e-6)


def test_a_deadline_ends_a_fit_that_has_learned_by_then():
    u = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0)) ** 3
    prior = FlowMatching(2, width=16, steps=20_000)
    prior.deadline = Deadline.after(4)
    prior.fit(u, generator=torch.Generator().manual_seed(0))
    assert prior.deadline.left() > -2
    untrained = FlowMatching(2, width=16, steps=1).fit(u)
    density, before = (p(None, aggregate=None) for p in (prior, untrained))
    gain = density.log_prob(u[:200]) - before.log_prob(u[:200])
    assert gain.median() > 0.2  # the mean is that of a few cubes far away


def test_the_divergence_of_many_coordinates_is_estimated_and_repeats():
    slopes = torch.linspace(-1, 2, 300)
    field = with_divergence(lambda x, t: slopes * x)
    found = [field(torch.zeros(2, 301), 0.0)[:, -1] for _ in range(2)]
    assert torch.equal(*found)
    torch.testing.assert_close(found[0], slopes.sum().expand(2))  # exact for diagonal fields
    mixing = torch.randn(300, 300, generator=torch.Generator().manual_seed(0)) / 300
    estimate = with_divergence(lambda x, t: x @ mixing.T)(torch.zeros(1, 301), 0.0)[0, -1]
    assert estimate.item() == pytest.approx(mixing.trace().item(), abs=1)


@pytest.mark.slow
def test_a_flow_on_a_grid_learns_how_places_go_together():
    generator = torch.Generator().manual_seed(0)
    both = torch.randn(600, 1, 1, 4, generator=generator).expand(-1, 2, 4, 4)
    u = (both + 0.1 * torch.randn(600, 2, 4, 4, generator=generator)).flatten(1)
    prior = FlowMatching(32, steps=150, grid=(2, 4, 4)).fit(u, generator=generator)
    drawn = prior(None, aggregate=None).sample((200,)).view(200, 2, 4, 4)
    rows = drawn.std(2).mean()  # what is alike in the data
    assert rows < 0.5 * drawn.std(0).mean()


def test_a_grid_must_hold_all_latents():
    with pytest.raises(SpecError, match="grid must have latent_dim=8 places in all"):
        FlowMatching(8, grid=(2, 3, 3))
