"""Models in the form of diffusers."""

import json

import diffusers
import numpy as np
import pytest
import torch
from networks.diffusers_folders import small_kl, small_tiny, write
from typer.testing import CliRunner

from vaekit import Autoencoder, load
from vaekit.cli.app import app
from vaekit.datasets import shapes
from vaekit.errors import CompositionError, MissingExtraError, NotFittedError, SaveError, SpecError
from vaekit.exports import diffusers as exporting

IMAGES = shapes(40, color=True).images[:, ::2, ::2]
SHORT = {"steps": 1, "progress": False, "seed": 0}
FILES = {"config.json", "diffusion_pytorch_model.safetensors", "vaekit_export.json"}


@pytest.fixture(scope="module")
def own():
    """A model with the architecture of diffusers, trained here."""
    model = Autoencoder("latent_diffusion", network="autoencoder_kl", **{**SHORT, "steps": 3})
    return model.fit(IMAGES)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Models whose first stage came from diffusers."""
    place = tmp_path_factory.mktemp("given")
    return {
        theirs.__class__.__name__: Autoencoder(
            "latent_diffusion", first_stage=write(theirs, place / str(number)), **SHORT
        ).fit(IMAGES)
        for number, theirs in enumerate((small_kl(scaling_factor=0.5), small_tiny()))
    }


@torch.no_grad()
def check_parity(model, theirs):
    x = model.domain_.encode(model.domain_.prepare(IMAGES[:3]))
    means, log_variances = model.model_.encoder(x).chunk(2, 1)
    coded = theirs.eval().encode(2 * x - 1)
    if hasattr(coded, "latents"):
        found = coded.latents
    else:
        found = coded.latent_dist.mean
        logvar = coded.latent_dist.logvar.flatten(1)
        torch.testing.assert_close(log_variances, logvar, atol=1e-5, rtol=0)
    torch.testing.assert_close(means, found.flatten(1), atol=1e-5, rtol=0)
    np.testing.assert_allclose(model.transform(IMAGES[:3]), found.flatten(1), atol=1e-5)
    images = (theirs.decode(found).sample + 1) / 2
    torch.testing.assert_close(model.model_.show(means), images, atol=1e-5, rtol=0)


def test_a_model_trained_here_is_the_same_in_diffusers(own, tmp_path):
    report = own.export(tmp_path / "out", to="diffusers")
    assert report.largest_difference <= 1e-5
    assert report.model == "AutoencoderKL"
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES
    check_parity(own, diffusers.AutoencoderKL.from_pretrained(tmp_path / "out"))


def test_an_export_leaves_the_global_stream_alone_and_the_model_as_it_was(own, tmp_path):
    state, before = torch.get_rng_state(), own.transform(IMAGES[:2])
    own.export(tmp_path / "out", to="diffusers")
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(own.transform(IMAGES[:2]), before)


def test_a_model_that_was_saved_and_loaded_is_exported_alike(own, tmp_path):
    own.save(tmp_path / "run")
    load(tmp_path / "run").export(tmp_path / "a", "diffusers")
    own.export(tmp_path / "b", "diffusers")
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_latents_scaled_as_the_config_says_have_unit_variance(own, tmp_path):
    own.export(tmp_path / "out", "diffusers")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    scaled = config["scaling_factor"] * own.transform(IMAGES)
    assert 0.7 < scaled.std() < 1.3


@pytest.mark.parametrize("kind", ["AutoencoderKL", "AutoencoderTiny"])
def test_a_first_stage_of_diffusers_goes_back_there(given, kind, tmp_path):
    model = given[kind]
    assert model.export(tmp_path / "out", to="diffusers").model == kind
    theirs = getattr(diffusers, kind).from_pretrained(tmp_path / "out")
    check_parity(model, theirs)
    first = json.loads((model.first_stage / "config.json").read_text())
    now = json.loads((tmp_path / "out" / "config.json").read_text())
    of_size = {"sample_size", "_diffusers_version"}
    assert {k: v for k, v in now.items() if first[k] != v}.keys() <= of_size


def test_what_was_exported_is_read_as_a_first_stage(own, tmp_path):
    own.export(tmp_path / "out", "diffusers")
    again = Autoencoder("latent_diffusion", first_stage=tmp_path / "out", **SHORT).fit(IMAGES)
    np.testing.assert_allclose(again.transform(IMAGES), own.transform(IMAGES), atol=1e-5)


def test_only_an_export_is_replaced(own, tmp_path):
    (tmp_path / "empty").mkdir()
    own.export(tmp_path / "empty", "diffusers")
    own.export(tmp_path / "empty", "diffusers")
    write(small_kl(), tmp_path / "theirs")
    own.save(tmp_path / "run")
    (tmp_path / "file").write_text("mine")
    own.export(tmp_path / "more", "diffusers")
    (tmp_path / "more" / "notes.txt").write_text("mine")
    for name in ("theirs", "run", "file", "more"):
        with pytest.raises(SaveError, match="must be a new folder, or one that an export wrote"):
            own.export(tmp_path / name, "diffusers")
    assert (tmp_path / "more" / "notes.txt").read_text() == "mine"


def test_what_differs_is_not_written(own, tmp_path, monkeypatch):
    own.export(tmp_path / "out", "diffusers")
    before = {f.name: f.read_bytes() for f in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(SaveError, match="must make of the exported model what vaekit does"):
        own.export(tmp_path / "out", "diffusers")
    with pytest.raises(SaveError, match="Nothing was written"):
        own.export(tmp_path / "new", "diffusers")
    assert {f.name: f.read_bytes() for f in (tmp_path / "out").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def short(preset, **options):
    return Autoencoder(preset, **options, **SHORT).fit(IMAGES)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: short("latent_diffusion"), "networks of diffusers; this model's are Chain"),
        (lambda: short("vae", latent_dim=4), "network='autoencoder_kl' or with a first_stage"),
        (lambda: short("diffusion"), "this model's are Diffusion"),
        (
            lambda: short("latent_diffusion", network="autoencoder_kl", likelihood="bernoulli"),
            "this model's is Bernoulli. Fit with likelihood='optimal_gaussian'",
        ),
    ],
)
def test_models_of_another_kind_are_refused(make, rule, tmp_path):
    with pytest.raises(CompositionError, match=rule):
        make().export(tmp_path / "out", "diffusers")
    assert not (tmp_path / "out").exists()


def test_bad_calls_are_refused(own, tmp_path, monkeypatch):
    with pytest.raises(SpecError, match="unknown form to export to 'diffuser': did you mean"):
        own.export(tmp_path / "out", "diffuser")
    with pytest.raises(NotFittedError, match="before export"):
        Autoencoder().export(tmp_path / "out", "diffusers")
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vaekit\[diffusers\]'"):
        own.export(tmp_path / "out", "diffusers")


def test_the_command_says_the_largest_difference(own, tmp_path):
    own.save(tmp_path / "run")
    arguments = ["export", str(tmp_path / "run"), str(tmp_path / "out"), "--to", "diffusers"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "holds AutoencoderKL of diffusers; the largest difference" in " ".join(
        done.output.split()
    )
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES
