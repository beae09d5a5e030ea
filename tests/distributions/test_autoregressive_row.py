import itertools

import pytest
import torch
from torch.distributions import Categorical

from vaekit.distributions import AutoregressiveRow, BinnedNormal, drawn
from vaekit.errors import SpecError
from vaekit.networks import AutoregressiveCells, autoregressive

CODES = (2, 3, 2)
EDGES = [(0.0, 0.1, 0.5, 0.75, 1.0)]


def network(told=((1, 3),), seed=0):
    torch.manual_seed(seed)
    cells = AutoregressiveCells(CODES, told, EDGES[: len(told)], 16)
    for weight in cells.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return cells.eval()


def row(told=((1, 3),), count=1):
    return AutoregressiveRow(network(told), torch.linspace(-1, 1, 16).expand(count, 16))


def every_row():
    return torch.tensor(list(itertools.product((1.0, 2.0), (1.0, 2.0, 3.0), (1.0, 2.0))))


def test_probabilities_of_all_rows_of_codes_sum_to_one():
    px = row(told=())
    assert px.log_prob(every_row()).sum(-1).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_cells_depend_on_those_before_them_only():
    px, x = row(), torch.tensor([[1.0, 3.0, 2.0, 0.4]])
    order = [0, 1, 2, 3]
    for step, place in enumerate(order):
        changed = x.clone()
        changed[:, place] = 1.0 if place != 0 else 2.0
        same = (px.log_prob(changed) == px.log_prob(x))[0]
        assert same[order[:step]].all()
        assert step == 3 or not same[order[step + 1 :]].all()


def test_scores_of_a_walk_are_those_of_the_row():
    """Making rows cell by cell and scoring them all at once are two roads to the same numbers."""
    px, scores = row(count=50), {}

    def choose(place, cell):
        value = drawn(place, cell)
        scores[place] = cell.log_prob(value - 1 if isinstance(cell, Categorical) else value)
        return value

    torch.manual_seed(0)
    with torch.no_grad():
        x = px.walk(choose)
    told = torch.stack([scores[place] for place in range(4)], -1)
    there = torch.cat([torch.ones(50, 3), (x[:, 1:2] == 3).float()], -1).bool()
    torch.testing.assert_close(px.log_prob(x)[there], told[there], atol=1e-4, rtol=1e-4)
    assert (x[~there] == 0).all()


def many_kinds(regression=True):
    """Columns of one code, of few and of many; numbers with few bins and with many."""
    torch.manual_seed(0)
    edges = [(0.0, 0.5, 1.0), tuple(torch.linspace(0, 1, 8).tolist()), (0.0, 0.2, 1.0)]
    cells = AutoregressiveCells(
        (1, 3, 1, 40, 2, 1),
        [(0, 1), (1, 3), (2, 1)],
        edges,
        16,
        dropout=0.3,
        blind=0.2,
        regression=regression,
    )
    for weight in cells.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    for place in (0, 2, 5):  # of one code the last layer stays at nothing, as it begins
        torch.nn.init.zeros_(cells.cells[place].head.weight)
    codes = torch.cat([torch.randint(1, count + 1, (60, 1)) for count in cells.num_codes], 1)
    codes[:5, 2] = 0
    x = torch.cat([codes, torch.randn(60, 3)], 1)
    if regression:
        shares = [cell.share.detach().clone() for cell in cells.cells]
        cells.start_from(x)
        for cell, share in zip(cells.cells, shares, strict=True):
            cell.share.data.copy_(share)
    return cells, x


@pytest.mark.parametrize("regression", [False, True])
def test_scores_are_those_of_the_distributions_of_the_cells(regression):
    cells, x = many_kinds(regression)
    features = torch.randn(2, 60, 16)
    scores = AutoregressiveRow(cells.eval(), features).log_prob(x)
    for place, logits in enumerate(cells(features, x)):
        code = (x[:, place].long() - 1).clamp_min(0)
        told = (
            Categorical(logits=logits).log_prob(code)
            if place < 6
            else BinnedNormal(logits, cells.bins(place)).log_prob(x[:, place])
        )
        torch.testing.assert_close(scores[..., place], told)


