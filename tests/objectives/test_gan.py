import pytest
import torch
from laws.examples import CLOCK, example, example_vae

from vaekit.errors import CompositionError, SpecError
from vaekit.networks import FeatureCritic, MLPEncoder
from vaekit.objectives import Adversarial, Denoising, check_composition
from vaekit.training import Items, TrainConfig, train
from vaekit.types import Batch

X = torch.randn(6, 4)
LOSSES = ("hinge", "non_saturating", "wasserstein")


def critic(**options):
    return FeatureCritic(MLPEncoder((4,), (8,)), 8, **options)


def updates(objective, model, x=X):
    torch.manual_seed(0)
    return list(objective.losses(model, Batch(x), CLOCK))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_critic_moves_first_and_each_has_its_own_loss(loss):
    found = updates(Adversarial(critic(), loss, critic_steps=3), example("models.GAN"))
    assert [list(update.losses) for update in found] == [["critic"]] * 3 + [["model"]]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_generator_is_not_touched_by_the_critics_loss(loss):
    model = example("models.GAN")
    first, _ = updates(Adversarial(critic(), loss, gradient_penalty=1.0), model)
    first.losses["critic"].backward()
    assert all(p.grad is None for p in model.parameters())


def test_the_hinge_asks_for_a_margin_of_one_only():
    class Sure(torch.nn.Module):
        def forward(self, x, context=None):
            return torch.full((len(x), 1), 3.0) * x.mean().sign()

    objective = Adversarial(critic())
    objective.critic = Sure()
    model = example("models.GAN")
    made = model.generate(model.noise(6, X))
    assert made.mean() != 0
    x = X.abs() * -made.mean().sign()  # on the other side of what is made
    first, _ = updates(objective, model, x)
    assert first.losses["critic"].item() in (0.0, 8.0)


def test_the_slope_of_a_linear_critic_is_its_weight():
    line = torch.nn.Linear(4, 1, bias=False)

    class Line(torch.nn.Module):
        def forward(self, x, context=None):
            return line(x)

    for loss, expected in (
        ("wasserstein", (line.weight.norm() - 1) ** 2),
        ("hinge", line.weight.norm() ** 2 / 2),
    ):
        objective = Adversarial(critic(), loss, gradient_penalty=1.0)
        objective.critic = Line()
        first, _ = updates(objective, example("models.GAN"))
        torch.testing.assert_close(first.terms["steepness"], expected.detach())


def test_the_penalty_is_measured_in_validation_too():
    with torch.no_grad():
        first, _ = updates(Adversarial(critic(), gradient_penalty=1.0), example("models.GAN"))
    assert first.terms["steepness"] > 0


def test_spectral_normalization_bounds_the_slope():
    torch.manual_seed(0)
    judge = critic(spectral=True)
    for _ in range(30):  # power iterations
        judge(X)
    x, y = torch.randn(500, 4), torch.randn(500, 4)
    with torch.no_grad():
        rise = (judge.eval()(x) - judge(y)).abs().squeeze(-1)
    assert (rise <= 1.3 * (x - y).norm(dim=1)).all()  # GELU's own slope is up to 1.13


def test_a_conditional_critic_knows_the_context():
    judge = critic(context_dim=2)
    a, b = torch.eye(2)[[0] * 6], torch.eye(2)[[1] * 6]
    assert not torch.allclose(judge(X, a), judge(X, b))


def test_the_game_reaches_the_items():
    """A generator of one mean and scale finds those of the items."""
    torch.manual_seed(0)
    x = 3 + 0.5 * torch.randn(2000, 4)
    model, config = example("models.GAN"), TrainConfig(max_epochs=30, validation=0, ema=0.99)
    train(model, Adversarial(critic(spectral=True)), Items(x), config)
    made = model.sample(2000)
    assert (made.mean(0) - 3).abs().max() < 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hing"}, "hinge"),
        ({"gradient_penalty": -1.0}, "at least 0; got -1.0"),
        ({"critic_steps": 0}, "at least 1; got 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        Adversarial(critic(), **options)


def test_each_names_the_model_that_it_trains():
    with pytest.raises(CompositionError, match="a model that decodes noise"):
        check_composition(example_vae(), Adversarial(critic()))
    with pytest.raises(CompositionError, match="a model of velocities"):
        check_composition(example("models.GAN"), Denoising())


@pytest.mark.parametrize("times", ["uniform", "logit_normal"])
def test_denoising_learns_the_velocity_of_normal_items(times):
    torch.manual_seed(0)
    model = example("models.Diffusion")
    x = torch.randn(3000, 4)
    model.start_from(x)
    config = TrainConfig(max_epochs=20, learning_rate=1e-2, validation=0)
    train(model, Denoising(times), Items(x), config)
    drawn = model.sample(3000)
    assert (drawn.std(0) - 1).abs().max() < 0.15


def test_unknown_times_are_refused():
    with pytest.raises(SpecError, match="logit_normal"):
        Denoising("logit_norml")
