"""Autoregressive codes: probabilities of a truth that marginals cannot tell."""

import itertools
import json
import math

import pytest
import torch
from priors.crescents import generator

from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.priors import AutoregressiveCodes
from vaekit.spec import build, describe
from vaekit.types import SamplingOptions

TOKENS, CODES = 3, 4
EVERY = torch.tensor(list(itertools.product(range(CODES), repeat=TOKENS))).float()


def chains(n, seed=0):
    """Every code is the one before plus the first code's parity: all marginals are uniform."""
    start = torch.randint(CODES, (n,), generator=generator(seed))
    steps = 1 + start % 2
    return torch.stack([(start + k * steps) % CODES for k in range(TOKENS)], 1).float()


@pytest.fixture(scope="module")
def prior():
    with torch.random.fork_rng():
        return AutoregressiveCodes(TOKENS, CODES, width=24, steps=200).fit(
            chains(1000), generator=generator()
        )


@pytest.fixture(scope="module")
def conditional():
    """All codes equal the class."""
    label = torch.arange(600) % CODES
    codes = label[:, None].expand(-1, TOKENS).float()
    one_hot = torch.nn.functional.one_hot(label, CODES).float()
    return AutoregressiveCodes(TOKENS, CODES, CODES, width=24, steps=200).fit(
        codes, one_hot, generator=generator()
    )


@torch.no_grad()
def log_prob(prior, codes, context=None):
    return prior(context, None).log_prob(codes)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_transformer_learns_the_same(depth):
    options = {"width": 32, "steps": 250, "network": "transformer", "layers": 1, "depth": depth}
    learned = AutoregressiveCodes(TOKENS, CODES, **options).fit(chains(1000), generator=generator())
    assert log_prob(learned, EVERY).exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert log_prob(learned, chains(500, seed=1)).mean() > -math.log(CODES) - 0.15
    known = {tuple(row) for row in chains(1000).int().tolist()}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = learned(None, None).sample((300,)).int().tolist()
    assert sum(tuple(row) in known for row in drawn) > 270


@pytest.mark.parametrize("fitted", [True, False])
def test_probabilities_of_all_codes_sum_to_one(prior, fitted):
    p = prior if fitted else AutoregressiveCodes(TOKENS, CODES, width=8)
    assert log_prob(p, EVERY).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_a_dependence_is_learned_that_marginals_cannot_tell(prior):
    """Marginals give each row -3 log 4 nats; the truth is -log 4."""
    assert log_prob(prior, chains(500, seed=1)).mean() > -math.log(CODES) - 0.1


def test_draws_are_codes_as_often_as_they_are_probable(prior):
    drawn = prior(None, None).sample((4000,))
    assert drawn.shape == (4000, TOKENS)
    assert drawn.is_floating_point()
    place = (drawn * torch.tensor([CODES**2, CODES, 1])).sum(-1).long()
    often = torch.bincount(place, minlength=len(EVERY)) / len(drawn)
    probable = log_prob(prior, EVERY).exp()
    error = (probable * (1 - probable) / len(drawn)).sqrt()
    assert ((often - probable).abs() < 4.5 * error + 1e-3).all()


def test_a_context_tells_the_codes(conditional):
    label = torch.eye(CODES).repeat(50, 1)
    p = conditional(label, None)
    assert p.batch_shape == (4 * 50,)
    drawn = p.sample((2,))
    right = torch.arange(CODES).repeat(50)[None, :, None]
    assert (drawn == right).float().mean() > 0.97


def test_with_a_context_draws_are_as_sharp_as_the_prior_says():
    """Where the options do not say otherwise; a prior of an earlier version draws as it learned."""
    size, sharp = (TOKENS, CODES, CODES), {"temperature": 0.3, "top_p": 0.9}
    options = {"width": 32, "network": "transformer", "layers": 1}
    context = torch.nn.functional.one_hot(torch.arange(400) % CODES, CODES).float()
    torch.manual_seed(0)
    own = AutoregressiveCodes(*size, **options, **sharp)
    torch.nn.init.normal_(own.net.head[1].weight)  # codes that are not all as probable
    plain = AutoregressiveCodes(*size, **options)
    plain.load_state_dict(own.state_dict())

    def drawn(prior, rows, **asked):
        torch.manual_seed(1)
        return prior.steer(400, rows, SamplingOptions(**asked))

    assert torch.equal(drawn(own, context), drawn(plain, context, **sharp))
    assert torch.equal(drawn(own, context, temperature=1.0, top_p=1.0), drawn(plain, context))
    assert not torch.equal(drawn(own, context), drawn(plain, context))
    torch.manual_seed(0)
    alone = AutoregressiveCodes(TOKENS, CODES, **options, **sharp)
    free = AutoregressiveCodes(TOKENS, CODES, **options)
    free.load_state_dict(alone.state_dict())
    assert torch.equal(drawn(alone, None), drawn(free, None))


def test_a_stored_prior_is_the_same(prior, conditional):
    for p, context in ((prior, None), (conditional, torch.eye(CODES).repeat(16, 1))):
        copy = build(json.loads(json.dumps(describe(p), allow_nan=False)))
        copy.load_state_dict(p.state_dict())
        assert torch.equal(log_prob(copy, EVERY, context), log_prob(p, EVERY, context))


def test_the_same_generator_gives_the_same_weights_and_leaves_the_global_stream_alone():
    state = torch.get_rng_state()
    first, second = (AutoregressiveCodes(TOKENS, CODES, width=8, steps=3) for _ in range(2))
    after = torch.get_rng_state()
    assert not torch.equal(state, after)  # weights are drawn where the prior is made
    with torch.no_grad():
        for p in (first, second):
            p.fit(chains(50), generator=generator())
    assert torch.equal(torch.get_rng_state(), after)
    a, b = first.state_dict(), second.state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("wrong", [0.5, -1.0, 4.0])
def test_numbers_that_are_no_codes_are_refused(wrong):
    codes = chains(20)
    codes[3, 1] = wrong
    with pytest.raises(DataError, match="whole numbers from 0 to 3"):
        AutoregressiveCodes(TOKENS, CODES).fit(codes)


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="at least 10 items; got 9"):
        AutoregressiveCodes(TOKENS, CODES).fit(chains(9))


def test_another_number_of_tokens_is_refused():
    with pytest.raises(CompositionError, match="must have size 2; got 3"):
        AutoregressiveCodes(2, CODES).fit(chains(20))


def test_a_missing_context_is_refused(conditional):
    with pytest.raises(CompositionError, match="context"):
        conditional.fit(chains(20))
    with pytest.raises(CompositionError, match="context"):
        conditional(None, None)


@pytest.mark.parametrize(
    "options",
    [{"num_codes": 1}, {"width": 0}, {"steps": 0}, {"temperature": 0.0}, {"top_p": 1.5}],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(SpecError, match=next(iter(options))):
        AutoregressiveCodes(**{"latent_dim": 2, "num_codes": 3, **options})