@pytest.mark.parametrize("regression", [False, True])
def test_it_does_not_matter_how_many_cells_are_computed_at_once(monkeypatch, regression):
    found = []
    for at_once in (1, 2**30):
        monkeypatch.setattr(autoregressive, "_AT_ONCE", at_once)
        cells, x = many_kinds(regression)
        features = torch.ones(1, 60, 16, requires_grad=True)
        torch.manual_seed(1)
        scores = cells.train().log_prob(features, x)
        scores.sum().backward()
        gradients = [p.grad for p in cells.parameters() if p.grad is not None]
        cells.eval().calibrate([(features.detach(), x)])
        found.append([scores, features.grad, *gradients, *(c.share for c in cells.cells)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_draws_are_as_frequent_as_they_are_probable():
    px = row(told=())
    torch.manual_seed(0)
    drawn_rows = px.sample((20_000,)).squeeze(1)
    for x in every_row():
        share = (drawn_rows == x).all(-1).float().mean().item()
        assert share == pytest.approx(px.log_prob(x).sum().exp().item(), abs=0.015)


def test_the_mean_is_the_most_probable_code_cell_by_cell():
    px = row()
    mean = px.mean
    first = px.network.logits(0, px.features, torch.zeros(1, 4))
    assert mean[0, 0] == first.argmax() + 1.0
    assert mean.shape == (1, 4)


def test_the_network_starts_from_the_shares_of_the_rows():
    x = torch.tensor([[1.0, 3.0, 1.0, 0.5]] * 30 + [[2.0, 1.0, 2.0, 0.0]] * 10)
    cells = AutoregressiveCells(CODES, [(1, 3)], EDGES, 8)
    cells.start_from(x)
    shares = [logits.softmax(-1) for logits in cells(torch.zeros(1, 8), x[:1])]
    torch.testing.assert_close(shares[0], torch.tensor([[30.5, 10.5]]) / 41)
    torch.testing.assert_close(shares[1][0, 1], torch.tensor(0.5 / 41.5))
    assert shares[3].argmax() == 2


def test_hidden_cells_change_what_is_told_in_training_only():
    torch.manual_seed(0)
    cells = AutoregressiveCells(CODES, [], [], 8, blind=0.9)
    for weight in cells.parameters():
        torch.nn.init.normal_(weight)
    x, h = every_row(), torch.zeros(12, 8)
    assert not torch.equal(cells.train()(h, x)[2], cells(h, x)[2])
    assert torch.equal(cells.eval()(h, x)[2], cells(h, x)[2])


def test_a_column_without_codes_is_refused():
    with pytest.raises(SpecError, match=r"at least one code each; got num_codes=\(2, 0\)"):
        AutoregressiveCells((2, 0), [], [], 8)


def following(count=500, seed=0):
    """Three numbers, of which the last follows from the first where there is a second."""
    rng = torch.Generator().manual_seed(seed)
    codes = torch.cat([torch.ones(count, 1), torch.randint(1, 3, (count, 1), generator=rng)], 1)
    codes = torch.cat([codes, torch.ones(count, 1)], 1)
    first, noise = torch.randn(2, count, generator=rng)
    second = torch.randn(count, generator=rng) * (codes[:, 1] == 2)
    third = 0.999 * first + 0.03 * noise
    return torch.cat([codes, torch.stack([first, second, third], 1)], 1)


def told_from_numbers(regression):
    torch.manual_seed(0)
    edges = [tuple(torch.linspace(0, 1, 101).tolist())] * 3
    numbers = [(0, 1), (1, 2), (2, 1)]
    cells = AutoregressiveCells((1, 2, 1), numbers, edges, 16, regression=regression)
    cells.start_from(following())
    return cells.eval()


def test_a_number_that_follows_from_another_is_told_from_it():
    features, x = torch.zeros(500, 16), following(seed=1)
    with torch.no_grad():
        plain, told = (told_from_numbers(r).log_prob(features, x) for r in (False, True))
    gain = (told - plain).mean(0)
    assert gain[5] > 2.5, "all but .03 of a standard deviation is told: -log(.03) = 3.5 nats"
    assert gain[:5].abs().max() < 0.05, "what does not follow is told as before"


def test_draws_of_numbers_follow_too():
    torch.manual_seed(0)
    with torch.no_grad():
        x = AutoregressiveRow(told_from_numbers(True), torch.zeros(400, 16)).sample()
    assert (x[:, 5] - x[:, 3]).abs().median() < 0.05
    assert (x[:, 4][x[:, 1] == 1] == 0).all()


def test_scores_of_a_walk_are_those_of_the_row_with_a_regression():
    cells, scores = told_from_numbers(True), []
    for weight in cells.parameters():
        weight.data.add_(torch.randn_like(weight), alpha=0.1)
    px = AutoregressiveRow(cells, torch.zeros(50, 16))

    def choose(place, cell):
        value = drawn(place, cell)
        scores.append(cell.log_prob(value - 1 if isinstance(cell, Categorical) else value))
        return value

    with torch.no_grad():
        x = px.walk(choose)
        told = torch.stack(scores, -1)
        there = torch.cat([torch.ones(50, 4), x[:, 1:2] - 1, torch.ones(50, 1)], 1).bool()
        torch.testing.assert_close(px.log_prob(x)[there], told[there], atol=1e-4, rtol=1e-4)


def test_a_regression_of_more_numbers_than_rows_is_not_believed():
    torch.manual_seed(0)
    count = 30
    edges = [tuple(torch.linspace(0, 1, 11).tolist())] * count
    numbers = [(i, 1) for i in range(count)]
    cells = AutoregressiveCells((1,) * count, numbers, edges, 8, regression=True)
    cells.start_from(torch.cat([torch.ones(20, count), torch.randn(20, count)], 1))
    assert (cells.spreads > 0.5).all()


def test_a_row_with_a_cell_that_is_not_known_is_told_without_a_regression():
    cells, x = told_from_numbers(True), following()
    x[:, 0] = 0.0
    changed = x.clone()
    changed[:, 3] = 5.0
    scores = [cells.log_prob(torch.zeros(500, 16), part)[:, 4:] for part in (x, changed)]
    torch.testing.assert_close(*scores)
    plain = told_from_numbers(False).log_prob(torch.zeros(500, 16), x)[:, 4:]
    torch.testing.assert_close(scores[0], plain)


def test_what_was_stored_without_a_regression_has_none():
    names = told_from_numbers(False).state_dict().keys()
    assert set(told_from_numbers(True).state_dict()) - set(names) == {"slopes", "spreads"}
