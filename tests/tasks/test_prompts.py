"""Samples made to order: prompts, guidance, items to begin from, masks, codes one by one."""

import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

from vaekit import Autoencoder, load
from vaekit.cli.app import app
from vaekit.errors import DataError, SpecError

RNG = np.random.default_rng(0)
SHADES = {"dark": 40, "bright": 215}
NAMES = [list(SHADES)[i % 2] for i in range(80)]
CAPTIONS = [
    [f"a {name} square", f"{name} paper"] if place % 3 else name for place, name in enumerate(NAMES)
]


def squares():
    noise = RNG.integers(-20, 20, (80, 8, 8))
    return (np.array([SHADES[name] for name in NAMES])[:, None, None] + noise).astype(np.uint8)


IMAGES = squares()
FEW = {"seed": 0, "progress": False}


def fit(preset, context=CAPTIONS, **options):
    chosen = {"text": "learned", "steps": 60, "validation": 0.0, "learning_rate": 3e-3} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Autoencoder(preset, **FEW, **chosen).fit(IMAGES, context=context)


@pytest.fixture(scope="module")
def flow():
    return fit("flow_matching")


@pytest.fixture(scope="module")
def latent():
    return fit("latent_diffusion", steps=10)


@pytest.fixture(scope="module")
def conditioning():
    from vaekit.presets import vq_transformer

    return fit(vq_transformer(num_codes=8), steps=20)


@pytest.fixture(
    scope="module",
    params=[
        "flow",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("latent", "conditioning")),
    ],
)
def model(request):
    return request.getfixturevalue(request.param)


def brightness(images):
    return float(np.asarray(images, dtype=float).mean())


def test_what_was_asked_for_is_made(model):
    dark = model.sample(12, context="a dark square", seed=1)
    bright = model.sample(12, context="a bright square", seed=1)
    assert brightness(bright) > brightness(dark) + 40


def test_guidance_goes_further(flow):
    def gap(guidance):
        parts = [flow.sample(12, context=name, seed=1, guidance=guidance) for name in SHADES]
        return brightness(parts[1]) - brightness(parts[0])

    assert gap(0.0) == pytest.approx(0, abs=5)  # nothing of what was asked for
    assert gap(2.0) > gap(0.5) > 5


def test_a_negative_is_gone_away_from(flow):
    away = flow.sample(12, seed=1, context="square", negative="a bright square", guidance=2.0)
    assert brightness(away) < brightness(flow.sample(12, seed=1, context="square", negative="dark"))


def test_seeds_give_the_same_again_and_runs_load(model, tmp_path):
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    options = {"context": ["dark", "bright"], "seed": 3, "guidance": 2.0}
    assert np.array_equal(model.sample(2, **options), again.sample(2, **options))
    assert model.sample(3, seed=0).shape == (3, 8, 8)  # without a prompt


def test_what_a_mask_leaves_out_stays(model):
    mask = np.zeros((8, 8))
    mask[4:] = 1
    made = model.sample(3, context="dark", init=IMAGES[:3], mask=mask, seed=0)
    assert np.array_equal(made[:, :4], IMAGES[:3, :4])
    assert not np.array_equal(made[:, 4:], IMAGES[:3, 4:])


def test_strength_says_how_much_is_made_anew(flow):
    def change(strength):
        made = flow.sample(20, context="bright", init=IMAGES[:20], strength=strength, seed=0)
        return np.abs(made.astype(float) - IMAGES[:20]).mean()

    assert change(0.0) < change(0.4) < change(1.0)


@pytest.mark.parametrize(
    "preset", ["flow_matching", pytest.param("vq_transformer", marks=pytest.mark.slow)]
)
def test_every_caption_of_an_item_is_learned_from(preset):
    from vaekit.presets import vq_transformer

    several = [["a square", name] for name in NAMES]  # the first says nothing
    chosen = vq_transformer(num_codes=8) if preset == "vq_transformer" else preset
    model = fit(chosen, several, steps=60 if preset == "flow_matching" else 20)
    dark, bright = (model.sample(12, context=name, seed=1) for name in SHADES)
    assert brightness(bright) > brightness(dark) + 40


@pytest.mark.slow
def test_a_transformer_in_place_of_the_u_net_does_what_is_asked(tmp_path):
    from vaekit.presets import latent_diffusion

    made = fit(latent_diffusion(denoiser="transformer"), steps=10)
    dark, bright = (made.sample(12, context=name, seed=1) for name in SHADES)
    assert brightness(bright) > brightness(dark) + 40
    made.save(tmp_path / "run")
    assert np.array_equal(load(tmp_path / "run").sample(2, "dark", 0), made.sample(2, "dark", 0))


