"""A model whose evidence is known: x = W z + b + noise, so x ~ N(b, W Wᵀ + s² I)."""

import math
from dataclasses import dataclass

import pytest
import torch
from laws.examples import assert_mean, flat_posteriors
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, kl_divergence

from vaekit.latents import Single
from vaekit.likelihoods import Gaussian
from vaekit.models import VAE
from vaekit.objectives import ImportanceBound, Sum, elbo
from vaekit.posteriors import GridGaussian
from vaekit.priors import StandardNormal
from vaekit.randomness import seeded
from vaekit.spec import components
from vaekit.types import Batch, TrainingProgress

W = torch.tensor([[1.0, 0.2], [-0.3, 0.8], [0.4, 0.5]])
B = torch.tensor([0.5, -1.0, 0.2])
NOISE = 0.6
X = torch.tensor([[0.3, -0.5, 0.9], [2.0, -2.0, 0.0]])

COVARIANCE = torch.linalg.inv(torch.eye(2) + W.T @ W / NOISE**2)
GAIN = COVARIANCE @ W.T / NOISE**2
EXACT = MultivariateNormal(B, W @ W.T + NOISE**2 * torch.eye(3)).log_prob(X)
POSTERIOR = MultivariateNormal((X - B) @ GAIN.T, COVARIANCE)


@dataclass(frozen=True)
class Target:
    """The posterior that a head is set to: mean ``gain (x - B) + shift``, Cholesky ``factor``."""

    gain: Tensor
    shift: Tensor
    factor: Tensor


TRUE = Target(GAIN, torch.zeros(2), torch.linalg.cholesky(COVARIANCE))
WIDE = Target(GAIN, torch.tensor([0.15, -0.1]), 1.25 * torch.diag(COVARIANCE.diagonal().sqrt()))
"""Not exact, but nowhere so narrow that a few draws would carry all the weight."""


def set_diagonal(posterior, target):
    log_variance = 2 * target.factor.diagonal().log()
    set_head(posterior.head, target, log_variance)


def set_full(posterior, target):
    factor = target.factor - torch.diag(target.factor.diagonal())
    factor += torch.diag(torch.log(torch.expm1(target.factor.diagonal() - 1e-5)))
    set_head(posterior.head, target, factor[posterior.rows, posterior.columns])


@torch.no_grad()
def set_head(head, target, spread):
    head.weight.zero_()
    head.weight[:2] = target.gain
    head.bias.copy_(torch.cat([target.shift - target.gain @ B, spread]))


def set_start(posterior, target):
    set_diagonal(posterior.base, target)


SETTERS = {
    "posteriors.DiagonalGaussian": set_diagonal,
    "posteriors.FullGaussian": set_full,
    "posteriors.GridGaussian": lambda encoder, target: set_head(
        encoder, target, 2 * target.factor.diagonal().log()
    ),
    "posteriors.Hamiltonian": set_start,
    "posteriors.InverseAutoregressive": set_start,
    "posteriors.LinearFlow": set_start,
    "posteriors.Riemannian": set_start,
}
"""How each posterior with a density is set to a target, or starts from one; a new one needs a
line here."""

GRID = "posteriors.GridGaussian"
GAUSSIAN = ["posteriors.DiagonalGaussian", "posteriors.FullGaussian"]


def head_outside():
    """An encoder that says mean and log variance itself, and the posterior that reads them."""
    return nn.Linear(3, 4), GridGaussian(4, (1, 1, 2))


def linear_vae(name: str, target: Target) -> VAE:
    with seeded(0):
        encoder, posterior = (
            head_outside() if name == GRID else (nn.Identity(), components()[name](3, 2))
        )
    SETTERS[name](encoder if name == GRID else posterior, target)
    decoder = nn.Sequential(nn.Linear(2, 3), nn.Unflatten(1, (1, 3)))
    with torch.no_grad():
        decoder[0].weight.copy_(W)
        decoder[0].bias.copy_(B)
    return VAE(encoder, Single(posterior, StandardNormal(2)), decoder, Gaussian(NOISE))


