import asyncio

import pytest
import torch
import torch.nn.functional as F
from torch import distributions, nn
from torch.utils.checkpoint import checkpoint

from vaekit.errors import CompositionError
from vaekit.randomness import (
    fresh_seed,
    make_generator,
    restore_stream,
    seeded,
    stream_state,
)


def drawn(seed):
    with seeded(seed):
        return torch.rand(4)


@pytest.mark.parametrize("seed", [0, 3, 2**31])
def test_a_seed_fixes_the_stream(seed):
    assert torch.equal(drawn(seed), drawn(seed))
    assert not torch.equal(drawn(seed), drawn(seed + 1))


def test_no_seed_means_fresh_entropy():
    torch.manual_seed(0)
    first = drawn(None)
    torch.manual_seed(0)
    assert not torch.equal(drawn(None), first)


def test_a_generator_advances_with_each_use():
    generator = make_generator(1)
    assert not torch.equal(drawn(generator), drawn(generator))
    assert torch.equal(drawn(make_generator(1)), drawn(make_generator(1)))


def test_the_global_stream_goes_on_as_if_nothing_happened():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    drawn(3)
    assert torch.equal(torch.rand(2), expected)


def fail_in_a_block():
    with seeded(3):
        torch.rand(1)
        raise KeyError


def test_the_global_stream_is_restored_after_an_error():
    state = torch.get_rng_state()
    with pytest.raises(KeyError):
        fail_in_a_block()
    assert torch.equal(torch.get_rng_state(), state)


def test_blocks_nest():
    with seeded(1):
        torch.rand(1)
        drawn(2)
        inner = torch.rand(1)
    with seeded(1):
        torch.rand(1)
        assert torch.equal(torch.rand(1), inner)


def test_fresh_seed_keeps_an_integer_and_draws_from_a_generator():
    assert fresh_seed(12) == 12
    assert fresh_seed(make_generator(1)) == fresh_seed(make_generator(1))
    assert 0 <= fresh_seed(None) < 2**31


def test_make_generator_without_a_seed_is_new_each_time():
    assert make_generator(None).initial_seed() != make_generator(None).initial_seed()


X = torch.randn(6, 8, 16, generator=torch.Generator().manual_seed(0))
IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
SOME = torch.tensor([0.3, 0.9])

