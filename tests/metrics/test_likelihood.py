import math

import pytest
import torch
from metrics.linear import COVARIANCE, DATA, EXACT, GAIN, POOR, linear_vae
from torch.distributions import MultivariateNormal, kl_divergence

from vaekit.distributions import DiagonalNormal
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.latents import Discrete, Single
from vaekit.likelihoods import Gaussian
from vaekit.metrics import (
    Estimate,
    annealed_log_likelihood,
    bits_per_dim,
    elbo_estimate,
    log_likelihood,
)
from vaekit.metrics import likelihoods as annealed_module
from vaekit.models import VAE
from vaekit.posteriors import Deterministic, FiniteScalar, Spherical
from vaekit.priors import StandardNormal, UniformSphere
from vaekit.types import Batch


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def in_parts(x, size=100):
    return [Batch(part) for part in x.split(size)]


@pytest.fixture
def x():
    return DATA.sample((250,))


def test_an_estimate_is_the_mean_with_its_standard_error():
    values = torch.tensor([1.0, 2.0, 3.0, 6.0])
    got = Estimate.of(values)
    assert (got.mean, got.items) == (3.0, 4)
    assert got.standard_error == pytest.approx(math.sqrt(14 / 3 / 4))


def test_intervals_hold_the_mean_as_often_as_they_say():
    means = [Estimate.of(1 + torch.randn(50)) for _ in range(1000)]
    for level in (0.5, 0.95):
        holds = [low < 1 < high for low, high in (mean.interval(level) for mean in means)]
        assert sum(holds) / 1000 == pytest.approx(level, abs=0.04)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_levels_are_probabilities(level):
    with pytest.raises(SpecError, match=f"between 0 and 1; got {level}"):
        Estimate(0.0, 1.0, 10).interval(level)


def test_one_item_has_no_standard_error():
    with pytest.raises(DataError, match="at least two items; got 1"):
        Estimate.of(torch.zeros(1))
    with pytest.raises(DataError, match="got 0"):
        log_likelihood(linear_vae(EXACT), [])


def test_bits_agree_between_a_density_and_the_probabilities_it_gives_levels():
    """A density that is 2 on the upper half of 0 ... 1 gives each of 128 levels 1 / 128."""
    density, probability = math.log(2.0), math.log(1 / 128)
    assert bits_per_dim(density, values=1, levels=256) == pytest.approx(7)
    assert bits_per_dim(probability, values=1, levels=1) == pytest.approx(7)
    assert bits_per_dim(3 * density, values=3) == pytest.approx(7)
    assert Estimate(3 * density, 0.1, 10).bits_per_dim(3) == pytest.approx(7)
    assert Estimate(3 * probability, 0.1, 10).bits_per_dim(3, levels=1) == pytest.approx(7)


@pytest.mark.parametrize(("values", "levels"), [(0, 256), (784, 0)])
def test_bits_need_values_and_levels(values, levels):
    with pytest.raises(SpecError, match=f"got {values} and {levels}"):
        bits_per_dim(-1.0, values, levels)


def test_both_estimates_are_exact_under_the_exact_posterior(x):
    model, exact = linear_vae(EXACT), Estimate.of(DATA.log_prob(x))
    for got in (log_likelihood(model, in_parts(x), draws=3), elbo_estimate(model, in_parts(x))):
        assert got.mean == pytest.approx(exact.mean, abs=1e-4)
        assert got.standard_error == pytest.approx(exact.standard_error, rel=1e-3)
        assert got.items == 250


def test_the_elbo_falls_short_by_the_kl(x):
    q = MultivariateNormal(POOR.shift.expand(250, 2), POOR.covariance)
    exact = DATA.log_prob(x) - kl_divergence(q, MultivariateNormal(x @ GAIN.T, COVARIANCE))
    got = elbo_estimate(linear_vae(POOR), in_parts(x), draws=200)
    assert got.mean == pytest.approx(exact.mean().item(), abs=0.15)
    assert got.standard_error == pytest.approx(Estimate.of(exact).standard_error, rel=0.1)


