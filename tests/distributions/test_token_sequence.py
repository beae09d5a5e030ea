"""Sequences of tokens: a density that sums to 1, and draws that follow it."""

import itertools

import pytest
import torch
from laws.examples import randomised
from torch import nn

from vaekit.distributions import BEGIN, END, PADDING, TokenSequence
from vaekit.errors import SpecError
from vaekit.latents import Single
from vaekit.likelihoods import Tokens
from vaekit.models import VAE
from vaekit.networks import TokenEncoder, TokenGRU, TokenTransformer
from vaekit.posteriors import DiagonalGaussian
from vaekit.priors import StandardNormal
from vaekit.types import Batch

CODES, STEPS = 6, 4


def recurrent():
    torch.manual_seed(0)
    return randomised(TokenGRU(CODES, STEPS, 5, 12, 7), 0.5).eval()


def attentive():
    torch.manual_seed(0)
    return randomised(TokenTransformer(CODES, STEPS, 5, 12, layers=2, heads=3), 0.5).eval()


@pytest.fixture(params=[recurrent, attentive])
def network(request):
    """Of each kind, and the same at each call."""
    return request.param


def sequences():
    """All rows that there are."""
    inner = [
        tokens for n in range(STEPS) for tokens in itertools.product(range(3, CODES), repeat=n)
    ]
    rows = torch.zeros(len(inner), STEPS)
    for row, tokens in zip(rows, inner, strict=True):
        row[: len(tokens) + 1] = torch.tensor([*tokens, END])
    return rows


def features(count):
    return torch.linspace(-1, 1, 5).expand(count, 5)


def test_probabilities_of_all_sequences_sum_to_one(network):
    rows = sequences()
    total = TokenSequence(network(), features(len(rows))).log_prob(rows).sum(-1).exp().sum()
    torch.testing.assert_close(total, torch.tensor(1.0))


def test_draws_follow_the_probabilities(network):
    px = TokenSequence(network(), features(20_000))
    torch.manual_seed(0)
    drawn, rows = px.sample(), sequences()
    shares = (drawn[:, None] == rows).all(-1).float().mean(0)
    torch.testing.assert_close(shares.sum(), torch.tensor(1.0))
    expected = TokenSequence(network(), features(len(rows))).log_prob(rows).sum(-1).exp()
    assert (shares - expected).abs().max() < 0.015


def test_the_mode_takes_the_best_code_at_each_step(network):
    told, px = network(), TokenSequence(network(), features(1))
    (row,) = px.mode
    for place in range(STEPS - 1):
        others = row.repeat(CODES - END, 1)
        others[:, place] = torch.arange(END, CODES)
        scores = told(features(CODES - END), others)[:, place]
        assert row[place] == END + scores.argmax()
        if row[place] == END:
            break


def test_a_cold_or_narrow_draw_is_the_mode(network):
    for options in ({"temperature": 1e-4}, {"nucleus": 1e-6}):
        px = TokenSequence(network(), features(30), **options)
        assert torch.equal(px.sample(), px.mode)


def test_a_nucleus_leaves_the_tail_out(network):
    px = TokenSequence(network(), features(1))
    scores = px._drawn(torch.tensor([[2.0, 1.0, 0.0, -9.0]]).repeat(2000, 1))
    narrow = TokenSequence(network(), features(1), nucleus=0.8)
    kept = narrow._drawn(torch.tensor([[2.0, 1.0, 0.0, -9.0]]).repeat(2000, 1))
    assert set(scores.tolist()) >= {0, 1, 2}
    assert set(kept.tolist()) == {0, 1}


def test_scoring_and_stepping_agree(network):
    net, row = network(), torch.tensor([[4.0, 3, END, PADDING]])
    told, state = net.start(features(1))
    total, before = 0.0, torch.tensor([BEGIN])
    for place, code in enumerate((4, 3, END)):
        logits, state = net.step(told, state, before, place)
        total += logits.log_softmax(-1)[0, code - END]
        before = torch.tensor([code])
    torch.testing.assert_close(net(features(1), row).sum(), total)


def test_scores_do_not_depend_on_the_batch(network):
    net, rows = network(), sequences()
    together = net(features(len(rows)), rows)
    alone = torch.cat([net(features(1), row[None]) for row in rows])
    torch.testing.assert_close(together, alone)
    assert not together[rows == PADDING].any()


def test_codes_do_not_depend_on_the_batch():
    torch.manual_seed(0)
    encoder, rows = TokenEncoder(CODES, 8, 6), sequences()
    together = encoder(rows)
    torch.testing.assert_close(together, torch.cat([encoder(row[None]) for row in rows]))
    assert torch.isfinite(encoder(torch.zeros(2, STEPS))).all()


def test_gradients_reach_all_parameters_and_each_item_alone(network):
    likelihood = Tokens(network())
    known = torch.randn(2, 3, 1, 5, requires_grad=True)
    x = torch.tensor([[3.0, 4, 5, END], [3, END, 0, 0], [END, 0, 0, 0]])
    scores = likelihood.log_prob(likelihood(known), Batch(x))
    assert scores.shape == (2, 3)
    (gradient,) = torch.autograd.grad(scores[0, 1], known, retain_graph=True)
    assert gradient[0, 1].any()
    assert not gradient[1].any()
    assert not gradient[0, [0, 2]].any()
    scores.sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in likelihood.parameters())


