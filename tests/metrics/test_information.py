import math

import pytest
import torch
from metrics.linear import COVARIANCE, DATA, EXACT, POOR, Given, linear_vae
from torch.distributions import MultivariateNormal

from vaekit.errors import CompositionError, DataError
from vaekit.latents import Single
from vaekit.metrics import latent_information
from vaekit.metrics import latents as information_module
from vaekit.models import VAE
from vaekit.posteriors import Deterministic, DiagonalGaussian
from vaekit.priors import LearnedMixture, StandardNormal
from vaekit.types import Batch


@pytest.fixture
def batches():
    return [Batch(x) for x in DATA.sample((1500,)).split(600)]


def with_parts(posterior, prior):
    model = linear_vae(EXACT)
    return VAE(model.encoder, Single(posterior, prior), model.decoder, model.likelihood)


def test_the_exact_posterior_has_the_information_of_the_model(batches):
    """I(x; z) = H(z) - H(z | x) of the joint Gaussian; its aggregate is the prior."""
    got = latent_information(linear_vae(EXACT), batches)
    assert got.mutual_information == pytest.approx(-0.5 * COVARIANCE.logdet().item(), abs=0.05)
    assert got.aggregate_kl == pytest.approx(0, abs=0.03)
    assert got.total_correlation == pytest.approx(0, abs=0.03)
    assert got.kl_per_latent == pytest.approx([0, 0], abs=0.03)
    assert got.items == 1500


def test_a_posterior_that_ignores_the_item_has_none(batches):
    got = latent_information(linear_vae(POOR), batches)
    assert got.mutual_information == pytest.approx(0, abs=1e-5)
    exact = 0.5 * (0.1 + 1.5**2 - 1 - math.log(0.1))
    assert got.aggregate_kl == pytest.approx(2 * exact, abs=0.15)
    assert got.kl_per_latent == pytest.approx([exact, exact], abs=0.15)


def test_total_correlation_is_that_of_the_aggregate(batches):
    """For a Gaussian with correlation r: -log(1 - r²) / 2."""
    correlated = torch.tensor([[1.0, 0.8], [0.8, 1.0]])
    model = linear_vae(Given(torch.zeros(2, 3), torch.zeros(2), correlated))
    got = latent_information(model, batches)
    assert got.total_correlation == pytest.approx(-0.5 * math.log(1 - 0.64), abs=0.06)


def test_the_parts_sum_to_the_whole(batches):
    got = latent_information(with_parts(DiagonalGaussian(3, 2), StandardNormal(2)), batches)
    assert got.rate == pytest.approx(got.mutual_information + got.aggregate_kl, abs=1e-6)
    parts = got.total_correlation + sum(got.kl_per_latent)
    assert got.aggregate_kl == pytest.approx(parts, abs=1e-6)
    assert got.mutual_information > 0.05


def test_narrow_posteriors_know_which_item_it_is():
    """Then the estimate is at its limit, log(items)."""
    narrow = Given(torch.eye(3)[:2], torch.zeros(2), 1e-8 * torch.eye(2))
    got = latent_information(linear_vae(narrow), [Batch(DATA.sample((200,)))])
    assert got.mutual_information == pytest.approx(math.log(200), abs=0.01)


def test_an_average_of_posteriors_is_taken_over_all_of_them():
    split = torch.randn(5, 2).split(2)
    posteriors = [MultivariateNormal(means, torch.eye(2)) for means in split]
    z, means = torch.randn(4, 2), torch.cat(split)
    each = torch.stack([MultivariateNormal(mean, torch.eye(2)).log_prob(z) for mean in means])
    expected = each.exp().mean(0).log()
    torch.testing.assert_close(information_module._log_mixture(posteriors, z, width=2), expected)


def test_chunks_do_not_matter(batches, monkeypatch):
    model = linear_vae(EXACT)
    torch.manual_seed(0)
    whole = latent_information(model, batches)
    monkeypatch.setattr(information_module, "_DENSITIES_AT_ONCE", 1500 * 2 * 7)
    torch.manual_seed(0)
    chunked = latent_information(model, batches)
    assert chunked.mutual_information == pytest.approx(whole.mutual_information, abs=1e-6)
    assert chunked.kl_per_latent == pytest.approx(whole.kl_per_latent, abs=1e-6)


def test_a_mixture_prior_has_no_marginals_per_latent(batches):
    got = latent_information(with_parts(DiagonalGaussian(3, 2), LearnedMixture(2, 3)), batches)
    assert got.kl_per_latent is None
    assert got.rate == pytest.approx(got.mutual_information + got.aggregate_kl, abs=1e-6)


def test_points_are_refused(batches):
    with pytest.raises(CompositionError, match="density at any point"):
        latent_information(with_parts(Deterministic(3, 2), StandardNormal(2)), batches)


def test_one_item_is_refused():
    with pytest.raises(DataError, match="at least two items to tell apart; got 1"):
        latent_information(linear_vae(EXACT), [Batch(torch.zeros(1, 3))])