def test_more_draws_tighten_the_bound_and_steady_the_elbo(x):
    model = linear_vae(POOR)
    elbo = elbo_estimate(model, in_parts(x), draws=20)
    bounds = [log_likelihood(model, in_parts(x), draws=draws).mean for draws in (1, 20, 400)]
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(elbo.mean, abs=1.0)
    assert bounds[1] > elbo.mean + 2
    assert bounds[2] < DATA.log_prob(x).mean()


@pytest.mark.parametrize("measure", [log_likelihood, elbo_estimate])
def test_a_generator_makes_estimates_repeatable(measure, x):
    model = linear_vae(POOR)
    torch.manual_seed(5)
    first = measure(model, in_parts(x), generator=generator(1))
    assert torch.rand(1) == torch.rand(1, generator=generator(5)), "the global stream is kept"
    assert measure(model, in_parts(x), generator=generator(1)) == first
    assert measure(model, in_parts(x), generator=generator(2)) != first
    assert measure(model, in_parts(x)) != measure(model, in_parts(x))


@pytest.mark.parametrize("measure", [log_likelihood, elbo_estimate])
def test_estimates_need_a_draw(measure, x):
    with pytest.raises(SpecError, match="draws must be at least 1; got 0"):
        measure(linear_vae(EXACT), in_parts(x), draws=0)


@pytest.mark.parametrize("measure", [log_likelihood, elbo_estimate])
def test_missing_cells_have_no_influence(measure, x):
    observed = torch.ones_like(x, dtype=torch.bool)
    observed[:, 1] = False
    spoilt = torch.where(observed, x, 1e6)
    model = linear_vae(EXACT)
    clean, got = (
        measure(model, [Batch(v, observed=observed)], draws=3, generator=generator(0))
        for v in (x * observed, spoilt)
    )
    assert got == clean


def test_the_bound_of_observed_cells_nears_their_density(x):
    observed = torch.tensor([True, False, True]).expand(len(x), -1)
    batch = Batch(x, observed=observed)
    bound = log_likelihood(linear_vae(EXACT), [batch], draws=2000, generator=generator(0))
    rows = torch.tensor([0, 2])
    marginal = MultivariateNormal(torch.zeros(2), DATA.covariance_matrix[rows][:, rows])
    assert bound.mean == pytest.approx(marginal.log_prob(x[:, rows]).mean().item(), abs=0.02)


def with_parts(latent, likelihood=None):
    model = linear_vae(EXACT)
    return VAE(model.encoder, latent, model.decoder, likelihood or model.likelihood)


def point_vae():
    return with_parts(Single(Deterministic(3, 2), StandardNormal(2)))


def test_points_have_no_elbo(x):
    with pytest.raises(CompositionError, match="posterior with a density"):
        elbo_estimate(point_vae(), in_parts(x))


REPEATS = 40


def annealed(model, items, **options):
    """Independent estimates of each item, shape (items, repeats)."""
    batch = Batch(items.repeat_interleave(REPEATS, dim=0))
    return annealed_log_likelihood(model, batch, **options).view(len(items), REPEATS)


def assert_exact(values, exact):
    error = values.std(1) / REPEATS**0.5
    assert ((values.mean(1) - exact).abs() < 3 * error + 1e-3).all()


def test_annealing_finds_the_evidence_whatever_the_posterior():
    items = torch.tensor([[0.3, -0.5, 0.9], [-2.0, 2.0, 0.0]])
    model = linear_vae(POOR)
    values = annealed(model, items, steps=150, leapfrog=5, generator=generator())
    exact = DATA.log_prob(items)
    assert_exact(values, exact)
    assert values.std(1).max() < 0.2
    bound = model.log_prob(items.repeat_interleave(REPEATS, 0), draws=16, generator=generator())
    shortfall = exact - bound.view(2, REPEATS).mean(1)
    assert (shortfall > 10 * (values.mean(1) - exact).abs()).all(), "it must be tighter"


def test_more_steps_are_tighter_on_average():
    items = torch.tensor([[2.0, -2.0, 0.0]])
    model = linear_vae(POOR)
    rough, fine = (
        annealed(model, items, steps=steps, chains=2, leapfrog=3, generator=generator()) - exact
        for exact in [DATA.log_prob(items)]
        for steps in (5, 80)
    )
    assert rough.mean() < fine.mean() - 0.1
    assert fine.std() < rough.std()