def test_from_one_prompt_to_another(model):
    ways = model.interpolate_prompts(["dark"] * 6, ["bright"] * 6, steps=3, seed=1)
    assert ways.shape == (6, 3, 8, 8)
    begin, middle, end = (brightness(ways[:, place]) for place in range(3))
    assert begin + 20 < end
    assert begin - 5 < middle < end + 5
    assert np.array_equal(ways, model.interpolate_prompts(["dark"] * 6, ["bright"] * 6, 3, 1))
    assert model.interpolate_prompts("dark", "bright", steps=2, seed=0).shape == (1, 2, 8, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"b": ["bright"] * 2}, "as many; got 1 and 2"),
        ({"steps": 1}, "from 2 to"),
        ({"steps": 2.5}, "from 2 to"),
    ],
)
def test_ways_that_cannot_be_are_refused(flow, options, message):
    with pytest.raises((DataError, SpecError), match=message):
        flow.interpolate_prompts(**{"a": "dark", "b": "bright"} | options)


def test_one_image_to_begin_from_needs_no_axis_of_items(flow):
    one = flow.sample(2, context="dark", init=IMAGES[0], seed=0)
    assert np.array_equal(one, flow.sample(2, context="dark", init=IMAGES[:1], seed=0))


@pytest.mark.slow
def test_solvers_and_steps_are_chosen(latent):
    made = {
        solver: latent.sample(4, context="dark", seed=0, solver=solver, steps=10)
        for solver in ("ddim", "heun", "dpm++2m", "rk4")
    }
    assert np.abs(made["heun"].astype(float) - made["rk4"]).mean() < 5
    assert not np.array_equal(made["ddim"], made["rk4"])


@pytest.mark.slow
def test_codes_are_drawn_as_is_asked(conditioning):
    greedy = [conditioning.sample(6, context="dark", seed=seed, top_k=1) for seed in (0, 1)]
    assert np.array_equal(*greedy)
    assert np.array_equal(conditioning.sample(6, context="dark", seed=0, top_p=1e-6), greedy[0])
    best = conditioning.sample(6, context="dark", seed=0, rerank=4)
    assert best.shape == (6, 8, 8)
    with pytest.raises(SpecError, match="rerank needs a context for each item"):
        conditioning.sample(2, seed=0, rerank=4)
    with pytest.raises(SpecError, match="init must come with a mask"):
        conditioning.sample(2, context="dark", init=IMAGES[:2], strength=0.5)


@pytest.mark.parametrize("preset", ["vae", "gan"])
def test_of_several_candidates_the_one_that_fits_is_kept(preset, tmp_path):
    model = fit(preset, steps=8)
    plain, best = (model.sample(20, context="bright", seed=0, rerank=k) for k in (1, 6))
    scorer, context = model.model_.scorer, model.trained_.rows("bright", 20)
    encode, prepare = model.domain_.encode, model.domain_.prepare
    scores = [scorer(encode(prepare(made)), context).mean() for made in (plain, best)]
    assert scores[1] > scores[0]
    with pytest.raises(SpecError, match="rerank needs a context for each item"):
        model.sample(2, seed=0, rerank=2)
    model.save(tmp_path / "run")
    again = load(tmp_path / "run").sample(20, context="bright", seed=0, rerank=6)
    assert np.array_equal(best, again)


def test_candidates_are_weighed_item_by_item(flow):
    made = flow.sample(4, context=["dark", "bright"] * 2, seed=0, rerank=3)
    assert brightness(made[1::2]) > brightness(made[::2]) + 40
    crowd = flow.sample(1, "dark", 0, steps=1, rerank=300)  # more than are drawn at once
    assert crowd.shape == (1, 8, 8)
    keep = {"init": IMAGES[:1], "mask": np.zeros((8, 8))}
    kept = flow.sample(2, ["dark", "bright"], 0, rerank=2, **keep)
    assert np.array_equal(kept, np.repeat(IMAGES[:1], 2, 0))


