import pytest
import torch

from vaekit.distributions import Delta, DiagonalNormal
from vaekit.errors import CompositionError
from vaekit.latents import Single
from vaekit.latents.base import draw_prior
from vaekit.posteriors import Deterministic, DiagonalGaussian, FullGaussian, Posterior
from vaekit.priors import LearnedMixture, Prior, StandardNormal


class Shifted(Prior):
    """N(context, 1): a prior with one distribution per row."""

    def forward(self, context, aggregate):
        return DiagonalNormal(context, torch.zeros_like(context))


class Curious(Posterior):
    """Keeps the log joint density that it is given."""

    provides = frozenset({"density"})

    def forward(self, h, log_joint):
        self.log_joint = log_joint
        return DiagonalNormal(h, torch.zeros_like(h))


def log_likelihood(z):
    return 3 * z.sum(-1)


def infer(latent, h, context=None, draws=4):
    return latent.infer(h, context, draws, log_likelihood, None)


def test_sizes_must_agree():
    with pytest.raises(CompositionError, match="got 2 for DiagonalGaussian and 3 for LearnedM"):
        Single(DiagonalGaussian(4, 2), LearnedMixture(3))


@pytest.mark.parametrize("cls", [Deterministic, DiagonalGaussian, FullGaussian])
def test_it_provides_what_its_posterior_provides(cls):
    latent = Single(cls(4, 2), StandardNormal(2))
    assert latent.provides == cls.provides
    assert latent.latent_dim == 2


@pytest.mark.parametrize("cls", [Deterministic, DiagonalGaussian, FullGaussian])
def test_draws_come_with_the_densities_that_exist(cls):
    draw = infer(Single(cls(4, 2), StandardNormal(2)), torch.randn(3, 4))
    assert draw.z.shape == (4, 3, 2)
    assert draw.has_density == ("density" in cls.provides)
    assert draw.has_density or isinstance(draw.q, Delta)


def test_draws_are_reparametrised():
    h = torch.randn(3, 4, requires_grad=True)
    infer(Single(DiagonalGaussian(4, 2), StandardNormal(2)), h).z.sum().backward()
    assert (h.grad != 0).any()


def test_a_posterior_is_given_the_log_joint_under_the_prior_of_this_context():
    latent = Single(Curious(2, 2), Shifted(2))
    context, z = torch.randn(3, 2), torch.randn(4, 3, 2)
    infer(latent, torch.zeros(3, 2), context)
    expected = log_likelihood(z) + DiagonalNormal(context, torch.zeros(3, 2)).log_prob(z)
    assert torch.equal(latent.posterior.log_joint(z), expected)


def test_the_code_is_the_mean_of_the_posterior():
    h = torch.randn(3, 2)
    latent = Single(Curious(2, 2), StandardNormal(2))
    assert torch.equal(latent.code(h, None, log_likelihood, None), h)


def test_a_prior_without_context_gives_as_many_draws_as_wanted():
    assert draw_prior(StandardNormal(2), 7, torch.zeros(7, 1), None).shape == (7, 2)


def test_a_prior_with_context_gives_one_draw_for_each_row():
    context = torch.tensor([[0.0, 0.0], [100.0, -100.0], [50.0, 50.0]])
    z = Single(DiagonalGaussian(4, 2), Shifted(2)).generate(3, context, None)
    torch.testing.assert_close(z, context, atol=6.0, rtol=0)