def test_transitions_keep_the_posterior_even_at_large_steps():
    chains, item = 20_000, torch.tensor([[0.3, -0.5, 0.9]])
    model = linear_vae(POOR)
    path = annealed_module._Path(model.prior(), model.log_likelihood(Batch(item)))
    posterior = MultivariateNormal(item @ GAIN.T, COVARIANCE)
    place = path.at(posterior.sample((chains,)))
    for _ in range(5):
        place, accepted = annealed_module._move(path, place, 1.0, torch.tensor([0.7]), leapfrog=3)
    assert 0.5 < accepted.float().mean() < 0.99
    z = place.z[:, 0]
    torch.testing.assert_close(z.mean(0), posterior.mean[0], atol=0.02, rtol=0)
    torch.testing.assert_close(z.T.cov(), COVARIANCE, atol=0.02, rtol=0)


def test_annealing_needs_no_encoder_density():
    items = torch.tensor([[0.3, -0.5, 0.9]])
    values = annealed(point_vae(), items, steps=100, leapfrog=5, generator=generator())
    assert_exact(values, DATA.log_prob(items))


class Shifting(StandardNormal):
    """A prior that depends on the context: N(context, I)."""

    def forward(self, context, aggregate):
        return DiagonalNormal(context, torch.zeros_like(context))


def test_annealing_starts_at_the_prior_of_each_items_context():
    base = linear_vae(EXACT)
    encoder = torch.nn.Linear(3, 3)
    decoder = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False), base.decoder[1])
    with torch.no_grad():
        decoder[0].weight.copy_(torch.cat([base.decoder[0].weight, torch.zeros(3, 2)], dim=1))
    latent = Single(Deterministic(5, 2), Shifting(2))
    model = VAE(encoder, latent, decoder, base.likelihood, context_dim=2)
    item, context = torch.tensor([[0.3, -0.5, 0.9]]), torch.tensor([[1.0, -1.0]])
    batch = Batch(item.expand(REPEATS, -1), context.expand(REPEATS, -1))
    values = annealed_log_likelihood(model, batch, steps=100, leapfrog=5, generator=generator())
    exact = DATA.log_prob(item - context @ base.decoder[0].weight.detach().T)
    assert_exact(values[None], exact)


def test_missing_cells_are_left_out_of_annealing():
    item = torch.tensor([[0.3, 7.0, 0.9]])
    observed = torch.tensor([True, False, True]).expand(REPEATS, -1)
    batch = Batch(item.expand(REPEATS, -1), observed=observed)
    values = annealed_log_likelihood(
        linear_vae(EXACT), batch, steps=100, leapfrog=5, generator=generator()
    )
    rows = torch.tensor([0, 2])
    marginal = MultivariateNormal(torch.zeros(2), DATA.covariance_matrix[rows][:, rows])
    assert_exact(values[None], marginal.log_prob(item[:, rows]))


def test_annealing_leaves_gradients_and_streams_alone():
    model, batch = linear_vae(EXACT), Batch(torch.zeros(2, 3))
    torch.manual_seed(5)
    first, again = (
        annealed_log_likelihood(model, batch, steps=3, generator=generator(1)) for _ in range(2)
    )
    assert torch.rand(1) == torch.rand(1, generator=generator(5))
    assert torch.equal(
        first, annealed_log_likelihood(model, batch, steps=3, generator=generator(1))
    )
    assert not first.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("option", ["steps", "chains", "leapfrog"])
def test_annealing_needs_at_least_one_of_each(option):
    with pytest.raises(SpecError, match="must be at least 1"):
        annealed_log_likelihood(linear_vae(EXACT), Batch(torch.zeros(2, 3)), **{option: 0})


class Energy(Gaussian):
    normalized = False


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (with_parts(Single(Spherical(3, 2), UniformSphere(2))), "curved space"),
        (with_parts(Discrete(FiniteScalar(3, 2))), "codes"),
        (with_parts(Single(Deterministic(3, 2), StandardNormal(2)), Energy(1.0)), "Energy is an"),
    ],
)
def test_annealing_refuses_what_has_no_gradient_or_likelihood(model, message):
    with pytest.raises(CompositionError, match=message):
        annealed_log_likelihood(model, Batch(torch.zeros(2, 3)))