def test_a_training_that_goes_on_keeps_what_its_scorer_learned(tmp_path):
    options = {"checkpoint_dir": tmp_path / "run", "checkpoint_seconds": 0.0, "steps": 4}
    first = fit("gan", **options)
    assert (tmp_path / "run" / "checkpoint.safetensors").is_file()
    again = fit("gan", **options, resume=True)
    weights = [model.model_.scorer.state_dict() for model in (first, again)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
    assert (weights[0]["tags"][:, 0] > 0).any()


def test_a_vae_of_captions_draws_latents_from_a_flow_that_reads_them():
    model = fit("vae", steps=20)
    assert model.trained_.vae.fitted_prior.reads_rows
    dark, bright = (model.sample(12, context=name, seed=1, guidance=1.5) for name in SHADES)
    assert brightness(bright) > brightness(dark) + 40


def test_a_scorer_is_for_captions_alone():
    model = fit("gan", LABELS, text=None, steps=2)
    assert model.model_.scorer is None
    with pytest.raises(SpecError, match="rerank must be left out of a GAN"):
        model.sample(2, context="no", rerank=2)


LABELS = [["no", "yes"][i % 2] for i in range(80)]


def test_labels_can_be_guided_as_well():
    model = fit("flow_matching", LABELS, text=None)
    no, yes = (model.sample(12, context=label, seed=1, guidance=2.0) for label in ("no", "yes"))
    assert brightness(yes) > brightness(no) + 20
    assert model.sample(2, seed=0).shape == (2, 8, 8)
    way = model.interpolate_prompts("no", "yes", steps=2, seed=1)
    assert brightness(way[:, 1]) > brightness(way[:, 0])


@pytest.mark.parametrize("preset", ["vae", "gan", "diffusion", "image_vae"])
def test_other_models_take_captions_as_well(preset):
    model = fit(preset, steps=10)
    assert model.sample(2, context=["dark", "bright"], seed=0).shape == (2, 8, 8)
    if preset != "gan" and preset != "diffusion":
        assert model.transform(IMAGES[:3], CAPTIONS[:3]).shape[0] == 3
        assert model.transform(IMAGES[:3]).shape[0] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guidance": -1}, "guidance must be a number from 0 to 100; got -1"),
        ({"guidance": float("nan")}, "guidance must be a number"),
        ({"steps": 0}, "steps must be a whole number from 1 to 10000; got 0"),
        ({"solver": "dpm"}, "unknown solver 'dpm'"),
        ({"strength": 2, "init": IMAGES[:1]}, "strength must be a number from 0 to 1; got 2"),
        ({"strength": 0.5}, "strength and mask need items to begin from"),
        ({"mask": np.ones((8, 8))}, "a mask needs items to begin from; pass init="),
        ({"top_k": 3}, "top_k must be left out of diffusion models"),
    ],
)
def test_options_out_of_their_range_are_refused(flow, options, message):
    with pytest.raises(SpecError, match=message):
        flow.sample(2, context="dark", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"mask": np.ones((4, 8)), "init": IMAGES[:1]},
            r"height and width of the images, \(8, 8\); got shape \(4, 8\)",
        ),
        ({"init": IMAGES[:3]}, "init must be one, or one for each of 2 samples; got 3"),
        ({"context": [1, 2]}, "captions must be texts"),
    ],
)
def test_items_that_do_not_fit_are_refused(flow, options, message):
    with pytest.raises(DataError, match=message):
        flow.sample(2, **{"context": "dark", **options})


def test_guidance_needs_a_training_that_left_some_untold():
    model = fit("flow_matching", steps=2, context_dropout=0.0)
    with pytest.raises(SpecError, match="fitted with context_dropout=0. Fit it with"):
        model.sample(2, context="dark", guidance=2.0)
    with pytest.raises(DataError, match="pass context= with captions"):
        model.sample(2)
    with pytest.raises(SpecError, match="guidance must be left out of a prior of kind"):
        fit("vae", LABELS, text=None, steps=2).sample(2, context="no", guidance=2.0)


def test_guidance_of_a_model_without_a_context_is_refused():
    model = fit("flow_matching", None, text=None, steps=2)
    with pytest.raises(SpecError, match="guidance must be left out of a model without a context"):
        model.sample(2, guidance=3.0)
    with pytest.raises(SpecError, match="needs a model with one"):
        model.interpolate_prompts("a", "b")


def test_a_text_without_captions_is_refused():
    with pytest.raises(SpecError, match="text='learned' needs captions"):
        Autoencoder("vae", text="learned", steps=1, **FEW).fit(IMAGES)


def command(*arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    return result.exit_code, " ".join(result.output.split())


def test_from_a_folder_of_captioned_pictures_to_a_prompt(tmp_path):
    from PIL import Image

    for place, image in enumerate(IMAGES[:40]):
        Image.fromarray(image).save(tmp_path / f"{place:02}.png")
        (tmp_path / f"{place:02}.txt").write_text(NAMES[place])
    run, out = tmp_path / "run", tmp_path / "made.npz"
    code, text = command(
        *("fit", tmp_path, run, "--captions", "--preset", "flow_matching", "--steps", 30),
        *("--validation", 0, "--learning-rate", 3e-3),
    )
    assert code == 0, text
    prompts = ("--prompt", "dark", "--prompt", "bright")
    code, text = command("sample", run, *prompts, "-n", 5, "--guidance", 2, "--out", out)
    assert code == 0, text
    with np.load(out) as stored:
        made = stored[stored.files[0]]
    assert made.shape == (10, 8, 8)
    assert brightness(made[5:]) > brightness(made[:5])
    edited = tmp_path / "edited.png"
    code, text = command("edit", run, tmp_path / "00.png", "--prompt", "bright", "--out", edited)
    assert code == 0, text
    assert edited.is_file()
    way = tmp_path / "way.npz"
    ends = ("--prompt", "dark", "--prompt", "bright")
    code, text = command("interpolate", run, *ends, "--pairs", 2, "--steps", 3, "--out", way)
    assert code == 0, text
    with np.load(way) as stored:
        assert stored[stored.files[0]].shape == (2, 3, 8, 8)
    result = CliRunner().invoke(app, ["interpolate", str(run), "--prompt", "dark"])
    assert "given twice" in str(result.exception)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prompt", "dark"], r"this one was trained with labels \['no', 'yes'\]"),
        (["--prompt", "a", "--context", "no"], "--prompt and --context must not be given together"),
    ],
)
def test_a_prompt_is_for_models_of_captions(tmp_path, options, message):
    fit("vae", LABELS, text=None, steps=2).save(tmp_path / "labels")
    result = CliRunner().invoke(app, ["sample", str(tmp_path / "labels"), *options])
    with pytest.raises(SpecError, match=message):
        raise result.exception
