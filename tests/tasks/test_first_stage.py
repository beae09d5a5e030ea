"""An autoencoder of diffusers as the first stage of latent diffusion."""

import numpy as np
import pytest
from networks.diffusers_folders import small_kl, small_tiny, write
from PIL import Image
from typer.testing import CliRunner

from vaekit import Autoencoder, fine_tune, load
from vaekit.cli.app import app
from vaekit.datasets import shapes
from vaekit.errors import CompositionError, FormatError, MissingExtraError, SpecError
from vaekit.likelihoods import Student
from vaekit.networks import diffusers_autoencoders
from vaekit.presets import latent_diffusion

IMAGES = shapes(40, color=True).images[:, ::2, ::2]
CAPTIONS = ["a light shape" if x.mean() > IMAGES.mean() else "a dark shape" for x in IMAGES]
SHORT = {"steps": 1, "progress": False, "seed": 0}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("first_stages")
    return {"kl": write(small_kl(), place / "kl"), "tiny": write(small_tiny(), place / "tiny")}


@pytest.fixture(scope="module")
def captioned(folders):
    model = Autoencoder("latent_diffusion", first_stage=folders["kl"], text="learned", **SHORT)
    return model.fit(IMAGES, context=CAPTIONS)


def weights(model):
    """Of the autoencoder, by their names in diffusers, as bytes."""
    own = {**model.model_.encoder.state_dict(), **model.model_.decoder.state_dict()}
    return {name: tensor.numpy().tobytes() for name, tensor in own.items()}


def bytes_of(theirs):
    return {name: tensor.numpy().tobytes() for name, tensor in theirs.state_dict().items()}


def test_the_weights_of_the_first_stage_are_never_touched(captioned):
    assert weights(captioned) == bytes_of(small_kl())


def test_the_noise_is_that_of_the_reconstructions(captioned):
    x = IMAGES / 255
    error = np.mean((captioned.reconstruct(IMAGES) / 255 - x) ** 2)
    variance = float(captioned.model_.likelihood.running_variance)
    assert 0.5 * variance < error < 2 * variance


def test_history_and_health_are_those_of_a_model_that_was_not_trained(captioned):
    (row,) = captioned.history_
    assert row["step"] == 0
    assert {"epoch", "learning_rate", "loss", "reconstruction", "kl"} <= row.keys()
    assert captioned.health_.is_given
    assert captioned.health_.warning is None


def test_captions_are_sampled_from(captioned):
    asked = {"context": "a light shape", "guidance": 2.0, "negative": "a dark shape", "steps": 2}
    assert captioned.sample(3, seed=0, **asked).shape == (3, 16, 16, 3)
    assert captioned.sample(1, init=IMAGES[:1], context="a dark shape", steps=2).dtype == np.uint8


def test_a_run_needs_the_folder_no_more(captioned, tmp_path, folders):
    captioned.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.first_stage == str(folders["kl"])
    assert weights(again) == weights(captioned)
    assert again.health_ == captioned.health_
    assert np.array_equal(again.transform(IMAGES), captioned.transform(IMAGES))
    asked = {"context": "a light shape", "seed": 1}
    assert np.array_equal(again.sample(2, **asked), captioned.sample(2, **asked))


