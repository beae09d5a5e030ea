import math
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from laws.examples import CLOCK, example, example_vae, items
from sklearn.linear_model import LogisticRegression

from vaekit import networks
from vaekit.distributions import DiagonalNormal
from vaekit.errors import CompositionError, SpecError
from vaekit.models import VAE, Model
from vaekit.objectives import (
    KL,
    CapacityKL,
    ContextCritic,
    ImportanceBound,
    Linear,
    Reconstruction,
    Sum,
    Term,
    check_composition,
    elbo,
    importance_weighted,
)
from vaekit.posteriors import Deterministic
from vaekit.types import Batch, Draw, Evidence, TrainingProgress


@dataclass(frozen=True)
class Constant(Term):
    """The same nats whatever the evidence."""

    name: ClassVar[str] = "constant"
    value: float = 3.0

    def __call__(self, evidence, model, progress):
        return torch.full((2,), self.value)


class Dream(Model):
    """A model that is no VAE and provides nothing."""

    provides = frozenset()

    def sample(self, n, context=None, *, generator=None):
        return torch.zeros(n, 1)


@pytest.fixture
def model():
    return example_vae()


@pytest.fixture
def evidence():
    """Two draws of three items, under a posterior with a KL of 0.5 * 2² for each of 2 latents."""
    q = DiagonalNormal(torch.full((3, 2), 2.0), torch.zeros(3, 2))
    p = DiagonalNormal(torch.zeros(2), torch.zeros(2), is_standard=True)
    draw = Draw(torch.randn(2, 3, 2), q, p)
    return Evidence(Batch(torch.zeros(3, 5)), draw, p, torch.arange(6.0).view(2, 3))


def update_of(objective, model, progress=CLOCK, seed=0):
    torch.manual_seed(seed)
    (update,) = objective.losses(model, Batch(items(model.likelihood)), progress)
    return update


def terms_of(objective, model, progress=CLOCK):
    return {k: v.item() for k, v in update_of(objective, model, progress).terms.items()}


def test_reconstruction_is_minus_log_px(evidence):
    assert torch.equal(Reconstruction()(evidence, None, CLOCK), -evidence.log_px)


def test_kl_is_in_closed_form_for_each_item(evidence):
    torch.testing.assert_close(KL()(evidence, None, CLOCK), torch.full((3,), 4.0))


@pytest.mark.parametrize(("capacity", "cost"), [(0.0, 4.0), (4.0, 0.0), (6.0, 2.0)])
def test_capacity_kl_is_the_distance_from_the_capacity(evidence, capacity, cost):
    term = CapacityKL(Linear(capacity, capacity))
    assert term(evidence, None, CLOCK).item() == pytest.approx(cost, abs=1e-5)


def test_the_capacity_grows_with_the_clock(evidence):
    term = CapacityKL(Linear(0.0, 4.0))
    costs = [term(evidence, None, TrainingProgress(step, 10, 1)).item() for step in (0, 5, 10)]
    assert costs == pytest.approx([4.0, 2.0, 0.0], abs=1e-5)


def test_the_bound_averages_weights_and_not_their_logs(evidence):
    got = ImportanceBound()(evidence, None, CLOCK)
    torch.testing.assert_close(got, -evidence.log_w.exp().mean(0, keepdim=True).log())


@dataclass(frozen=True)
class Weighted:
    """Evidence of which only the log weights are read."""

    log_w: torch.Tensor


def test_draws_of_no_weight_change_nothing_and_send_back_exact_zeros():
    spread = torch.linspace(-120.0, 3.0, 64).view(64, 1).requires_grad_()
    bound = ImportanceBound()(Weighted(spread), None, CLOCK).sum()
    exact = math.log(64) - torch.logsumexp(spread.detach().double(), 0).item()
    assert bound.item() == pytest.approx(exact, rel=1e-6)
    (gradient,) = torch.autograd.grad(bound, spread)
    share = -spread.detach().double().softmax(0)
    torch.testing.assert_close(gradient.double(), share, rtol=1e-5, atol=1e-8)
    assert gradient.ne(0).any()
    assert gradient[gradient != 0].abs().min() > 1e-10  # subnormal numbers would be slow


def test_the_bound_of_one_draw_is_the_elbo_with_an_estimated_kl(model):
    torch.manual_seed(0)
    evidence = model.evidence(Batch(items(model.likelihood)))
    draw = evidence.draw
    expected = (-evidence.log_px + draw.log_q - draw.log_p).mean()
    got = update_of(importance_weighted(1), model).losses["model"]
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 4.0])
def test_elbo_weighs_the_kl(model, beta):
    terms = terms_of(elbo(beta), model)
    assert terms["loss"] == pytest.approx(terms["reconstruction"] + beta * terms["kl"], rel=1e-5)


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (5, 1.0), (10, 2.0)])
def test_a_weight_may_follow_the_clock(model, step, weight):
    terms = terms_of(Sum((Linear(0.0, 2.0), Constant())), model, TrainingProgress(step, 10, 1))
    assert terms == {"loss": pytest.approx(3.0 * weight), "constant": 3.0}


