"""Codes depend on the item alone, and no entry point touches the global random stream."""

import pytest
import torch
from laws.examples import example_vae, flat_posteriors, items, likelihood_names, names

from vaekit.types import Batch


def generator(seed=7):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=names("posteriors"))
def model(request):
    return example_vae(posterior=request.param).eval()


@pytest.fixture(params=likelihood_names())
def scorer(request):
    return example_vae(request.param).eval()


def test_encode_is_the_same_under_any_seed(model):
    x = items(model.likelihood)
    torch.manual_seed(1)
    first = model.encode(x)
    torch.manual_seed(2)
    assert torch.equal(model.encode(x), first)


def test_encode_is_the_mean_of_the_posterior(model):
    x = items(model.likelihood)
    assert torch.equal(model.encode(x), model.infer(Batch(x)).q.mean)


def test_encode_and_decode_draw_no_random_number(model):
    state = torch.get_rng_state()
    model.show(model.encode(items(model.likelihood)))
    assert torch.equal(torch.get_rng_state(), state)


def test_sample_leaves_the_global_stream_alone(scorer):
    state = torch.get_rng_state()
    scorer.sample(3)
    scorer.sample(3, generator=generator())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("posterior", flat_posteriors("density"))
def test_log_prob_leaves_the_global_stream_alone(posterior):
    model = example_vae(posterior=posterior)
    state = torch.get_rng_state()
    model.log_prob(items(model.likelihood), draws=2)
    model.log_prob(items(model.likelihood), draws=2, generator=generator())
    assert torch.equal(torch.get_rng_state(), state)


def test_the_same_generator_gives_the_same_samples_and_scores(scorer):
    x = items(scorer.likelihood)
    assert torch.equal(
        scorer.sample(4, generator=generator()), scorer.sample(4, generator=generator())
    )
    scores = [scorer.log_prob(x, draws=3, generator=generator()) for _ in range(2)]
    assert torch.equal(*scores)


def test_another_generator_gives_other_samples(scorer):
    first, second = (scorer.sample(50, generator=generator(seed)) for seed in (1, 2))
    assert not torch.equal(first, second)


def test_a_generator_advances(scorer):
    source = generator()
    first = scorer.log_prob(items(scorer.likelihood), draws=2, generator=source)
    assert not torch.equal(
        scorer.log_prob(items(scorer.likelihood), draws=2, generator=source), first
    )


def test_scores_and_samples_carry_no_graph(scorer):
    assert not scorer.sample(2).requires_grad
    assert not scorer.log_prob(items(scorer.likelihood), draws=2).requires_grad


def test_the_order_of_a_batch_does_not_matter(model):
    x, order = items(model.likelihood), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(model.encode(x[order]), model.encode(x)[order])


@pytest.mark.parametrize("training", [True, False])
def test_scores_given_z_follow_the_order_of_the_batch(scorer, training):
    scorer.train(training)
    x, order = items(scorer.likelihood), torch.tensor([3, 0, 4, 1, 2])
    z = torch.randn(len(x), 2)
    plain = scorer.likelihood.log_prob(scorer.decode(z), Batch(x))
    moved = scorer.likelihood.log_prob(scorer.decode(z[order]), Batch(x[order]))
    torch.testing.assert_close(moved, plain[:, order])


def test_an_item_scores_alike_alone_and_in_company(scorer):
    x, z = items(scorer.likelihood), torch.randn(5, 2)
    together = scorer.likelihood.log_prob(scorer.decode(z), Batch(x))[:, 2:3]
    alone = scorer.likelihood.log_prob(scorer.decode(z[2:3]), Batch(x[2:3]))
    torch.testing.assert_close(alone, together)
