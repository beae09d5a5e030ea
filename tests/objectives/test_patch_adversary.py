import pytest
import torch

from vaekit.domains import ArrayDomain
from vaekit.errors import CompositionError, SpecError
from vaekit.fitting import assemble
from vaekit.images import ImageDomain
from vaekit.likelihoods import Categorical
from vaekit.networks import PatchCritic
from vaekit.objectives import PatchAdversary, elbo
from vaekit.presets import image_vae
from vaekit.types import Batch, TrainingProgress

X = torch.rand(6, 1, 12, 12, generator=torch.Generator().manual_seed(0))
EARLY, LATE = TrainingProgress(0, 100, 6), TrainingProgress(60, 100, 6)


def recipe(**options):
    domain = ImageDomain().fit(X.numpy())
    rows = domain.prepare(X.numpy())
    return assemble(image_vae(**options), domain, rows, 3)


def update(objective, model, progress):
    torch.manual_seed(0)
    (found,) = objective.losses(model, Batch(X), progress)
    return found


def slopes(loss, model):
    wanted = [p for p in model.decoder.parameters() if p.dim() > 1]
    return torch.autograd.grad(loss, wanted, retain_graph=True)


def test_before_its_start_it_is_the_bound():
    model, objective = recipe(start=0.5)
    early = update(objective, model, EARLY)
    assert list(early.losses) == ["model"]
    torch.testing.assert_close(early.losses["model"], update(elbo(), model, EARLY).losses["model"])


def test_once_joined_both_sides_move():
    model, objective = recipe(start=0.5)
    late = update(objective, model, LATE)
    assert list(late.losses) == ["model", "critic"]
    assert {"fooling", "critic"} <= late.terms.keys()
    late.losses["critic"].backward()
    assert all(p.grad is None for p in model.parameters())
    assert all(p.grad is not None for p in objective.critic.parameters())


def test_the_critics_pull_is_its_weight_in_pulls_of_the_reconstruction():
    """Measured where it is promised: at the decoder's output."""
    model, objective = recipe(adversarial=0.5, beta=0.0, start=0.0)
    features = []
    model.decoder.register_forward_hook(lambda *found: features.append(found[-1]))
    alone = update(elbo(0.0), model, LATE).losses["model"]
    (reconstruction,) = torch.autograd.grad(alone, features[-1])
    both = update(objective, model, LATE).losses["model"]
    (total,) = torch.autograd.grad(both, features[-1])
    pull = (total - reconstruction).norm()
    torch.testing.assert_close(pull, 0.5 * reconstruction.norm(), rtol=1e-3, atol=0.0)


def test_the_pull_leads_where_the_critic_is_fooled():
    model, objective = recipe(adversarial=0.5, beta=0.0, start=0.0)
    before = update(objective, model, LATE)
    torch.manual_seed(0)
    alone = slopes(update(elbo(0.0), model, LATE).losses["model"], model)
    both = slopes(before.losses["model"], model)
    with torch.no_grad():
        matrices = [p for p in model.decoder.parameters() if p.dim() > 1]
        for p, with_critic, without in zip(matrices, both, alone, strict=True):
            p -= 1e-4 * (with_critic - without)
    objective.eval()  # the power iteration stands still
    model.train()
    after = update(objective, model, LATE)
    assert after.terms["fooling"] < before.terms["fooling"]


def test_validation_needs_no_gradients():
    model, objective = recipe(start=0.0)
    with torch.no_grad():
        assert "critic" in update(objective, model, LATE).terms


def test_the_last_weights_are_kept():
    assert not recipe()[1].is_checkpointable


def test_a_likelihood_that_jumps_is_refused():
    model, objective = recipe()
    model.likelihood = Categorical(4)
    model.decoder = torch.nn.Sequential(
        torch.nn.Linear(3, 4 * 144), torch.nn.Unflatten(1, (4, 1, 12, 12))
    )
    with pytest.raises(CompositionError, match="moves smoothly"):
        list(objective.losses(model, Batch((X * 3).floor()), EARLY))


def test_images_are_asked_for():
    table = torch.rand(20, 5).numpy()
    domain = ArrayDomain().fit(table)
    with pytest.raises(CompositionError, match=r"needs images .* got items of shape \(5,\)"):
        assemble(image_vae(), domain, domain.prepare(table), 3, likelihood="gaussian")


def test_a_critic_may_rest():
    """It judges at one step in three, and the others are the bound."""
    model, _ = recipe()
    objective = PatchAdversary(elbo(), PatchCritic(1), start=0.0, every=3)
    steps = [update(objective, model, TrainingProgress(60 + i, 100, 6)) for i in range(4)]
    assert ["critic" in step.losses for step in steps] == [True, False, False, True]


def test_a_critic_may_judge_a_window():
    """Its shape is the window's, and its pull reaches that part of the image alone."""
    seen = []

    class Watched(PatchCritic):
        def forward(self, x):
            seen.append(tuple(x.shape[-2:]))
            return super().forward(x)

    model, _ = recipe()
    update(PatchAdversary(elbo(), Watched(1), start=0.0, window=8), model, LATE)
    assert seen == [(8, 8)] * 2
    update(PatchAdversary(elbo(), Watched(1), start=0.0, window=12), model, LATE)
    assert seen[2:] == [(12, 12)] * 2  # no larger than the image


def test_of_large_images_it_judges_less():
    large = torch.rand(6, 3, 50, 48).numpy()
    domain = ImageDomain().fit(large)
    _, objective = assemble(image_vae(), domain, domain.prepare(large), 3)
    assert (objective.every, objective.window) == (2, 32)
    assert (recipe()[1].every, recipe()[1].window) == (1, 0)
    assert image_vae().training_for(100, (3, 50, 48))["batch_size"] == 32
    assert "batch_size" not in image_vae().training_for(100, (1, 28, 28))


@pytest.mark.parametrize(
    "options", [{"weight": -1.0}, {"start": 1.0}, {"start": -0.1}, {"every": 0}, {"window": -1}]
)
def test_impossible_options(options):
    with pytest.raises(SpecError):
        PatchAdversary(elbo(), PatchCritic(1), **options)
