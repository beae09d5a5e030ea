"""Densities that are networks: exact where they say so, better than a Gaussian, reproducible."""

import json

import pytest
import torch
from laws.examples import assert_mean, plane
from priors.crescents import crescents, generator

from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.priors import FittedFlow, FittedGaussian, FlowMatching, SecondStage
from vaekit.randomness import seeded
from vaekit.spec import build, describe

EXACT = {
    "nsf": lambda context_dim=0, steps=200: FittedFlow(
        2, "nsf", 2, (32, 32), context_dim=context_dim, steps=steps
    ),
    "maf": lambda context_dim=0, steps=300: FittedFlow(
        2, "maf", hidden=(128, 128), context_dim=context_dim, steps=steps
    ),
    "iaf": lambda context_dim=0, steps=300: FittedFlow(
        2, "iaf", 4, (32, 32), context_dim=context_dim, steps=steps
    ),
    "straight": lambda context_dim=0, steps=300: FlowMatching(
        2, "straight", 48, 2, context_dim=context_dim, steps=steps
    ),
    "diffusion": lambda context_dim=0, steps=300: FlowMatching(
        2, "diffusion", 48, 2, context_dim=context_dim, steps=steps
    ),
}
SECOND = {
    "second stage": lambda context_dim=0, steps=400: SecondStage(
        2, (48, 48), context_dim=context_dim, steps=steps
    )
}
ALL = {**EXACT, **SECOND}
_FITTED = {}


def fitted(name, conditional=False):
    """A prior fitted to crescents, made once."""
    if (name, conditional) not in _FITTED:
        u, label = crescents(2000)
        context = label if conditional else None
        prior = ALL[name](2 if conditional else 0).fit(u, context, generator=generator())
        _FITTED[name, conditional] = prior
    return _FITTED[name, conditional]


@torch.no_grad()
def log_prob(prior, u, context=None):
    return prior(context, None).log_prob(u)


def same_weights(first, second):
    a, b = first.state_dict(), second.state_dict()
    return all(torch.equal(a[key], b[key]) for key in a)


def again(prior):
    """The prior after a journey through JSON text and its weights."""
    copy = build(json.loads(json.dumps(describe(prior), allow_nan=False)))
    copy.load_state_dict(prior.state_dict())
    return copy


def moments(u, log_density):
    x, y = u.unbind(-1)
    return torch.stack([x, y, x * x, y * y, x * y, x * x * y, log_density], -1)


@pytest.mark.parametrize("name", EXACT)
def test_the_density_integrates_to_one_and_samples_follow_it(name):
    points, area = plane(5.0, 81)
    density = log_prob(fitted(name), points)
    mass = density.exp() * area
    assert mass.sum().item() == pytest.approx(1, abs=5e-3)
    drawn = fitted(name)(None, None).sample((3000,))
    expected = (moments(points, density) * mass[:, None]).sum(0)
    assert_mean(moments(drawn, log_prob(fitted(name), drawn)), expected)


@pytest.mark.parametrize("name", ALL)
def test_new_points_are_far_more_likely_than_under_a_gaussian(name):
    new, _ = crescents(2000, seed=1)
    gaussian = FittedGaussian(2).fit(crescents(2000)[0], generator=generator())
    gain = log_prob(fitted(name), new).mean() - log_prob(gaussian, new).mean()
    assert gain > (0.15 if name == "second stage" else 0.35)


@pytest.mark.parametrize("name", ALL)
def test_a_context_tells_which_crescent(name):
    prior = fitted(name, conditional=True)
    new, label = crescents(500, seed=1)
    p = prior(label, None)
    assert p.batch_shape == (500,)
    gain = log_prob(prior, new, label) - log_prob(prior, new, label.flip(-1))
    assert gain.mean() > 1.5


@pytest.mark.parametrize("name", ALL)
def test_draws_in_a_context_come_from_its_crescent(name):
    """The upper crescent is centred at (1, 0.77), the lower at (-1, -0.77)."""
    label = torch.eye(2).repeat(300, 1)
    drawn = fitted(name, conditional=True)(label, None).sample((3,))
    assert drawn.shape == (3, 600, 2)
    means = torch.stack([drawn[:, k::2].mean((0, 1)) for k in range(2)])
    center = torch.tensor([1.0, 2 * (2 / torch.pi - 0.25)])
    torch.testing.assert_close(means, torch.stack([center, -center]), atol=0.25, rtol=0)


@pytest.mark.parametrize("name", ALL)
def test_the_conditional_log_density_is_that_of_each_row_in_its_context(name):
    prior = fitted(name, conditional=True)
    u, label = crescents(4, seed=2)
    together = log_prob(prior, u.expand(3, 4, 2), label)
    assert together.shape == (3, 4)
    if name in EXACT:
        apart = torch.stack([log_prob(prior, u[k], label[k : k + 1])[0] for k in range(4)])
        torch.testing.assert_close(together, apart.expand(3, 4), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ALL)
def test_the_same_generator_gives_the_same_density(name):
    u, _ = crescents(100)
    first, second = (ALL[name](steps=3).fit(u, generator=generator()) for _ in range(2))
    assert same_weights(first, second)
    assert same_weights(first.fit(u, generator=generator()), second)  # nothing is left of a fit
    other = ALL[name](steps=3).fit(u, generator=generator(1))
    assert not same_weights(first, other)


@pytest.mark.parametrize("name", ALL)
def test_fitting_without_gradients_on_leaves_the_global_stream_alone(name):
    prior, state = ALL[name](steps=3), torch.get_rng_state()
    with torch.no_grad():
        prior.fit(crescents(100)[0])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", ALL)