def test_what_stands_in_a_hole_does_not_matter(network):
    likelihood, known = Tokens(network()), torch.randn(1, 1, 1, 5)
    seen = torch.tensor([[True, False, True, True]])
    scores = [
        likelihood.log_prob(likelihood(known), Batch(torch.tensor([row]), observed=seen))
        for row in ([3.0, 4.0, 5.0, END], [3.0, float("nan"), 5.0, END])
    ]
    assert torch.equal(*scores)


def test_dropout_is_for_training_only():
    net = TokenGRU(CODES, STEPS, 5, 12, 7, dropout=0.5)
    rows = sequences()
    told = features(len(rows))
    assert not torch.equal(net(told, rows), net(told, rows))
    assert torch.equal(net.eval()(told, rows), net(told, rows))


@pytest.mark.parametrize(
    ("options", "match"),
    [({"temperature": 0.0}, "temperature"), ({"nucleus": 0.0}, "nucleus"), ({"nucleus": 2}, "2")],
)
def test_options_out_of_range(options, match, network):
    with pytest.raises(SpecError, match=match):
        Tokens(network(), **options)


def test_networks_without_tokens():
    with pytest.raises(SpecError, match="num_codes=3"):
        TokenGRU(3, 4, 2, 2)


def test_enough_beams_find_the_most_probable_of_all(network):
    rows = sequences()
    told = features(3) * torch.tensor([[1.0], [-2.0], [3.0]])
    scores = torch.stack(
        [TokenSequence(network(), f.expand(len(rows), 5)).log_prob(rows).sum(-1) for f in told]
    )
    found = TokenSequence(network(), told, beams=len(rows)).mode
    assert torch.equal(found, rows[scores.argmax(1)])


def test_more_beams_are_no_less_probable_here_and_one_is_greedy(network):
    told = torch.linspace(-3, 3, 40).view(8, 5)
    greedy = TokenSequence(network(), told).mode
    wide = TokenSequence(network(), told, beams=3).mode
    px = TokenSequence(network(), told)
    assert (px.log_prob(wide).sum(-1) >= px.log_prob(greedy).sum(-1) - 1e-5).all()
    with pytest.raises(SpecError, match="beams must be at least 1"):
        Tokens(network(), beams=0)


def test_candidates_differ_and_come_with_the_mode_first(network):
    known = torch.linspace(-3, 3, 40).view(8, 5)
    px = TokenSequence(network(), known, beams=3)
    found = px.candidates()
    assert found.shape == (3, 8, STEPS)
    assert torch.equal(found[0], px.mode)
    scores = torch.stack([px.log_prob(x).sum(-1) for x in found])
    assert (scores[0] >= scores[1:] - 1e-5).all()
    ended = {tuple(x.tolist()) for x in sequences()}
    assert {tuple(x.tolist()) for x in found.flatten(0, 1)} <= ended
    assert len({tuple(x.tolist()) for x in found[:, 0]}) > 1


def test_a_candidate_that_was_given_up_is_the_mode(network):
    sure = network()
    head = sure.head if isinstance(sure, TokenGRU) else sure.head[-1]
    with torch.no_grad():
        head.bias[0] = 50.0  # the end comes at once, and nothing else is worth following
    found = TokenSequence(sure, features(2), beams=3).candidates()
    assert (found[:, :, 0] == END).all()
    assert (found[:, :, 1:] == PADDING).all()


def test_a_model_shows_the_sequence_that_it_encodes_nearest(network):
    """Decoded most probably as one sequence, and encoded as it is elsewhere."""
    likelihood = Tokens(network(), beams=len(sequences()))
    decoder = nn.Sequential(nn.Linear(2, 5), nn.Unflatten(1, (1, 5)))
    encoder = randomised(TokenEncoder(CODES, 5, 6), 0.5)
    vae = VAE(encoder, Single(DiagonalGaussian(6, 2), StandardNormal(2)), decoder, likelihood)
    vae.eval()
    with torch.no_grad():
        rows = vae.likelihood.candidates(vae.decode(torch.zeros(1, 2)))[:, 0, 0]
        own = vae.encode(rows)
        decoder[0].weight.zero_()  # the same is decoded wherever it comes from
        shown = vae.show(own)
        apart = torch.cdist(own, own) + torch.eye(len(own)) > 1e-4
    known = apart.all(1)
    assert known.sum() > 3
    assert torch.equal(shown[known], rows[known])


def test_a_sequence_that_fills_every_place_ends_there(network):
    never = network()
    head = never.head if isinstance(never, TokenGRU) else never.head[-1]
    with torch.no_grad():
        head.bias[0] = -1e4  # an end is never chosen
    for beams in (1, 4):
        (row,) = TokenSequence(never, features(1), beams=beams).mode
        assert row[-1] == END
        assert (row[:-1] > END).all()


def test_many_sequences_are_scored_as_each_alone(network, monkeypatch):
    rows = sequences()
    px = TokenSequence(network(), features(len(rows)).expand(2, -1, 5))
    with torch.no_grad():
        together = px.log_prob(rows)
        monkeypatch.setattr("vaekit.networks.tokens._PLACES_AT_ONCE", 7)
        torch.testing.assert_close(px.log_prob(rows), together)
    learning = px.log_prob(rows)  # in one piece, so that its gradients cost no more
    torch.testing.assert_close(learning, together)
