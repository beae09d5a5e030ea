"""The shipped checks pass for every part of ours, and find what is broken in others."""

import dataclasses

import pytest
import torch
from laws.examples import FEATURES_DIM, example, example_vae, items, likelihood_names, names
from torch import nn
from torch.distributions import Independent, Normal

from vaekit.distributions import DiagonalNormal
from vaekit.errors import CompositionError, ConformanceError
from vaekit.likelihoods import Gaussian
from vaekit.models import VAE
from vaekit.objectives import Objective, Sum, elbo
from vaekit.posteriors import Posterior
from vaekit.priors import FittedPrior, Prior
from vaekit.spec import components
from vaekit.testing import check, check_likelihood, check_objective
from vaekit.types import Batch, Update

OBJECTIVES = [name for name in names("objectives") if issubclass(components()[name], Objective)]


@pytest.mark.parametrize("name", names("posteriors") + names("priors"))
def test_our_latent_parts_pass(name):
    check(example(name))


@pytest.mark.parametrize("name", likelihood_names())
def test_our_likelihoods_pass(name):
    check_likelihood(example(name), (4,))


def test_the_energy_of_images_passes():
    check(example("likelihoods.StructuralSimilarity"))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_our_objectives_pass(name):
    objective = example(name)
    model = trained_by(objective)
    if name == "objectives.ClusterStart":
        objective.latents, objective.seen = torch.randn(20, 2), torch.tensor(20)
    context = torch.rand(16, 1) if "context" in objective.requires else None
    check_objective(objective, model, Batch(torch.randn(16, 4), context))


def trained_by(objective):
    """A model that provides what the objective requires."""
    if "generator" in objective.requires:
        return example("models.GAN")
    if "velocity" in objective.requires:
        return example("models.Diffusion")
    if "context" in objective.requires:
        encoder = example("networks.MLPEncoder", hidden=(FEATURES_DIM,))
        posterior = example("posteriors.DiagonalGaussian", features_dim=FEATURES_DIM + 1)
        latent = example("latents.Single", posterior=posterior)
        decoder = example("networks.MLPDecoder", in_dim=3)
        return VAE(encoder, latent, decoder, Gaussian(), context_dim=1)
    return example_vae(prior="priors.LearnedMixture")


class Own(Posterior):
    """Right, but for what a subclass breaks."""

    provides = frozenset({"density"})

    def __init__(self, features_dim, latent_dim):
        super().__init__(features_dim, latent_dim)
        self.head = nn.Linear(features_dim, latent_dim)

    def forward(self, h, log_joint):
        return DiagonalNormal(self.head(h), torch.zeros(len(h), self.latent_dim))


class Forgetful(Own):
    def __init__(self, features_dim, latent_dim, width=3):
        super().__init__(features_dim, latent_dim)


class Flat(Own):
    def forward(self, h, log_joint):
        return Normal(self.head(h), 1.0)


class Detached(Own):
    def forward(self, h, log_joint):
        return DiagonalNormal(self.head(h).detach(), torch.zeros(len(h), self.latent_dim))


class Random(Own):
    def forward(self, h, log_joint):
        mean = self.head(h) + torch.randn(len(h), self.latent_dim)
        return DiagonalNormal(mean, torch.zeros(len(h), self.latent_dim))


class Unscaled(Independent):
    """A density that forgets its log-determinant."""

    def log_prob(self, value):
        return super().log_prob(value) - 0.5


class WrongDensity(Own):
    def forward(self, h, log_joint):
        return Unscaled(Normal(self.head(h), 1.0), 1)


class Misspelt(Own):
    provides = frozenset({"densty"})


def test_a_right_posterior_of_ones_own_passes():
    check(Own(8, 2))


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (Forgetful, "constructor arguments"),
        (Flat, r"log q of Flat must have shape \(draws, batch\)"),
        (Detached, "gradient to the features"),
        (Random, "same at every call"),
        (WrongDensity, "must follow the density"),
        (Misspelt, "densty"),
    ],
)
def test_a_broken_posterior_is_found(broken, rule):
    with pytest.raises(ConformanceError, match=rule):
        check(broken(8, 2))


class OwnPrior(Prior):
    def forward(self, context, aggregate):
        return DiagonalNormal(torch.zeros(self.latent_dim), torch.ones(self.latent_dim))


class TooWide(OwnPrior):
    def forward(self, context, aggregate):
        return DiagonalNormal(torch.zeros(3), torch.zeros(3))


class Unseeded(FittedPrior):
    def __init__(self, latent_dim):
        super().__init__(latent_dim)
        self.register_buffer("mean", torch.zeros(latent_dim))

    def fit(self, u, context=None, *, generator=None):
        self.mean.copy_(u.mean(0) + torch.randn(self.latent_dim))
        return self

    def forward(self, context, aggregate):
        return DiagonalNormal(self.mean, torch.zeros(self.latent_dim))


@pytest.mark.parametrize(
    ("broken", "rule"), [(TooWide, r"shape \(n, latent\)"), (Unseeded, "same for the same")]
)
def test_a_broken_prior_is_found(broken, rule):
    with pytest.raises(ConformanceError, match=rule):
        check(broken(2))


def test_a_right_prior_of_ones_own_passes():
    check(OwnPrior(2))


class Averaging(Gaussian):
    def log_prob(self, px, batch):
        return super().log_prob(px, batch).mean(1, keepdim=True).expand(-1, len(batch.x))


class Reading(Gaussian):
    def log_prob(self, px, batch):
        return px.log_prob(batch.x.nan_to_num()).flatten(2).sum(-1)


@pytest.mark.parametrize(("broken", "rule"), [(Averaging, "on its own"), (Reading, "missing")])
def test_a_broken_likelihood_is_found(broken, rule):
    with pytest.raises(ConformanceError, match=rule):
        check(broken(1.0))


class Left(Sum):
    def groups(self, model):
        return {"model": list(model.encoder.parameters())}


class Twice(Sum):
    def groups(self, model):
        return {"model": list(model.parameters()), "again": list(model.encoder.parameters())}


class Blind(Sum):
    def losses(self, model, batch, progress):
        for update in super().losses(model, batch, progress):
            constant = update.losses["model"].detach() + 0 * sum(
                p.sum() for p in model.parameters()
            )
            yield Update({"model": constant}, update.terms)


@pytest.mark.parametrize(
    ("broken", "rule"), [(Left, "left out"), (Twice, "two groups"), (Blind, "gradient")]
)
def test_a_broken_objective_is_found(broken, rule):
    model = example_vae()
    with pytest.raises(ConformanceError, match=rule):
        check_objective(broken(*elbo().terms), model, Batch(items(model.likelihood)))


def test_an_objective_that_does_not_fit_names_both():
    model = example_vae(posterior="posteriors.Deterministic")
    with pytest.raises(CompositionError, match="density"):
        check_objective(elbo(), model, Batch(items(model.likelihood)))


def test_something_else_is_refused():
    with pytest.raises(ConformanceError, match="got TrainingProgress"):
        check(dataclasses.replace(__import__("vaekit.types").types.TrainingProgress(0, 1, 1)))
