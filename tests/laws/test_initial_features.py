"""A decoder that starts at `initial_features` predicts the mean of the data."""

import pytest
import torch
from laws.examples import EVENT, example, likelihood_names

MEAN = torch.tensor([0.1, 0.3, 0.5, 0.85])


@pytest.fixture(params=likelihood_names())
def likelihood(request):
    return example(request.param).eval()


def predicted(likelihood, mean):
    features = likelihood.initial_features(mean)
    return likelihood.point(likelihood(features[None, None]))[0, 0]


def test_there_is_one_initial_feature_for_each_that_the_likelihood_reads(likelihood):
    shape = likelihood.initial_features(MEAN).shape
    assert shape == (likelihood.features_per_value, *EVENT)


def test_the_prediction_is_near_the_mean(likelihood):
    if likelihood.support.is_ordered:  # the mean of unordered codes says nothing about them
        torch.testing.assert_close(predicted(likelihood, MEAN), MEAN, atol=0.1, rtol=0)


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_a_mean_at_the_edge_gives_finite_features(likelihood, edge):
    assert likelihood.initial_features(torch.full(EVENT, edge)).isfinite().all()


def test_codes_start_at_equal_odds():
    likelihood = example("likelihoods.Categorical")
    px = likelihood(likelihood.initial_features(MEAN)[None, None])
    torch.testing.assert_close(px.probs, torch.full((1, 1, 4, 5), 0.2))


def test_the_prediction_grows_with_the_mean(likelihood):
    if likelihood.support.is_ordered:
        assert (predicted(likelihood, MEAN).diff() > 0).all()