def test_recorded_terms_are_unweighted_and_detached(model):
    update = update_of(Sum(Reconstruction(), (5.0, KL())), model)
    assert list(update.terms) == ["loss", "reconstruction", "kl"]
    assert not any(value.requires_grad for value in update.terms.values())
    assert update.losses["model"].requires_grad
    assert list(update.losses) == ["model"]


def test_more_draws_give_the_mean_over_draws(model):
    losses = [update_of(elbo(draws=2000), model, seed=s).losses["model"].item() for s in (0, 1)]
    single = [update_of(elbo(), model, seed=s).losses["model"].item() for s in range(30)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    spread = torch.tensor(single).std().item() / math.sqrt(30)
    assert abs(sum(single) / 30 - losses[0]) < 4 * spread + 0.05 * losses[0]


def test_a_sum_reads_like_its_formula():
    assert repr(Sum(Reconstruction(), (4.0, KL()))) == "Sum(reconstruction + 4.0 * kl)"


def test_a_sum_requires_what_its_terms_require():
    assert Sum(Reconstruction()).requires == frozenset()
    assert elbo().requires == importance_weighted().requires == {"density"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Sum, "at least one term"),
        (lambda: elbo(draws=0), "draws must be at least 1; got 0"),
        (lambda: elbo(-1.0), "beta must not be negative; got -1"),
        (lambda: importance_weighted(0), "at least 1; got 0"),
        (lambda: elbo(float("nan")), "beta"),
    ],
    ids=["no term", "no draw", "negative beta", "no k", "nan"],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(SpecError, match=message):
        make()


def test_a_sum_trains_vaes_only():
    with pytest.raises(CompositionError, match="Sum trains a VAE; got Dream"):
        next(elbo().losses(Dream(), Batch(torch.zeros(1, 1)), CLOCK))


@pytest.mark.parametrize(
    "objective", [elbo(), importance_weighted(), Sum(CapacityKL(Linear(0, 1)))]
)
def test_a_point_posterior_has_no_density_for(objective):
    model = example_vae(posterior="posteriors.Deterministic")
    with pytest.raises(CompositionError, match=r"requires \['density'\].*DiagonalGaussian"):
        check_composition(model, objective)


@pytest.mark.parametrize("posterior", ["posteriors.DiagonalGaussian", "posteriors.FullGaussian"])
def test_what_fits_is_let_through(posterior):
    check_composition(example_vae(posterior=posterior), elbo())


@pytest.mark.parametrize("need", ["factorised", "normalised", "codes"])
def test_the_missing_requirement_is_named(need):
    @dataclass(frozen=True)
    class Needy(Constant):
        requires = frozenset({need})

    with pytest.raises(CompositionError, match=rf"requires \['{need}'\].*What fits: "):
        check_composition(Dream(), Sum(Needy()))


def test_latents_hide_the_context_from_a_critic_that_learns():
    """Without the penalty a linear guess finds the label in the latents; with it, hardly."""
    scores = {}
    for weight in (0.0, 300.0):
        torch.manual_seed(0)
        label = torch.randint(2, (256,))
        context = torch.nn.functional.one_hot(label, 2).float()
        x = torch.randn(256, 4) + 3 * (2 * label - 1)[:, None]
        model = VAE(
            networks.MLPEncoder((4,), (16,)),
            example("latents.Single", posterior=Deterministic(18, 2)),
            networks.MLPDecoder(4, (16,), (1, 4)),
            example("likelihoods.Gaussian"),
            context_dim=2,
        )
        objective = ContextCritic(Sum(Reconstruction()), networks.Critic(2, (16,), 2), weight)
        check_composition(model, objective)
        steps = {
            name: torch.optim.Adam(list(group), 1e-2)
            for name, group in objective.groups(model).items()
        }
        for _ in range(150):
            for update in objective.losses(model, Batch(x, context), CLOCK):
                for name, loss in update.losses.items():
                    steps[name].zero_grad()
                    loss.backward(inputs=steps[name].param_groups[0]["params"], retain_graph=True)
                for step in steps.values():
                    step.step()
        z = model.encode(x, context).detach().numpy()
        scores[weight] = LogisticRegression().fit(z, label).score(z, label)
    assert scores[0.0] > 0.9
    assert scores[300.0] < scores[0.0] - 0.15


def test_a_context_critic_needs_a_conditional_model():
    objective = ContextCritic(elbo(), networks.Critic(2, (8,), 3), 1.0)
    with pytest.raises(CompositionError, match=r"requires \['context'\].*fit\(X, context"):
        check_composition(example_vae(), objective)
