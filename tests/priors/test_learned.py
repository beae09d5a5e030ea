import pytest
import torch

from vaekit.distributions import DiagonalNormal
from vaekit.priors import LearnedMixture, StandardNormal


def test_the_standard_normal_promises_that_it_is_standard():
    p = StandardNormal(3)(None, None)
    assert p.is_standard
    assert p.mean.tolist() == [0.0] * 3
    assert p.variance.tolist() == [1.0] * 3


@pytest.mark.parametrize("prior", [StandardNormal(2), LearnedMixture(2, 3)])
def test_a_context_is_ignored(prior):
    z = torch.randn(4, 2)
    with_context = prior(torch.randn(4, 5), None)
    assert with_context.batch_shape == ()
    assert torch.equal(with_context.log_prob(z), prior(None, None).log_prob(z))


def test_the_standard_normal_has_nothing_to_learn_or_store():
    assert list(StandardNormal(2).parameters()) == []
    assert StandardNormal(2).state_dict() == {}


def test_the_mixture_weighs_its_gaussians():
    prior = LearnedMixture(2, 2)
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([0.25, 0.75]).log())
    z = torch.randn(4, 2)
    parts = DiagonalNormal(prior.means, prior.log_scales).log_prob(z[:, None]).exp()
    expected = (parts * torch.tensor([0.25, 0.75])).sum(1).log()
    torch.testing.assert_close(prior(None, None).log_prob(z), expected)


def test_components_start_apart():
    assert torch.cdist(LearnedMixture(2, 5).means, torch.zeros(1, 2)).std() > 0


def test_a_mixture_must_have_a_component():
    with pytest.raises(ValueError, match="at least 1; got 0"):
        LearnedMixture(2, 0)
