import pytest
import torch
from torch.distributions import Normal

from vaekit.errors import CompositionError
from vaekit.fitting import assemble
from vaekit.images import ImageDomain
from vaekit.likelihoods import OptimalGaussian
from vaekit.objectives import PatchAdversary, PowerSpectrum, Sum
from vaekit.presets import latent_diffusion
from vaekit.types import Batch, Evidence, TrainingProgress

CLOCK = TrainingProgress(3, 10, 100)
X = torch.rand(16, 3, 12, 10, generator=torch.Generator().manual_seed(0))


class Shown:
    """The one thing that the term asks of a model."""

    likelihood = OptimalGaussian()


def cost(made, real=X):
    evidence = Evidence(Batch(real), None, Normal(made[None], 1.0), torch.zeros(1, len(real)))
    return PowerSpectrum()(evidence, Shown(), CLOCK)


def test_equal_images_cost_nothing():
    assert cost(X) == 0


def test_brightness_is_left_to_others():
    assert cost(X + 0.2) < 1e-3


def test_the_cost_of_a_power_that_is_e_times_too_large_is_half_the_values():
    assert cost(X * torch.e**0.5).item() == pytest.approx(3 * 12 * 10 / 2, rel=1e-3)


def test_a_checkerboard_and_blur_cost():
    board = (-1.0) ** (torch.arange(12)[:, None] + torch.arange(10))
    blurred = torch.nn.functional.avg_pool2d(X, 3, 1, 1, count_include_pad=False)
    assert cost(X + 0.5 * board) > 10
    assert cost(0.9 * X) > 0.9 * 3 * 12 * 10 / 2 * (2 * 0.10536) ** 2
    assert cost(blurred) > 1


def test_detail_of_which_nothing_is_known_is_not_asked_for():
    """Such as would have to be made up."""
    low, high = torch.rand(64, 1, 3, 3), torch.rand(64, 1, 12, 12) - 0.5
    smooth = torch.nn.functional.interpolate(low, (12, 12), mode="bilinear")
    known = smooth + high
    assert cost(smooth + 1e-2 * torch.rand_like(high), known) < 0.1 * cost(
        smooth + 0.1 * high, known
    )


def test_too_much_power_costs_even_where_nothing_is_known():
    noise = torch.rand(16, 3, 12, 10, generator=torch.Generator().manual_seed(1)) - 0.5
    assert cost(X + 4 * noise) > 100


def test_colourful_noise_does_not_do_for_grey_detail():
    grey = X.mean(1, keepdim=True)
    assert cost(X - 0.9 * grey) > 10 * cost(X)
    assert cost(X - 0.9 * grey) > 100


def test_constant_images_have_a_finite_slope():
    made = torch.full_like(X, 0.5).requires_grad_()
    (slope,) = torch.autograd.grad(cost(made, torch.zeros_like(X)), made)
    assert slope.isfinite().all()


def test_a_first_call_without_gradients_does_not_spoil_later_ones():
    x = torch.rand(4, 1, 13, 11)
    with torch.inference_mode():
        cost(x, x)
    made = (0.5 * x).requires_grad_()
    assert torch.autograd.grad(cost(made, x), made)[0].any()


def test_images_are_asked_for():
    with pytest.raises(CompositionError, match=r"needs images .* got items of shape \(4,\)"):
        cost(torch.rand(3, 4), torch.rand(3, 4))


@pytest.mark.parametrize(
    ("options", "kind", "terms"),
    [({}, Sum, 3), ({"spectrum": 0.0}, Sum, 2), ({"adversarial": 0.5}, PatchAdversary, 3)],
)
def test_latent_diffusion_is_made_of_what_is_asked_for(options, kind, terms):
    images = (X.movedim(1, -1) * 255).byte().numpy()
    domain = ImageDomain().fit(images)
    rows, preset = domain.prepare(images), latent_diffusion(**options)
    latents = preset.latents_for(domain.event_shape)
    model, objective = assemble(preset, domain, rows, latents, context_dim=2)
    assert type(objective) is kind
    assert len(getattr(objective, "base", objective).terms) == terms
    batch = Batch(X, torch.eye(2).repeat(8, 1))
    (update,) = objective.losses(model, batch, TrainingProgress(60, 100, 16))
    assert all(loss.isfinite() for loss in update.losses.values())