def test_sampling_reads_the_global_stream(name):
    density, draws = fitted(name)(None, None), []
    for seed in (0, 0, 1):
        with seeded(seed):
            draws.append(density.sample((5,)))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_a_stored_density_is_the_same(name, conditional):
    prior = fitted(name, conditional)
    u, label = crescents(20, seed=1)
    context = label if conditional else None
    assert torch.equal(log_prob(again(prior), u, context), log_prob(prior, u, context))


@pytest.mark.parametrize("name", ALL)
def test_its_shapes_are_known_without_memory(name):
    prior = ALL[name](3)
    with torch.device("meta"):
        skeleton = build(describe(prior))
    shapes = [{k: v.shape for k, v in p.state_dict().items()} for p in (skeleton, prior)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", ALL)
def test_units_do_not_matter(name):
    """Latents in other units have the same density in those units."""
    u, _ = crescents(200)
    stretched = u * torch.tensor([100.0, 0.01]) + torch.tensor([3.0, -7.0])
    first, second = (ALL[name](steps=20).fit(x, generator=generator()) for x in (u, stretched))
    torch.testing.assert_close(log_prob(second, stretched), log_prob(first, u), atol=0.02, rtol=0)


@pytest.mark.parametrize("name", ALL)
def test_a_latent_that_never_varies_still_has_a_density(name):
    u = torch.cat([torch.randn(50, 1), torch.full((50, 1), 2.0)], -1)
    prior = ALL[name](steps=5).fit(u, generator=generator())
    assert log_prob(prior, u).isfinite().all()
    assert (prior(None, None).sample((10,))[:, 1] - 2).abs().max() < 0.01


@pytest.mark.parametrize("name", EXACT)
def test_log_densities_have_gradients(name):
    u = crescents(5)[0].requires_grad_()
    fitted(name)(None, None).log_prob(u).sum().backward()
    assert u.grad.isfinite().all()
    assert (u.grad != 0).any()


@pytest.mark.parametrize("name", ALL)
def test_too_few_latents_are_refused(name):
    with pytest.raises(DataError, match=r"at least 10 items; got 9"):
        ALL[name]().fit(torch.randn(9, 2))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_latents_that_are_not_finite_are_refused(value):
    u = torch.randn(20, 2)
    u[3, 1] = value
    with pytest.raises(DataError, match="finite"):
        FittedFlow(2, "maf").fit(u)


def test_latents_of_another_size_are_refused():
    with pytest.raises(CompositionError, match=r"FlowMatching must have size 2; got 3"):
        FlowMatching(2).fit(torch.randn(20, 3))


@pytest.mark.parametrize("context", [torch.randn(20, 3), None], ids=["too wide", "missing"])
def test_a_context_of_another_size_is_refused_in_fit_and_after(context):
    prior = FittedFlow(2, "maf", context_dim=1)
    with pytest.raises(CompositionError, match="context"):
        prior.fit(torch.randn(20, 2), context)
    with pytest.raises(CompositionError, match="context"):
        prior(context, None)


def test_an_unconditional_density_ignores_a_context_but_is_not_fitted_with_one():
    assert fitted("maf")(torch.randn(4, 5), None).batch_shape == ()
    with pytest.raises(CompositionError, match="context_dim=5"):
        FittedFlow(2, "maf").fit(torch.randn(20, 2), torch.randn(20, 5))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FittedFlow(2, "made"), "did you mean 'maf'"),
        (lambda: FittedFlow(2, transforms=0), "transforms must be .* at least 1; got 0"),
        (lambda: FittedFlow(2, hidden=(8, 0)), r"hidden\[1\] must be .* at least 1; got 0"),
        (lambda: FittedFlow(2, steps=1.5), "steps must be a whole number .*; got 1.5"),
        (lambda: FittedFlow(2, context_dim=-1), "context_dim must be .* at least 0; got -1"),
        (lambda: FlowMatching(2, "strait"), "did you mean 'straight'"),
        (lambda: FlowMatching(2, solver_steps=0), "solver_steps must be"),
        (lambda: SecondStage(2, draws=0), "draws must be"),
    ],
)
def test_options_out_of_range_are_refused(make, message):
    with pytest.raises(SpecError, match=message):
        make()


def test_the_bound_of_the_second_stage_is_the_same_at_every_call_and_rises_with_draws():
    prior, new = fitted("second stage"), crescents(500, seed=1)[0]
    bound = log_prob(prior, new)
    assert torch.equal(log_prob(prior, new), bound)
    loose = again(prior)
    loose.draws = 1
    assert log_prob(loose, new).mean() < bound.mean() - 0.01


def test_the_bound_of_the_second_stage_is_the_log_of_an_unbiased_estimate():
    """So its exponential integrates to one, up to the noise of the estimate."""
    points, area = plane(5.0, 81)
    mass = log_prob(fitted("second stage"), points).exp().sum() * area
    assert mass.item() == pytest.approx(1, abs=0.03)
    assert not SecondStage.normalized


def test_more_solver_steps_change_little():
    prior, new = fitted("straight"), crescents(100, seed=1)[0]
    fine = again(prior)
    fine.solver_steps = 50
    torch.testing.assert_close(log_prob(fine, new), log_prob(prior, new), atol=0.02, rtol=0)


def test_the_flow_with_grouped_latents_is_inverted_exactly():
    prior = FittedFlow(7, "iaf", hidden=(16,))
    u = prior(None, None).sample((10,))
    transform = prior.net().transform
    torch.testing.assert_close(transform.inv(transform(u)), u, atol=1e-4, rtol=0)