def bounds(model: VAE, draws: int, repeats: int = 4000) -> Tensor:
    """Independent estimates of the bound with so many draws, shape (repeats, items)."""
    batch = Batch(X.repeat_interleave(repeats, dim=0))
    with torch.no_grad():
        values = -ImportanceBound()(model.evidence(batch, draws), model, TrainingProgress(0, 1, 1))
    return values.view(len(X), repeats).T


@pytest.fixture(params=flat_posteriors("density"))
def name(request):
    return request.param


def test_the_mean_weight_is_the_evidence(name):
    log_w = linear_vae(name, WIDE).evidence(Batch(X), draws=20_000).log_w
    assert_mean((log_w - EXACT).exp(), 1.0)


def test_the_exact_posterior_has_constant_weights():
    log_w = linear_vae("posteriors.FullGaussian", TRUE).evidence(Batch(X), draws=100).log_w
    torch.testing.assert_close(log_w, EXACT.expand(100, 2), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", GAUSSIAN)
def test_the_elbo_falls_short_by_the_kl_to_the_exact_posterior(name):
    model = linear_vae(name, WIDE)
    q = MultivariateNormal((X - B) @ GAIN.T + WIDE.shift, scale_tril=WIDE.factor)
    assert_mean(bounds(model, draws=1), EXACT - kl_divergence(q, POSTERIOR))


def test_bounds_rise_with_the_draws_and_stay_below_the_evidence(name):
    model = linear_vae(name, WIDE)
    estimates = [bounds(model, draws) for draws in (1, 2, 8)]
    means = torch.stack([*(estimate.mean(0) for estimate in estimates), EXACT])
    errors = torch.stack([*(estimate.std(0) / 4000**0.5 for estimate in estimates), EXACT * 0])
    rises = means.diff(dim=0)
    assert (rises > -4 * (errors[1:] + errors[:-1])).all()
    assert (rises[0] > 4 * (errors[0] + errors[1])).all(), "two draws must be tighter than one"


def test_log_prob_is_the_evidence_within_its_error(name):
    model, draws = linear_vae(name, WIDE), 1000
    log_w = model.evidence(Batch(X), draws=draws).log_w
    deviation = (log_w - EXACT).exp().std(0) / math.sqrt(draws)
    got = model.log_prob(X, draws=draws, generator=torch.Generator().manual_seed(5))
    assert ((got - EXACT).abs() < 3 * deviation).all()


@pytest.mark.parametrize("draws", [1, 15, 16, 17, 40])
def test_log_prob_is_exact_under_the_exact_posterior_for_any_number_of_draws(draws):
    got = linear_vae("posteriors.FullGaussian", TRUE).log_prob(X, draws=draws)
    torch.testing.assert_close(got, EXACT, atol=1e-4, rtol=0)


def test_training_reaches_the_evidence():
    """The ELBO of a full Gaussian has no gap at its optimum."""
    model = linear_vae("posteriors.FullGaussian", WIDE)
    optimizer = torch.optim.Adam(model.latent.parameters(), lr=0.02)
    objective = elbo(draws=16)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=400)
    for _ in range(400):
        (update,) = objective.losses(model, Batch(X), TrainingProgress(0, 1, 1))
        optimizer.zero_grad()
        update.losses["model"].backward()
        optimizer.step()
        decay.step()
    gap = EXACT.mean() - bounds(model, draws=1).mean()
    assert gap.item() == pytest.approx(0.0, abs=0.03)


def test_the_importance_objective_is_minus_the_bound(name):
    model = linear_vae(name, WIDE)
    torch.manual_seed(1)
    log_w = model.evidence(Batch(X), draws=8).log_w
    torch.manual_seed(1)
    (update,) = Sum(ImportanceBound(), draws=8).losses(model, Batch(X), TrainingProgress(0, 1, 1))
    expected = -(torch.logsumexp(log_w, 0) - math.log(8)).mean()
    torch.testing.assert_close(update.losses["model"], expected)
