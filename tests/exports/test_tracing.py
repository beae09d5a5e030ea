"""Draws that take given numbers, and operations made of others, are what they stand for."""

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, MultivariateNormal

from vaekit.distributions import Categories
from vaekit.errors import CompositionError
from vaekit.exports.tracing import GivenNoise, KnownOperations, noise_widths
from vaekit.randomness import seeded

COUNT = 20_000


def given(columns):
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(COUNT, columns, generator=generator)
    return GivenNoise(COUNT, normal, torch.rand(COUNT, columns, generator=generator))


@pytest.mark.parametrize(
    ("draw", "mean", "used"),
    [
        (lambda: torch.randn(COUNT, 2), 0.0, [2, 0]),
        (lambda: torch.rand(3, COUNT), 0.5, [0, 3]),
        (lambda: torch.normal(torch.full((COUNT, 1), 4.0), 2.0), 4.0, [1, 0]),
        (lambda: torch.normal(1.0, 2.0, (COUNT,)), 1.0, [1, 0]),
        (lambda: torch.empty(COUNT, 2).normal_(), 0.0, [2, 0]),
        (lambda: torch.empty(COUNT).uniform_(), 0.5, [0, 1]),
        (lambda: torch.bernoulli(torch.full((COUNT,), 0.3)), 0.3, [0, 1]),
        (lambda: torch.randint(5, (COUNT,)).float(), 2.0, [0, 1]),
        (lambda: torch.multinomial(torch.tensor([0.2, 0.8]), COUNT, True).float(), 0.8, [0, 1]),
        (lambda: Categories(torch.tensor([0.5, 0.0, 0.5])).sample((COUNT,)).float(), 1.0, [0, 1]),
        (lambda: MultivariateNormal(torch.ones(3), torch.eye(3)).sample((COUNT,)), 1.0, [3, 0]),
    ],
)
def test_what_is_drawn_is_made_of_given_numbers(draw, mean, used):
    with given(5) as noise:
        first = draw()
    with given(5):
        again = draw()
    assert noise.used == used
    assert torch.equal(first, again)
    assert abs(first.mean().item() - mean) < 0.05


def test_classes_are_as_frequent_as_their_shares():
    shares = torch.tensor([0.1, 0.6, 0.3])
    with given(1):
        drawn = torch.multinomial(shares.expand(COUNT, 3), 1)
    counts = torch.bincount(drawn.flatten(), minlength=3) / COUNT
    torch.testing.assert_close(counts, shares, atol=0.02, rtol=0)


def test_categories_draw_what_those_of_pytorch_do():
    logits = torch.randn(4, 3)
    with seeded(1):
        ours = Categories(logits=logits).sample((5,))
    with seeded(1):
        theirs = Categorical(logits=logits).sample((5,))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: torch.randperm(COUNT), "no form of 'randperm'"),
        (lambda: torch.randn(3), "draws for each item"),
        (lambda: torch.multinomial(torch.ones(COUNT, 4), 2), "without replacement"),
        (lambda: torch.empty(COUNT).uniform_(1, 2), "other ranges in place"),
    ],
)
def test_other_draws_are_refused(draw, words):
    with pytest.raises(CompositionError, match=words), given(5):
        draw()


def test_seeds_of_streams_within_are_of_no_account():
    def draw(count):
        with seeded(None):
            return torch.randn(count, 4)

    assert noise_widths(draw) == (4, 0)


def test_operations_are_what_they_stand_for():
    points = torch.randn(7, 40, 5, dtype=torch.float64)
    matrix = points.mT @ points / 40
    values = torch.randn(7, 5, 2, dtype=torch.float64)
    wanted = torch.linalg.solve(matrix, values), torch.linalg.cholesky(matrix)
    with KnownOperations():
        factor = torch.linalg.cholesky(matrix)
        found = torch.linalg.solve(matrix, values), factor
        half = torch.linalg.solve_triangular(factor, values, upper=False)
        scores = torch.special.ndtri(torch.tensor([0.1, 0.9]))
        shares = torch.special.ndtr(scores)
        places = torch.searchsorted(torch.arange(4.0), torch.tensor([[0.0, 1.5]]))
        right = torch.searchsorted(torch.arange(4.0), torch.tensor([0.0]), right=True)
        buckets = torch.bucketize(torch.tensor([2.5]), torch.arange(4.0))
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(half, torch.linalg.solve_triangular(factor, values, upper=False))
    np.testing.assert_allclose(scores, [-1.2815516, 1.2815516], rtol=1e-6)
    np.testing.assert_allclose(shares, [0.1, 0.9], rtol=1e-6)
    assert places.tolist() == [[0, 2]]
    assert right.tolist() == [1]
    assert buckets.tolist() == [3]
