import pytest
import torch

from vaekit.likelihoods import AutoregressiveTable
from vaekit.networks import AutoregressiveCells
from vaekit.spec import build, describe
from vaekit.types import Batch

EDGES = [(0.0, 0.25, 0.5, 0.75, 1.0)]


def example(dropout=0.0):
    torch.manual_seed(0)
    cells = AutoregressiveCells((2, 3), [(1, 3)], EDGES, 16, dropout=dropout)
    for weight in cells.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return AutoregressiveTable(cells).eval()


def rows(count=400, seed=0):
    rng = torch.Generator().manual_seed(seed)
    first = torch.randint(1, 3, (count,), generator=rng).float()
    second = torch.where(torch.rand(count, generator=rng) < 0.7, 3.0, first)
    number = torch.randn(count, generator=rng) * (second == 3)
    return torch.stack([first, second, number], 1)


def test_a_missing_cell_counts_for_nothing_and_tells_nothing():
    likelihood, x = example(), rows(5)
    observed = torch.ones(5, 3, dtype=torch.bool)
    observed[:, 0] = False
    other = x.clone()
    other[:, 0] = 3 - other[:, 0]
    px = likelihood(torch.randn(2, 5, 1, 16))
    scores = [likelihood.log_prob(px, Batch(part, None, observed)) for part in (x, other)]
    assert scores[0].shape == (2, 5)
    torch.testing.assert_close(*scores)
    assert not torch.allclose(scores[0], likelihood.log_prob(px, Batch(x)))


def test_settling_predicts_values_as_often_as_they_are():
    likelihood, x = example(), rows()
    features = torch.randn(1, len(x), 1, 16)

    def error():
        told = likelihood.cells(features.squeeze(2), x)
        codes = [told[0].softmax(-1)[0].mean(0), told[1].softmax(-1)[0].mean(0)]
        there = [torch.bincount(x[:, i].long() - 1).float() / len(x) for i in (0, 1)]
        return max((a - b).abs().max().item() for a, b in zip(codes, there, strict=True))

    with torch.no_grad():
        assert error() > 0.05
        for _ in range(10):
            parts = ((features[:, i], x[i]) for i in torch.arange(len(x)).split(150))
            likelihood.calibrate((likelihood(f), Batch(part)) for f, part in parts)
        assert error() < 0.01


def test_it_learns_what_goes_together():
    torch.manual_seed(0)
    cells = AutoregressiveCells((2, 3), [(1, 3)], EDGES, 32)
    x = rows()
    cells.start_from(x)
    likelihood, features = AutoregressiveTable(cells), torch.zeros(1, len(x), 1, 32)
    optimizer = torch.optim.Adam(cells.parameters(), 0.01)
    for _ in range(150):
        loss = -likelihood.log_prob(likelihood(features), Batch(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    made = likelihood.eval()(torch.zeros(1, 2000, 1, 32)).sample()[0]
    same = made[made[:, 1] < 3]
    assert (same[:, 0] == same[:, 1]).float().mean() > 0.95
    assert (made[:, 1] == 3).float().mean() == pytest.approx(0.7, abs=0.05)


def test_it_is_rebuilt_from_its_description():
    likelihood = example(dropout=0.2)
    again = build(describe(likelihood)).eval()
    again.load_state_dict(likelihood.state_dict())
    features, x = torch.randn(1, 4, 1, 16), rows(4)
    scores = [part.log_prob(part(features), Batch(x)) for part in (likelihood, again)]
    assert torch.equal(*scores)
    assert likelihood.point(likelihood(features)).shape == (1, 4, 3)
    assert likelihood.initial_features(torch.zeros(3)).shape == (1, 16)


def test_the_same_units_are_left_out_for_all_cells_of_a_row():
    cells = example(dropout=0.5).cells.train()
    drop = cells.last[-1]
    left = drop(torch.ones(3, 50, 16)) == 0
    assert torch.equal(left[0], left[1])
    assert torch.equal(left[0], left[2])
    assert 0.4 < left.float().mean() < 0.6
    assert not torch.equal(left[:, 0], left[:, 1])