DRAWS = {
    "rand": lambda: torch.rand(3),
    "randn_like": lambda: torch.randn_like(X),
    "randint": lambda: torch.randint(9, (5,)),
    "randperm": lambda: torch.randperm(9),
    "multinomial": lambda: SOME.multinomial(4, replacement=True),
    "functional dropout": lambda: F.dropout(X, 0.3),
    "dropout of all": lambda: F.dropout(X, 1.0),
    "dropout layer": lambda: nn.Dropout(0.2)(X),
    "dropout of channels": lambda: F.dropout2d(IMAGES),
    "alpha dropout": lambda: F.alpha_dropout(X, 0.1, training=True),
    "gru": lambda: nn.GRU(16, 4, 2, dropout=0.5)(X)[0],
    "gru without dropout": lambda: nn.GRU(16, 4)(X)[0],
    "lstm": lambda: nn.LSTM(16, 4, 2, dropout=0.5)(X)[0],
    "attention": lambda: nn.MultiheadAttention(16, 2, dropout=0.3)(X, X, X)[0],
    "scaled attention": lambda: F.scaled_dot_product_attention(X, X, X, dropout_p=0.4),
    "transformer": lambda: nn.TransformerEncoderLayer(16, 2, dropout=0.3)(X),
    "convolution": lambda: nn.Conv2d(3, 4, 3)(IMAGES),
    "embedding": lambda: nn.Embedding(4, 3).weight,
    "orthogonal": lambda: nn.init.orthogonal_(torch.empty(4, 4)),
    "xavier": lambda: nn.init.xavier_normal_(torch.empty(4, 4)),
    "kaiming": lambda: nn.init.kaiming_normal_(torch.empty(4, 4)),
    "gumbel softmax": lambda: F.gumbel_softmax(X),
    "leaky at random": lambda: F.rrelu(X, training=True),
    "pooling at random": lambda: F.fractional_max_pool2d(IMAGES, 2, output_size=3),
    "Normal": lambda: distributions.Normal(0.0, SOME).sample((3,)),
    "Gamma": lambda: distributions.Gamma(SOME, 1.0).rsample((3,)),
    "Beta": lambda: distributions.Beta(SOME, 2.0).sample((3,)),
    "Dirichlet": lambda: distributions.Dirichlet(SOME).rsample((3,)),
    "Categorical": lambda: distributions.Categorical(SOME).sample((3,)),
    "Bernoulli": lambda: distributions.Bernoulli(SOME).sample((3,)),
    "Poisson": lambda: distributions.Poisson(SOME).sample((3,)),
    "Exponential": lambda: distributions.Exponential(SOME).sample((3,)),
    "Geometric": lambda: distributions.Geometric(SOME).sample((3,)),
    "Cauchy": lambda: distributions.Cauchy(0.0, SOME).sample((3,)),
    "Laplace": lambda: distributions.Laplace(0.0, SOME).sample((3,)),
    "StudentT": lambda: distributions.StudentT(SOME + 2).sample((3,)),
    "VonMises": lambda: distributions.VonMises(SOME, SOME).sample((3,)),
    "Binomial": lambda: distributions.Binomial(5, SOME).sample((3,)),
    "NegativeBinomial": lambda: distributions.NegativeBinomial(5.0, SOME).sample((3,)),
    "RelaxedBernoulli": lambda: distributions.RelaxedBernoulli(SOME, probs=SOME).rsample(),
    "LKJCholesky": lambda: distributions.LKJCholesky(3).sample((2,)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_block_draws_what_the_global_generator_of_that_seed_would(name):
    state = torch.get_rng_state()
    with seeded(7):
        found = DRAWS[name]()
    assert torch.equal(torch.get_rng_state(), state)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        assert torch.equal(DRAWS[name](), found)


def test_nothing_is_drawn_where_nothing_has_memory():
    with seeded(7), torch.device("meta"):
        assert nn.Linear(3, 2).weight.is_meta


def test_a_stream_goes_on_from_where_another_stood():
    with seeded(1):
        torch.rand(3)
        state = stream_state()
        expected = torch.rand(3)
    with seeded(2):
        restore_stream(state)
        assert torch.equal(torch.rand(3), expected)


def test_outside_of_blocks_there_is_no_stream():
    state = torch.get_rng_state()
    restore_stream({})
    assert stream_state() == {}
    assert torch.equal(torch.get_rng_state(), state)


def two_draws(seed):
    with seeded(seed):
        yield torch.rand(1).item()
        yield torch.rand(1).item()


def test_a_block_held_open_across_a_yield_keeps_its_place():
    alone = list(two_draws(1))
    state, held = torch.get_rng_state(), two_draws(1)
    first = next(held)
    drawn(2)
    assert [first, next(held)] == alone
    assert list(held) == []
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("outer_ends_first", [True, False])
def test_blocks_may_end_in_any_order(outer_ends_first):
    state = torch.get_rng_state()
    held = [two_draws(1), two_draws(2)]
    for one in held:
        next(one)
    for one in held if outer_ends_first else held[::-1]:
        next(one)
        one.close()
    assert stream_state() == {}
    assert torch.equal(torch.get_rng_state(), state)
    before = torch.rand(1, generator=make_generator(7))
    torch.manual_seed(7)
    assert torch.equal(torch.rand(1), before)


def test_tasks_of_an_event_loop_have_streams_of_their_own():
    async def draw(seed, wait):
        with seeded(seed):
            first = torch.rand(2)
            await asyncio.sleep(wait)
            return torch.cat([first, torch.rand(2)])

    async def draw_without_a_block():
        await asyncio.sleep(0.002)
        return torch.rand(2)

    async def draw_all():
        waits = [0.003, 0.009, 0.001, 0.006]
        drawing = [draw(seed, wait) for seed, wait in enumerate(waits)]
        in_thread = asyncio.to_thread(drawn, 3)
        return await asyncio.gather(*drawing, draw_without_a_block(), in_thread)

    torch.manual_seed(9)
    expected = torch.rand(2)
    torch.manual_seed(9)
    *found, outside, in_thread = asyncio.run(draw_all())
    assert torch.equal(outside, expected)
    assert torch.equal(in_thread, drawn(3))
    assert all(torch.equal(draws, drawn(seed)) for seed, draws in enumerate(found))


def test_operators_called_by_themselves_draw_from_the_block():
    state = torch.get_rng_state()
    with seeded(3):
        found = torch.ops.aten.rand([4]), torch.ops.aten.rand.default([2])
    with seeded(3):
        assert torch.equal(torch.cat(found), torch.cat([torch.rand(4), torch.rand(2)]))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_draws_that_would_be_made_again_are_refused(use_reentrant):
    x = torch.ones(8, requires_grad=True)
    with seeded(0):
        checkpoint(torch.tanh, x, use_reentrant=use_reentrant).sum().backward()
        with pytest.raises(CompositionError, match=r"checkpoint.*must draw no numbers"):
            checkpoint(F.dropout, x, use_reentrant=use_reentrant)
