import math

import pytest
import torch
import torch.nn.functional as F

from vaekit.likelihoods import (
    Bernoulli,
    Categorical,
    DiscretizedLogistic,
    Gaussian,
    LearnedGaussian,
    OptimalGaussian,
    Student,
)
from vaekit.types import Batch

X = torch.tensor([[0.0, 1.0, 0.25], [0.5, 0.0, 1.0]])
FEATURES = torch.tensor([0.3, -1.0, 2.0]).expand(4, 2, 1, 3)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_must_be_positive_and_finite(scale):
    with pytest.raises(ValueError, match="scale must be positive and finite"):
        Gaussian(scale)


@pytest.mark.parametrize("scale", [0.01, 0.0, float("nan")])
def test_a_learned_scale_starts_above_its_floor(scale):
    with pytest.raises(ValueError, match=r"initial_scale must be above 0\.01"):
        LearnedGaussian(initial_scale=scale)


@pytest.mark.parametrize("momentum", [0.0, -0.1, 1.1, float("nan")])
def test_a_momentum_is_a_share(momentum):
    with pytest.raises(ValueError, match="momentum must be in"):
        OptimalGaussian(momentum)


@pytest.mark.parametrize(
    ("cls", "word"), [(Categorical, "classes"), (DiscretizedLogistic, "levels")]
)
def test_there_are_at_least_two_values(cls, word):
    with pytest.raises(ValueError, match=rf"{word} must be at least 2; got 1"):
        cls(1)


def test_bernoulli_is_minus_the_cross_entropy_for_gray_values_too():
    likelihood = Bernoulli()
    got = likelihood.log_prob(likelihood(FEATURES), Batch(X))
    cost = F.binary_cross_entropy_with_logits(
        FEATURES[:, :, 0], X.expand(4, 2, 3), reduction="none"
    )
    torch.testing.assert_close(got, -cost.sum(-1))


def test_bernoulli_stays_finite_for_extreme_logits():
    features = torch.tensor([200.0, -200.0, 0.0]).expand(1, 2, 1, 3).clone().requires_grad_()
    likelihood = Bernoulli()
    likelihood.log_prob(likelihood(features), Batch(X)).sum().backward()
    assert features.grad.isfinite().all()


def test_gaussian_is_the_scaled_squared_error():
    likelihood = Gaussian(0.5)
    got = likelihood.log_prob(likelihood(FEATURES), Batch(X))
    squares = (X - FEATURES[:, :, 0]).square().sum(-1) / (2 * 0.25)
    torch.testing.assert_close(got, -squares - 3 * math.log(0.5 * math.sqrt(2 * math.pi)))


@pytest.mark.parametrize("scale", [0.05, 0.5, 1.0, 3.0])
def test_a_learned_scale_starts_where_it_was_told(scale):
    assert LearnedGaussian(initial_scale=scale).scale.item() == pytest.approx(scale, rel=1e-4)


@pytest.mark.parametrize("cls", [LearnedGaussian, Student])
def test_noise_of_each_feature_has_its_own_parameters(cls):
    likelihood = cls((3,))
    with torch.no_grad():
        likelihood.raw_scale.copy_(torch.tensor([0.0, 1.0, 2.0]))
    assert (likelihood(FEATURES).stddev[0, 0].diff() > 0).all()


@pytest.mark.parametrize("cls", [LearnedGaussian, Student])
def test_learned_noise_never_vanishes(cls):
    likelihood = cls()
    with torch.no_grad():
        likelihood.raw_scale.fill_(-1e4)
    assert likelihood(FEATURES).stddev.min() >= 0.01


def test_optimal_noise_is_the_root_mean_squared_residual_while_training():
    likelihood = OptimalGaussian()
    got = likelihood.log_prob(likelihood(FEATURES), Batch(X))
    mean = FEATURES[:, :, 0]
    scale = (X - mean).square().mean().sqrt()
    expected = torch.distributions.Normal(mean, scale).log_prob(X).sum(-1)
    torch.testing.assert_close(got, expected)


