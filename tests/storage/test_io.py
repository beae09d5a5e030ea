"""Run folders: byte-stable, atomic, and safe to open whoever wrote them."""

import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from json_files import edit
from safetensors.torch import load_file, save_file
from torch import nn

from vaekit import Autoencoder, load, presets
from vaekit.errors import FormatError, SaveError, SpecError, VaekitError
from vaekit.likelihoods import LearnedGaussian

FILES = ("model.json", "model.safetensors", "domain.json", "train.json", "history.csv")


def test_saving_loading_saving_gives_the_same_bytes(run, tmp_path):
    load(run).save(tmp_path / "again")
    for name in FILES:
        assert (run / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_loaded_model_does_what_the_saved_one_did(run, fitted):
    x = np.random.default_rng(1).normal(size=(7, 5))
    loaded = load(run)
    assert np.array_equal(loaded.transform(x), fitted.transform(x))
    assert np.array_equal(loaded.sample(5, seed=3), fitted.sample(5, seed=3))
    assert np.array_equal(loaded.score_samples(x), fitted.score_samples(x))
    assert loaded.history_ == fitted.history_
    assert loaded.health_ == fitted.health_
    assert loaded.get_params() == fitted.get_params()


def test_options_that_are_objects_survive(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 5))
    model = Autoencoder(
        presets.beta_vae(beta=0.5),
        latent_dim=np.int64(2),
        likelihood=LearnedGaussian((5,), initial_scale=0.7),
        max_epochs=1,
        progress=False,
    ).fit(x, context=["a", "b"] * 30)
    model.save(tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert loaded.preset == presets.beta_vae(beta=0.5)
    assert loaded.likelihood.initial_scale == 0.7
    assert np.array_equal(loaded.sample(4, "b", seed=0), model.sample(4, "b", seed=0))


def test_own_modules_must_be_handed_in(tmp_path):
    def encoder():
        return nn.Sequential(nn.Linear(5, 8), nn.Tanh())

    x = np.random.default_rng(0).normal(size=(60, 5))
    model = Autoencoder(latent_dim=2, encoder=encoder(), max_epochs=1, progress=False).fit(x)
    model.save(tmp_path / "run")
    with pytest.raises(SpecError, match=r"components=\{'encoder': YourModule"):
        load(tmp_path / "run")
    loaded = load(tmp_path / "run", components={"encoder": encoder})
    assert np.array_equal(loaded.transform(x), model.transform(x))
    with pytest.raises(FormatError, match="must fit model.json"):
        load(tmp_path / "run", components={"encoder": nn.Linear(5, 9)})


def test_two_own_modules_of_one_class_are_told_apart_by_their_places(tmp_path):
    encoder, decoder = nn.Linear(5, 8), nn.Linear(2, 5)
    x = np.random.default_rng(0).normal(size=(60, 5))
    options = {"latent_dim": 2, "max_epochs": 1, "progress": False}
    model = Autoencoder(encoder=encoder, decoder=decoder, **options).fit(x)
    model.save(tmp_path / "run")
    own = {"encoder": nn.Linear(5, 8), "decoder.links.0": nn.Linear(2, 5)}
    loaded = load(tmp_path / "run", components=own)
    assert np.array_equal(loaded.reconstruct(x), model.reconstruct(x))


@pytest.mark.parametrize("name", FILES[:-1])
@pytest.mark.parametrize("keep", [0, 0.5, None])
def test_truncated_and_missing_files_are_refused(run, name, keep):
    path = run / name
    content = path.read_bytes()
    path.unlink()
    if keep is not None:
        path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(FormatError, match=name):
        load(run)


def test_missing_folder_and_foreign_json(run):
    with pytest.raises(FormatError, match="there is none"):
        load(run / "nowhere")
    (run / "model.json").write_text("[1, 2]")
    with pytest.raises(FormatError, match="must be an object"):
        load(run)


def test_newer_formats_are_refused(run):
    edit(run / "model.json", lambda d: d.update(format=99))
    with pytest.raises(FormatError, match="format 2 or earlier; got 99.*upgrade"):
        load(run)


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "priors.StandardNormall", 7, None])
def test_unknown_components_are_refused(run, name):
    edit(run / "model.json", lambda d: d["model"].update(type=name))
    with pytest.raises(SpecError, match="unknown component"):
        load(run)


def test_components_in_the_wrong_slot_are_refused(run):
    edit(run / "model.json", lambda d: d.update(model=d["model"]["args"]["likelihood"]))
    with pytest.raises(VaekitError, match="must describe a Model"):
        load(run)


def test_unknown_options_are_refused(run):
    edit(run / "train.json", lambda d: d["estimator"].update(latent_dims=3))
    with pytest.raises(SpecError, match="did you mean 'latent_dim'"):
        load(run)


def test_weights_of_other_shapes_are_refused(run):
    weights = load_file(run / "model.safetensors")
    name = next(iter(weights))
    save_file({**weights, name: torch.zeros(3, 3)}, run / "model.safetensors")
    with pytest.raises(FormatError, match=r"must fit model.json; .* got \(3, 3\) \(1 differ\)"):
        load(run)
    del weights[name]
    save_file(weights, run / "model.safetensors")
    with pytest.raises(FormatError, match=f"{name}.* got None"):
        load(run)


def test_weights_that_are_not_finite_are_refused(run):
    weights = load_file(run / "model.safetensors")
    next(iter(weights.values())).view(-1)[0] = torch.nan
    save_file(weights, run / "model.safetensors")
    with pytest.raises(FormatError, match="finite weights"):
        load(run)


class Hostile:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize("name", FILES[:-1])
def test_pickles_are_never_executed(run, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (run / name).write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(FormatError):
        load(run)
    assert not (tmp_path / "executed").exists()


def test_a_huge_header_is_refused_without_reading_it(run):
    (run / "model.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(FormatError, match="damaged"):
        load(run)


def test_a_huge_network_is_refused_before_memory_is_taken(run):
    def grow(document):
        document["model"]["args"]["encoder"]["args"]["hidden"] = [10**9, 10**9]

    edit(run / "model.json", grow)
    with pytest.raises(VaekitError, match="must fit model.json|refuses"):
        load(run)


def test_deeply_nested_json_is_refused(run):
    (run / "model.json").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(FormatError, match="damaged"):
        load(run)


def test_a_link_out_of_the_folder_is_refused(run, tmp_path):
    shutil.move(run / "model.safetensors", tmp_path / "elsewhere")
    (run / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FormatError, match="must lie in the run folder"):
        load(run)


def test_a_full_disk_leaves_the_old_run_and_no_rubbish(run, fitted, monkeypatch):
    before = {name: (run / name).read_bytes() for name in FILES}

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SaveError, match="No space left.*unchanged"):
        fitted.save(run)
    monkeypatch.undo()
    assert {name: (run / name).read_bytes() for name in FILES} == before
    assert [p.name for p in run.parent.iterdir()] == ["run"]


def test_saving_replaces_a_run_and_keeps_what_else_is_in_it(run, fitted):
    (run / "my-picture.png").write_bytes(b"mine")
    fitted.save(run)
    assert (run / "my-picture.png").read_bytes() == b"mine"
    assert load(run).latent_dim == 2


def test_saving_does_not_replace_anything_else(fitted, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(SaveError, match="holds something else"):
        fitted.save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter1.tex").exists()
    with pytest.raises(SaveError, match="holds something else"):
        fitted.save(tmp_path / "thesis" / "chapter1.tex")
