import numpy as np
import pytest
import torch
from laws.examples import example

from vaekit.errors import CompositionError, SpecError
from vaekit.fitting import NAMED_PRIORS, assemble, get_prior
from vaekit.fitting.prior import prior_after
from vaekit.images import ImageDomain
from vaekit.presets import choose_preset, get_preset
from vaekit.priors import FlowMatching, GaussianMixture

SHAPE = (4,)
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)


@pytest.mark.parametrize(
    ("items", "steps", "kind"),
    [
        (9_999, 5_000, GaussianMixture),
        (10_000, 499, GaussianMixture),
        (10_000, 500, FlowMatching),
    ],
)
def test_a_flow_is_fitted_where_items_and_training_are_worth_it(items, steps, kind):
    prior = prior_after("latent_flow", example("models.VAE"), SHAPE, items, steps)
    assert type(prior) is kind


def test_the_flow_takes_twice_the_steps_of_the_training_up_to_a_limit():
    model = example("models.VAE")
    steps = [prior_after("latent_flow", model, SHAPE, 60_000, n).steps for n in (1_000, 50_000)]
    assert steps == [2_000, 12_000]


@pytest.mark.parametrize(
    "name",
    sorted(
        {*NAMED_PRIORS} - {"codes", "latent_flow", "grid_flow", "grid_transformer", "transformer"}
    ),
)
def test_other_names_mean_the_same_after_a_training(name):
    model = example("models.VAE")
    after = prior_after(name, model, SHAPE, 60_000, 5_000)
    assert type(after) is type(get_prior(name, model, SHAPE))


def test_names_and_latents_are_checked():
    with pytest.raises(SpecError, match="did you mean 'mixture'"):
        prior_after("mixtur", example("models.VAE"), SHAPE, 100, 100)
    with pytest.raises(CompositionError, match="'codes' is for codes"):
        get_prior("codes", example("models.VAE"), SHAPE)


def test_latents_on_a_grid_always_get_a_flow():
    recipe = assemble(
        get_preset("latent_diffusion"), ImageDomain().fit(IMAGES), torch.from_numpy(IMAGES), 16
    )
    prior = prior_after("grid_flow", recipe.model, (1, 8, 8), 20, 30)
    assert (prior.grid, prior.steps, prior.latent_dim) == ((1, 4, 4), 60, 16)
    with pytest.raises(CompositionError, match="latents on a grid; this model's are a vector"):
        get_prior("grid_flow", example("models.VAE"), SHAPE)


def test_a_transformer_takes_the_place_of_the_u_net():
    preset = choose_preset("latent_diffusion", {"denoiser": "transformer"})
    assert preset.prior == "grid_transformer"
    recipe = assemble(preset, ImageDomain().fit(IMAGES), torch.from_numpy(IMAGES), 16)
    prior = prior_after(preset.prior, recipe.model, (1, 8, 8), 20, 30)
    assert (prior.grid, prior.network, prior.steps) == ((1, 4, 4), "transformer", 60)
    with pytest.raises(SpecError, match="denoiser"):
        choose_preset("latent_diffusion", {"denoiser": "mlp"})


def test_no_network_takes_more_than_twice_the_steps_of_the_training():
    recipe = assemble(get_preset("vq_vae"), ImageDomain().fit(IMAGES), torch.from_numpy(IMAGES), 16)
    for name in ("auto", "codes"):
        steps = [prior_after(name, recipe.model, (1, 8, 8), 20, n).steps for n in (30, 5_000)]
        assert steps == [60, get_prior(name, recipe.model, (1, 8, 8)).steps]
    model = example("models.VAE")
    for name in ("maf", "second_stage", "flow_matching"):
        assert prior_after(name, model, SHAPE, 60_000, 30).steps == 60
        assert (
            prior_after(name, model, SHAPE, 60_000, 5_000).steps
            == get_prior(name, model, SHAPE).steps
        )