def test_a_run_without_diffusers_names_the_extra(captioned, tmp_path, monkeypatch):
    captioned.save(tmp_path / "run")
    monkeypatch.setitem(__import__("sys").modules, "diffusers.models.autoencoders", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vaekit\[diffusers\]'"):
        load(tmp_path / "run")


def test_a_tiny_one_serves_with_labels_and_another_prior(folders):
    model = Autoencoder("latent_diffusion", first_stage=str(folders["tiny"]), **SHORT)
    model.fit(IMAGES, context=np.arange(len(IMAGES)) % 2)
    assert weights(model) == bytes_of(small_tiny())
    assert model.sample(2, context=1, seed=0).shape == (2, 16, 16, 3)
    assert np.isfinite(model.score_samples(IMAGES[:3], context=[0, 1, 0], draws=2)).all()
    spread = model.model_.encoder(model.domain_.encode(model.domain_.prepare(IMAGES[:2])))
    assert spread.chunk(2, 1)[1].unique().item() == pytest.approx(
        diffusers_autoencoders.TINY_LOG_VARIANCE
    )


def test_the_time_given_is_the_priors(folders, monkeypatch):
    from vaekit.fitting import fit

    given = []
    monkeypatch.setattr(fit, "fit_prior", lambda *args: given.append(args[4:6]) or 0.0)
    options = {"progress": False, "seed": 0, "max_minutes": 5.0}
    Autoencoder("latent_diffusion", first_stage=folders["kl"], **options).fit(IMAGES)
    ((steps, seconds),) = given
    assert steps == 12_000
    assert 200 < seconds <= 300


def test_fine_tuning_leaves_the_first_stage_as_it_was(folders, tmp_path):
    model = Autoencoder("latent_diffusion", first_stage=folders["kl"], **SHORT).fit(IMAGES)
    before = model.model_.fitted_prior.location.clone()
    tuned = fine_tune(model, IMAGES[:20], steps=1)
    assert weights(tuned) == weights(model)
    assert not np.array_equal(tuned.model_.fitted_prior.location, before)


@pytest.mark.parametrize(
    ("preset", "options", "kind", "rule"),
    [
        ("vae", {}, SpecError, "for preset 'latent_diffusion'.*got preset 'vae'"),
        ("auto", {}, SpecError, "got preset 'image_vae'"),
        (latent_diffusion(beta=2.0), {}, SpecError, "beta must be left out"),
        ("latent_diffusion", {"latent_dim": 64}, SpecError, "latent_dim must be left out"),
        ("latent_diffusion", {"network": "spatial"}, SpecError, "network must be left out"),
        ("latent_diffusion", {"network_size": "large"}, SpecError, "network_size must be left"),
        ("latent_diffusion", {"likelihood": "bernoulli"}, CompositionError, "'optimal_gaussian'"),
        ("latent_diffusion", {"likelihood": Student()}, CompositionError, "got Student"),
    ],
)
def test_options_that_do_not_go_with_it_are_refused(folders, preset, options, kind, rule):
    with pytest.raises(kind, match=rule):
        Autoencoder(preset, first_stage=folders["kl"], **options, **SHORT).fit(IMAGES)


def test_a_table_has_no_first_stage(folders):
    model = Autoencoder("latent_diffusion", first_stage=folders["kl"], domain="arrays", **SHORT)
    with pytest.raises(CompositionError, match="first_stage is for images; got ArrayDomain"):
        model.fit(np.random.default_rng(0).normal(size=(20, 4)))


@pytest.mark.parametrize(
    ("images", "rule"),
    [
        (IMAGES[..., 0], r"of shape \(1, 16, 16\).*takes 3 channels"),
        (IMAGES[:, 1:], "must be multiples of 2.*got 15 x 16"),
    ],
)
def test_images_that_do_not_fit_are_refused(folders, images, rule):
    with pytest.raises(CompositionError, match=rule):
        Autoencoder("latent_diffusion", first_stage=folders["kl"], **SHORT).fit(images)


def test_the_command_line_knows_it(folders, tmp_path):
    (tmp_path / "photos").mkdir()
    for number, (image, caption) in enumerate(zip(IMAGES, CAPTIONS, strict=True)):
        Image.fromarray(image).save(tmp_path / "photos" / f"{number:02}.png")
        (tmp_path / "photos" / f"{number:02}.txt").write_text(caption)
    options = ["--preset", "latent_diffusion", "--captions", "--steps", "1"]
    arguments = ["fit", str(tmp_path / "photos"), str(tmp_path / "run"), *options]
    runner = CliRunner()
    done = runner.invoke(
        app, [*arguments, "--first-stage", str(folders["tiny"])], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert "as it was; its prior alone was trained" in done.output
    assert weights(load(tmp_path / "run")) == bytes_of(small_tiny())
    with pytest.raises(FormatError, match="has no config.json"):
        runner.invoke(app, [*arguments, "--first-stage", str(tmp_path)], catch_exceptions=False)