def test_no_other_scale_makes_the_training_batch_more_likely():
    likelihood = OptimalGaussian()
    best = likelihood.log_prob(likelihood(FEATURES), Batch(X)).sum()
    for scale in (0.5, 0.9, 1.0, 1.1, 2.0):
        other = Gaussian(scale)
        assert other.log_prob(other(FEATURES), Batch(X)).sum() <= best


def test_the_running_scale_is_used_and_kept_in_evaluation():
    likelihood = OptimalGaussian(momentum=1.0)
    likelihood.log_prob(likelihood(FEATURES), Batch(X))
    variance = (X - FEATURES[:, :, 0]).square().mean()
    likelihood.eval()
    likelihood.log_prob(likelihood(FEATURES), Batch(X + 100))
    torch.testing.assert_close(likelihood.running_variance, variance)
    torch.testing.assert_close(likelihood(FEATURES).variance.max(), variance)


def test_the_running_scale_moves_by_its_momentum():
    likelihood = OptimalGaussian(momentum=0.25)
    likelihood.log_prob(likelihood(torch.zeros(1, 2, 1, 3)), Batch(torch.full((2, 3), 3.0)))
    assert likelihood.running_variance.item() == pytest.approx(0.75 * 1 + 0.25 * 9)


def test_missing_cells_do_not_enter_the_optimal_scale():
    observed = torch.tensor([[True, True, False], [True, True, False]])
    x = torch.cat([torch.full((2, 2), 2.0), torch.full((2, 1), 1e6)], 1)
    likelihood = OptimalGaussian(momentum=1.0)
    likelihood.log_prob(likelihood(torch.zeros(1, 2, 1, 3)), Batch(x, observed=observed))
    assert likelihood.running_variance.item() == pytest.approx(4.0)


def test_perfect_predictions_leave_a_floor_of_noise():
    likelihood = OptimalGaussian(momentum=1.0)
    got = likelihood.log_prob(likelihood(torch.zeros(1, 2, 1, 3)), Batch(torch.zeros(2, 3)))
    assert got.isfinite().all()
    assert likelihood.running_variance.item() == pytest.approx(1e-4)


def test_student_minds_an_outlier_less_than_a_gaussian_does():
    losses = []
    for likelihood in (Student(), Gaussian()):
        px = likelihood(torch.zeros(1, 2, 1, 3))
        near, far = (likelihood.log_prob(px, Batch(torch.full((2, 3), v))) for v in (0.0, 50.0))
        losses.append((near - far).mean())
    assert losses[0] < losses[1] / 50


def test_student_always_has_a_finite_variance():
    likelihood = Student()
    with torch.no_grad():
        likelihood.raw_freedom.fill_(-10.0)
    assert likelihood(FEATURES).variance.isfinite().all()


def test_the_point_of_a_categorical_is_its_likeliest_code():
    likelihood = Categorical(3)
    features = torch.tensor([[0.0, 5.0, 1.0], [4.0, 0.0, 1.0]]).T.view(1, 1, 3, 2)
    point = likelihood.point(likelihood(features))
    assert point.tolist() == [[[1.0, 0.0]]]
    assert point.dtype == torch.get_default_dtype()


def test_categorical_reads_classes_from_the_channel_axis():
    likelihood = Categorical(3)
    features = torch.randn(2, 4, 3, 5, 6)
    x = torch.randint(3, (4, 5, 6))
    cost = F.cross_entropy(features.flatten(0, 1), x.repeat(2, 1, 1), reduction="none")
    got = likelihood.log_prob(likelihood(features), Batch(x.float()))
    torch.testing.assert_close(got, -cost.sum((1, 2)).view(2, 4))


@pytest.mark.parametrize("event", [(4,), (1, 3, 5), (3, 2, 2)])
def test_log_prob_sums_over_any_event(event):
    likelihood = Bernoulli()
    px = likelihood(torch.zeros(6, 2, 1, *event))
    got = likelihood.log_prob(px, Batch(torch.rand(2, *event)))
    torch.testing.assert_close(got, torch.full((6, 2), -math.prod(event) * math.log(2)))
