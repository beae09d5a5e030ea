import ast
import inspect
import json
import pickle
import textwrap

import pytest
import torch
from laws.examples import CLOCK

from vaekit import presets
from vaekit.distributions import Delta
from vaekit.domains import make_likelihood
from vaekit.errors import CompositionError, SpecError
from vaekit.likelihoods import Gaussian
from vaekit.networks import make_networks
from vaekit.objectives import check_composition
from vaekit.presets import Parts, Preset, choose_preset, get_preset, preset_names
from vaekit.registry import get
from vaekit.spec import describe
from vaekit.types import Batch, TrainingProgress

X, CONTEXT = torch.rand(6, 1, 8, 8), torch.eye(3).repeat(2, 1)
MANY = torch.rand(300, 1, 8, 8)


def parts(context_dim=3, likelihood=None, network="mlp", latents=4):
    encoder, decoder, width = make_networks(
        network, "small", (1, 8, 8), latents + context_dim, 1, context_dim
    )
    return Parts(encoder, decoder, likelihood or Gaussian(), width, latents, context_dim, MANY)


def built(name, context_dim=3):
    """A preset with the likelihood that it is meant for."""
    chosen = get_preset(name)
    likelihood = (
        None if chosen.likelihood == "auto" else make_likelihood(chosen.likelihood, (1, 8, 8))
    )
    if chosen.image_network == "spatial":
        return chosen.build(parts(context_dim, likelihood, "spatial", latents=32))
    return chosen.build(parts(context_dim, likelihood))


def terms_of(recipe, progress=CLOCK):
    torch.manual_seed(0)
    (update,) = recipe.objective.losses(recipe.model, Batch(X, CONTEXT), progress)
    return {name: value.item() for name, value in update.terms.items()}


def function_of(name):
    """The syntax tree of the function behind a preset."""
    source = textwrap.dedent(inspect.getsource(get("presets", name)().make))
    return ast.parse(source).body[0]


@pytest.fixture(params=preset_names())
def name(request):
    return request.param


def test_every_preset_builds_samples_and_can_be_trained(name):
    recipe = built(name)
    check_composition(recipe.model, recipe.objective)
    torch.manual_seed(0)
    groups = {k: list(v) for k, v in recipe.objective.groups(recipe.model).items()}
    for update in recipe.objective.losses(
        recipe.model, Batch(X, CONTEXT), TrainingProgress(0, 10, 100)
    ):
        for group, loss in update.losses.items():
            assert loss.isfinite()
            loss.backward(inputs=groups[group], retain_graph=True)
    assert recipe.model.sample(6, CONTEXT).shape == X.shape


def test_every_preset_can_be_stored(name):
    recipe = built(name)
    stored = json.dumps([describe(recipe.model), describe(recipe.objective)], allow_nan=False)
    assert "external" not in stored


def test_every_preset_has_at_most_ten_lines(name):
    body = function_of(name).body[1:]  # after the docstring
    assert body[-1].end_lineno - body[0].lineno + 1 <= 10


def test_every_preset_names_its_source(name):
    assert "Source: " in get("presets", name).__doc__


def test_every_preset_is_exported_under_its_name(name):
    assert getattr(presets, name) is get("presets", name)
    assert get("presets", name).__name__ == name == get_preset(name).name


def test_every_option_has_a_default_and_is_given_by_name(name):
    for parameter in inspect.signature(get("presets", name)).parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty


def test_a_preset_object_is_taken_as_it_is():
    chosen = presets.beta_vae(beta=2.0)
    assert get_preset(chosen) is chosen
    assert chosen == Preset("beta_vae", {"beta": 2.0})


def test_options_are_used():
    terms = [terms_of(presets.beta_vae(beta=beta).build(parts())) for beta in (0.0, 7.0)]
    for beta, term in zip((0.0, 7.0), terms, strict=True):
        assert term["loss"] == pytest.approx(term["reconstruction"] + beta * term["kl"], rel=1e-5)


def test_the_default_beta_is_four():
    term = terms_of(get_preset("beta_vae").build(parts()))
    assert term["loss"] == pytest.approx(term["reconstruction"] + 4 * term["kl"], rel=1e-5)


def test_annealing_starts_from_the_plain_autoencoder():
    recipe = presets.annealed_vae(beta=3.0, share=0.5).build(parts())
    weights = []
    for step in (0, 1, 4, 9):
        term = terms_of(recipe, CLOCK.__class__(step, 8, 1))
        weights.append((term["loss"] - term["reconstruction"]) / term["kl"])
    assert weights == pytest.approx([0.0, 0.75, 3.0, 3.0], abs=1e-3)


@pytest.mark.parametrize("k", [1, 5])
def test_iwae_draws_k_latents(k):
    assert presets.iwae(k=k).build(parts()).objective.draws == k


def test_the_plain_autoencoder_has_points_and_no_kl():
    recipe = presets.autoencoder().build(parts())
    assert isinstance(recipe.model.infer(Batch(X, CONTEXT)).q, Delta)
    assert set(terms_of(recipe)) == {"loss", "reconstruction"}


@pytest.mark.parametrize("name", ["cvae", "fader_vae"])
def test_a_conditional_preset_needs_a_context(name):
    with pytest.raises(
        CompositionError, match=rf"'{name}' must be given.*fit\(X, context=\.\.\.\)"
    ):
        get_preset(name).build(parts(context_dim=0))


@pytest.mark.parametrize("name", [n for n in preset_names() if n not in ("cvae", "fader_vae")])
def test_other_presets_need_none(name):
    model = built(name, context_dim=0).model
    assert model.sample(2).shape == (2, 1, 8, 8)


@pytest.mark.parametrize(
    ("given", "near"), [("beta-vae", "beta_vae"), ("VAe", "vae"), ("iwea", "iwae")]
)
def test_an_unknown_preset_suggests_the_near_name(given, near):
    with pytest.raises(SpecError, match=rf"unknown preset '{given}': did you mean '{near}'"):
        get_preset(given)


def test_an_unknown_option_suggests_the_near_name():
    with pytest.raises(
        SpecError, match=r"option of preset 'beta_vae' 'betta'.*did you mean 'beta'"
    ):
        choose_preset("beta_vae", {"betta": 2.0})


def test_an_option_for_a_preset_without_any_says_so():
    with pytest.raises(SpecError, match=r"Known: \(none\)"):
        choose_preset("vae", {"beta": 2.0})


@pytest.mark.parametrize("make", [lambda: presets.beta_vae(2.0), lambda: presets.vae(3)])
def test_options_by_position_are_refused(make):
    with pytest.raises(SpecError, match="must be given by name"):
        make()


def test_a_misspelt_option_is_refused_when_the_preset_is_called():
    with pytest.raises(SpecError, match="did you mean 'beta'"):
        presets.beta_vae(betta=2.0)


def test_a_preset_made_by_hand_cannot_be_built():
    with pytest.raises(SpecError, match="made without a recipe"):
        Preset("vae").build(parts())


def test_a_preset_goes_to_another_process():
    chosen = presets.beta_vae(beta=2.5)
    again = pickle.loads(pickle.dumps(chosen))
    assert (again, again.make) == (chosen, chosen.make)
