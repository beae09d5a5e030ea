"""The Gaussian mixture finds a known density, with and without a context."""

import pytest
import torch
from laws.examples import plane
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from vaekit.errors import CompositionError, DataError
from vaekit.priors import GaussianMixture

TRUTH = MixtureSameFamily(
    Categorical(torch.tensor([0.3, 0.7])),
    MultivariateNormal(
        torch.tensor([[-2.0, 0.0], [2.0, 1.0]]),
        torch.tensor([[[0.3, 0.1], [0.1, 0.4]], [[0.5, -0.2], [-0.2, 0.3]]]),
    ),
)


def generator():
    return torch.Generator().manual_seed(0)


def clusters(count, n=1000):
    """Points of so many tight clusters on a circle of radius 6."""
    angle = 2 * torch.pi * (torch.arange(n) % count) / count
    return 6 * torch.stack([angle.cos(), angle.sin()], 1) + 0.3 * torch.randn(n, 2)


@pytest.fixture
def conditional():
    """p(z | c) with a one-dimensional property that tells the cluster and shifts it."""
    z = TRUTH.sample((3000,))
    context = z[:, :1] + 0.5 * torch.randn(3000, 1)
    return GaussianMixture(2, num_components=2, context_dim=1).fit(
        z, context, generator=generator()
    )


def test_the_fit_comes_close_to_the_true_density_on_new_points():
    prior = GaussianMixture(2, num_components=2).fit(TRUTH.sample((4000,)), generator=generator())
    new = TRUTH.sample((4000,))
    gap = TRUTH.log_prob(new).mean() - prior(None, None).log_prob(new).mean()
    assert -0.01 < gap.item() < 0.01


def test_one_gaussian_is_not_split_in_forty():
    prior = GaussianMixture(2).fit(torch.randn(1000, 2), generator=generator())
    assert prior.num_components in (1, 5)


@pytest.mark.parametrize("count", [5, 10])
def test_clusters_are_counted_by_held_out_likelihood(count):
    prior = GaussianMixture(2).fit(clusters(count), generator=generator())
    assert count <= prior.num_components <= 2 * count


def test_the_conditional_density_integrates_to_one(conditional):
    points, area = plane()
    p = conditional(torch.tensor([[-2.0], [0.0], [2.5]]), None)
    mass = p.log_prob(points[:, None].expand(-1, 3, -1)).exp().sum(0) * area
    torch.testing.assert_close(mass, torch.ones(3), atol=1e-3, rtol=0)


def test_the_conditional_is_the_joint_divided_by_the_marginal(conditional):
    joint = MixtureSameFamily(
        Categorical(logits=conditional.logits),
        MultivariateNormal(conditional.means, scale_tril=conditional.factors),
    )
    context = torch.tensor([[-1.0], [0.3], [2.0]])
    points, area = plane()
    pairs = torch.cat([points[:, None].expand(-1, 3, -1), context.expand(len(points), 3, 1)], -1)
    log_joint = joint.log_prob(pairs)
    log_marginal = (log_joint.exp().sum(0) * area).log()
    got = conditional(context, None).log_prob(pairs[..., :2])
    likely = log_joint > -10
    expected = log_joint - log_marginal
    torch.testing.assert_close(got[likely], expected[likely], atol=0.02, rtol=0)


def test_a_class_context_picks_its_cluster():
    labels = torch.arange(1000) % 3
    z = clusters(3)
    one_hot = torch.nn.functional.one_hot(labels, 3).float()
    prior = GaussianMixture(2, num_components=3, context_dim=3).fit(
        z, one_hot, generator=generator()
    )
    drawn = prior(torch.eye(3).repeat(100, 1), None).sample()
    centers = torch.stack([z[labels == k].mean(0) for k in range(3)])
    nearest = torch.cdist(drawn, centers).argmin(1)
    assert (nearest == torch.arange(300) % 3).float().mean() > 0.99


def test_the_same_generator_gives_the_same_mixture():
    z = TRUTH.sample((500,))
    first, second = (GaussianMixture(2, 3).fit(z, generator=generator()) for _ in range(2))
    assert torch.equal(first.means, second.means)


def test_fitting_leaves_the_global_stream_alone():
    z = TRUTH.sample((200,))
    state = torch.get_rng_state()
    GaussianMixture(2, 3).fit(z)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("count", "items"), [(None, 1), (5, 4)])
def test_too_few_items_are_refused_with_the_number_needed(count, items):
    with pytest.raises(DataError, match=rf"at least \d items; got {items}"):
        GaussianMixture(2, num_components=count).fit(torch.randn(items, 2))


@pytest.mark.parametrize("seed", range(3))
def test_equal_items_still_give_a_density(seed):
    prior = GaussianMixture(2).fit(torch.full((50, 2), float(seed)), generator=generator())
    assert prior(None, None).log_prob(torch.full((1, 2), float(seed))).isfinite().all()


def test_latents_of_another_size_are_refused():
    with pytest.raises(CompositionError, match="latent"):
        GaussianMixture(2, num_components=2).fit(torch.randn(20, 3))


@pytest.mark.parametrize("context", [torch.randn(20, 3), None], ids=["too wide", "missing"])
def test_a_context_of_another_size_is_refused(context):
    with pytest.raises(CompositionError, match="context"):
        GaussianMixture(2, num_components=2, context_dim=1).fit(torch.randn(20, 2), context)


def test_a_context_for_an_unconditional_mixture_is_refused():
    with pytest.raises(CompositionError, match="context"):
        GaussianMixture(2, num_components=2).fit(torch.randn(20, 2), torch.randn(20, 1))


def test_a_mixture_must_have_a_component():
    with pytest.raises(ValueError, match="at least 1; got 0"):
        GaussianMixture(2, num_components=0)
