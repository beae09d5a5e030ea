import pytest
import torch
from laws.examples import EVENT, FEATURES_DIM, example_vae, items
from torch import nn

from vaekit.errors import CompositionError
from vaekit.latents import Single
from vaekit.likelihoods import Gaussian
from vaekit.models import VAE
from vaekit.posteriors import DiagonalGaussian
from vaekit.priors import GaussianMixture, LearnedMixture, StandardNormal
from vaekit.types import Batch, Encodes, Samples, Scores


@pytest.fixture
def model():
    return example_vae()


@pytest.fixture
def conditional():
    """A model of 3 values whose decoder adds the context to what it makes of z."""
    decoder = nn.Sequential(nn.Linear(2 + 3, 3), nn.Unflatten(1, (1, 3)))
    latent = Single(DiagonalGaussian(3 + 3, 2), StandardNormal(2))
    with torch.no_grad():
        decoder[0].weight[:, 2:] = 10 * torch.eye(3)
    return VAE(nn.Identity(), latent, decoder, Gaussian(0.1), context_dim=3)


def test_it_meets_the_protocols_of_the_tasks(model):
    assert isinstance(model, Samples)
    assert isinstance(model, Encodes)
    assert isinstance(model, Scores)


@pytest.mark.parametrize("draws", [1, 5])
def test_evidence_has_a_row_for_each_draw(model, draws):
    evidence = model.evidence(Batch(items(model.likelihood)), draws)
    assert evidence.draw.z.shape == (draws, 5, 2)
    assert evidence.log_px.shape == evidence.log_w.shape == (draws, 5)
    assert evidence.px.batch_shape == (draws, 5, *EVENT)


def test_each_draw_is_decoded_to_its_own_item(model):
    """Draws are folded into the batch for the decoder; they must come back in their places."""
    evidence = model.evidence(Batch(items(model.likelihood)), draws=3)
    for d in range(3):
        px = model.decode(evidence.draw.z[d])
        torch.testing.assert_close(evidence.px.mean[d], px.mean[0])


def test_show_is_the_point_of_each_latent(model):
    z = torch.randn(3, 2)
    assert model.show(z).shape == (3, *EVENT)
    assert torch.equal(model.show(z), model.likelihood.point(model.decode(z))[0])


class _Undecided(Gaussian):
    """Has three values to show for each latent: the mean, and the mean one up or down."""

    def candidates(self, px):
        return torch.stack([px.mean, px.mean + 1, px.mean - 1])


@pytest.mark.parametrize("up", [0.0, 1.0, -1.0])
def test_of_several_candidates_the_one_encoded_nearest_to_the_latent_is_shown(up):
    mean = torch.tensor([0.5, -2.0])
    decoder = nn.Sequential(nn.Linear(2, 2), nn.Unflatten(1, (1, 2)))
    with torch.no_grad():
        decoder[0].weight.zero_()  # the same three are candidates everywhere
        decoder[0].bias.copy_(mean)
    latent = Single(DiagonalGaussian(2, 2), StandardNormal(2))
    vae = VAE(nn.Linear(2, 2), latent, decoder, _Undecided(0.1))
    z = vae.encode((mean + up).expand(3, 2))
    torch.testing.assert_close(vae.show(z), (mean + up).expand(3, 2))


def test_log_prob_reads_context_and_draws(conditional):
    x, context = torch.randn(4, 3), torch.eye(3)[[0, 1, 2, 0]]
    generator = torch.Generator().manual_seed(0)
    assert conditional.log_prob(x, context, draws=3, generator=generator).shape == (4,)


def test_a_context_reaches_the_decoder(conditional):
    context = torch.eye(3)
    shown = conditional.show(torch.zeros(3, 2), context)
    assert shown.argmax(1).tolist() == [0, 1, 2]
    assert conditional.sample(3, context).argmax(1).tolist() == [0, 1, 2]


def test_a_context_reaches_the_encoder(conditional):
    x = torch.zeros(2, 3)
    codes = conditional.encode(x, torch.eye(3)[:2])
    assert not torch.equal(codes[0], codes[1])


@pytest.mark.parametrize("context", [None, torch.zeros(2, 1)], ids=["missing", "too narrow"])
@pytest.mark.parametrize("use", ["encode", "decode", "show", "evidence", "sample", "generate"])
def test_a_conditional_model_insists_on_its_context(conditional, use, context):
    calls = {
        "encode": lambda: conditional.encode(torch.zeros(2, 3), context),
        "decode": lambda: conditional.decode(torch.zeros(2, 2), context),
        "show": lambda: conditional.show(torch.zeros(2, 2), context),
        "evidence": lambda: conditional.evidence(Batch(torch.zeros(2, 3), context)),
        "sample": lambda: conditional.sample(2, context),
        "generate": lambda: conditional.generate(2, context, fitted=False),
    }
    with pytest.raises(CompositionError, match=r"takes a context of size 3; got [01]"):
        calls[use]()


def test_an_unconditional_model_refuses_a_context(model):
    with pytest.raises(CompositionError, match="Leave the context out"):
        model.sample(2, torch.zeros(2, 3))


def test_sampling_from_a_fit_that_was_not_made_is_refused(model):
    with pytest.raises(CompositionError, match="call refit_prior"):
        model.generate(2, fitted=True)


def test_samples_come_from_the_fitted_prior_where_there_is_one(model):
    mixture = GaussianMixture(2, num_components=1).fit(50 + 0.1 * torch.randn(200, 2))
    model.fitted_prior = mixture
    fitted, own = (model.generate(100, fitted=f) for f in (True, False))
    torch.testing.assert_close(fitted, torch.full((100, 2), 50.0), atol=1.0, rtol=0)
    assert own.abs().max() < 10
    far = model.show(torch.full((1, 2), 50.0))
    sampled = model.sample(100, generator=torch.Generator().manual_seed(0)).mean(0)
    torch.testing.assert_close(sampled, far[0], rtol=0.05, atol=0.5)


def test_a_fitted_prior_leaves_the_score_alone(model):
    x = items(model.likelihood)
    scores = []
    for prior in (None, GaussianMixture(2, 1).fit(torch.randn(50, 2))):
        model.fitted_prior = prior
        scores.append(model.log_prob(x, draws=2, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(*scores)


def test_no_parameter_has_two_names():
    model = example_vae(prior="priors.LearnedMixture")
    named = list(model.named_parameters(remove_duplicate=False))
    assert len({id(p) for _, p in named}) == len(named)


def test_it_provides_what_its_parts_do(model):
    whole = {"density", "factorised", "normalised", "path", "pointwise", "smooth"}
    assert model.provides == whole
    model.likelihood.normalized = False
    assert "normalised" not in model.provides


@pytest.mark.parametrize("draws", [0, -1])
def test_a_score_needs_a_draw(model, draws):
    with pytest.raises(ValueError, match="draws"):
        model.log_prob(items(model.likelihood), draws=draws)


def test_the_aggregate_is_the_posterior_of_pseudo_inputs():
    """A prior made of posteriors is given the model's own q(z | x)."""
    model = example_vae()
    seen = []

    class Spy(LearnedMixture):
        def forward(self, context, aggregate):
            seen.append(aggregate(torch.ones(2, *EVENT)).mean)
            return super().forward(context, aggregate)

    model.latent = Single(DiagonalGaussian(FEATURES_DIM, 2), Spy(2, 3))
    model.evidence(Batch(items(model.likelihood)))
    assert torch.equal(seen[0], model.encode(torch.ones(2, *EVENT)))
