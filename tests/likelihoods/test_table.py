import pytest
import torch
from torch.distributions import Categorical, Normal

from vaekit.distributions import Cells
from vaekit.errors import SpecError
from vaekit.likelihoods import Table
from vaekit.networks import TabularEncoder
from vaekit.types import Batch

CODES = (2, 1, 4)
X = torch.tensor([[1.0, 1.0, 4.0, 0.3, -2.0], [2.0, 1.0, 1.0, 1.0, 0.5]])


def example(draws=3):
    torch.manual_seed(0)
    likelihood = Table(CODES, 2)
    with torch.no_grad():
        likelihood.raw_scale += torch.tensor([0.4, -1.0])
    features = torch.randn(draws, 2, 1, likelihood.num_features, requires_grad=True)
    return likelihood, features, likelihood(features)


def test_cells_score_like_the_distributions_that_they_are_made_of():
    likelihood, features, px = example()
    logits, means = features.squeeze(2).split([7, 2], -1)
    parts = [Categorical(logits=part) for part in logits.split(CODES, -1)]
    codes = [part.log_prob(X[:, i] - 1) for i, part in enumerate(parts)]
    numbers = Normal(means, likelihood.scale).log_prob(X[:, 3:])
    expected = torch.cat([torch.stack(codes, -1), numbers], -1)
    torch.testing.assert_close(px.log_prob(X), expected)
    torch.testing.assert_close(likelihood.log_prob(px, Batch(X)), expected.sum(-1))


def test_probabilities_of_the_codes_of_each_column_sum_to_one():
    _, _, px = example(1)
    for column, count in enumerate(CODES):
        x = X[:1].repeat(count, 1)
        x[:, column] = torch.arange(1.0, count + 1)
        one = Cells(px.logits[0, :1], CODES, px.numbers.mean[0, :1], px.numbers.scale[0, :1])
        assert one.log_prob(x)[:, column].exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_draws_are_as_frequent_as_they_are_probable():
    _, _, px = example(1)
    drawn = px.sample((20_000,))[:, 0]
    for code in (1.0, 2.0, 3.0, 4.0):
        x = X.clone()
        x[:, 2] = code
        share = (drawn[..., 2] == code).float().mean(0)
        torch.testing.assert_close(share, px.log_prob(x)[0, :, 2].exp(), atol=0.015, rtol=0)
    torch.testing.assert_close(drawn[..., 3:].mean(0), px.numbers.mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(drawn[..., 3:].std(0)[0], px.numbers.scale[0, 0], atol=0.05, rtol=0)


def test_the_point_is_the_most_probable_code_and_the_mean():
    likelihood, features, px = example(1)
    point = likelihood.point(px)
    assert (point[..., 1] == 1).all()
    assert torch.equal(point[..., 2], features[..., 0, 3:7].argmax(-1) + 1.0)
    assert torch.equal(point[..., 3:], features[..., 0, 7:])


def test_cells_that_are_not_observed_have_no_influence():
    likelihood, features, px = example()
    observed = torch.tensor([[True, True, False, True, False], [False, True, True, True, True]])
    spoilt = torch.where(observed, X, torch.nan)
    score = likelihood.log_prob(px, Batch(spoilt, observed=observed))
    expected = torch.where(observed, px.log_prob(X), 0.0).sum(-1)
    torch.testing.assert_close(score, expected)
    (gradient,) = torch.autograd.grad(score.sum(), features)
    assert gradient.isfinite().all()
    assert not gradient[:, 0, :, 3:7].any()  # the logits of the column that was not seen


@pytest.mark.parametrize(("codes", "numbers"), [((2, 0), 1), ((), 0), ((2,), -1)])
def test_a_table_must_have_columns(codes, numbers):
    with pytest.raises(SpecError, match="columns of at least one code each"):
        Table(codes, numbers)


def test_a_table_may_have_numbers_only_or_codes_only():
    assert Table((), 2)(torch.zeros(1, 3, 1, 2)).sample().shape == (1, 3, 2)
    assert Table((3,), 0)(torch.zeros(1, 3, 1, 3)).sample().shape == (1, 3, 1)


def test_the_encoder_is_a_linear_layer_of_one_hot_rows():
    encoder = TabularEncoder((2, 3), 2, (8, 6))
    x = torch.tensor([[1.0, 3.0, 0.4, -1.0], [0.0, 2.0, 0.0, 0.0]])
    hot = torch.zeros(2, 7)
    hot[[0, 0, 1, 1], [1, 6, 0, 5]] = 1.0
    first = hot @ encoder.codes.weight + encoder.numbers(x[:, 2:])
    torch.testing.assert_close(encoder(x), encoder.body(first))


def test_many_codes_need_no_one_hot_rows():
    encoder = TabularEncoder((5000,) * 20, 0, (64,))
    x = torch.randint(1, 5001, (4096, 20)).float()
    assert encoder(x).shape == (4096, 64)  # one-hot rows would be 1.6 GB
