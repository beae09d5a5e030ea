"""The command line, end to end on real images."""

import csv
import re
import shutil
import warnings

import numpy as np
import pytest
from PIL import Image
from rich.table import Table
from typer.testing import CliRunner

from vaekit.autoencoder import Autoencoder
from vaekit.cli.app import app, main
from vaekit.console.files import console, print_table
from vaekit.console.options import _estimator_options
from vaekit.datasets import digits
from vaekit.errors import DataError, SaveError, SpecError
from vaekit.presets import preset_names
from vaekit.storage.loading import load

COMMANDS = (
    "demo",
    "models",
    "fit",
    "impute",
    "augment",
    "refit",
    "sample",
    "reconstruct",
    "interpolate",
    "edit",
    "encode",
    "score",
    "evaluate",
    "tune",
    "explore",
    "export",
    "serve",
    "info",
    "card",
    "push",
)


@pytest.fixture(scope="module")
def runner():
    return CliRunner()


@pytest.fixture(scope="module")
def run(runner, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    arguments = ["fit", "digits", str(folder / "run"), "--latent-dim", "4", "--max-epochs", "3"]
    result = runner.invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "nats per item" in result.output
    return folder / "run"


def width(picture):
    with Image.open(picture) as image:
        return image.size[0]


def call(runner, *arguments):
    result = runner.invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_fit_writes_a_run_with_curves_and_no_checkpoint(run):
    names = {p.name for p in run.iterdir()}
    assert {"model.json", "model.safetensors", "history.csv", "training.png"} <= names
    assert "checkpoint.safetensors" not in names


def test_fit_refuses_a_foreign_folder_before_it_trains(runner, tmp_path):
    (tmp_path / "history.csv").write_text("mine")
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SaveError, match="holds something else"):
        runner.invoke(app, ["fit", "digits", str(tmp_path)], catch_exceptions=False)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "history.csv": "mine",
        "thesis.tex": "years of work",
    }


def test_sample(runner, run, tmp_path):
    call(runner, "sample", run, "-n", 9, "--out", tmp_path / "a.npz", "--seed", 1)
    call(runner, "sample", run, "-n", 9, "--out", tmp_path / "b.npz", "--seed", 1)
    a = np.load(tmp_path / "a.npz")["X"]
    assert (a.shape, a.dtype) == ((9, 8, 8), np.uint8)
    assert np.array_equal(a, np.load(tmp_path / "b.npz")["X"])
    output = call(runner, "sample", run)
    picture = run.with_name("run-samples.png")
    assert str(picture.name) in output.replace("\n", "")
    assert width(picture) > 200


def test_reconstruct_interpolate_and_score(runner, run, tmp_path):
    call(runner, "reconstruct", run, "digits", "--out", tmp_path / "r.npy")
    assert np.load(tmp_path / "r.npy").shape == (1797, 8, 8)
    call(runner, "reconstruct", run, "digits", "-n", 6, "--out", tmp_path / "r.png")
    call(runner, "interpolate", run, "digits", "--pairs", 2, "--out", tmp_path / "i.png")
    call(runner, "score", run, "digits", "--draws", 2, "--out", tmp_path / "s.csv")
    with (tmp_path / "s.csv").open() as file:
        scores = [float(row["log_p"]) for row in csv.DictReader(file)]
    assert len(scores) == 1797
    assert np.mean(scores) < 0
    assert all(width(tmp_path / name) > 100 for name in ("r.png", "i.png"))


def test_a_shortest_way_moves(runner, run, tmp_path):
    way = tmp_path / "way.gif"
    options = ("--pairs", 2, "--steps", 5, "--path", "geodesic", "--out", way)
    assert "wrote" in call(runner, "interpolate", run, "digits", *options)
    with Image.open(way) as file:
        assert (file.format, file.n_frames) == ("GIF", 8)
        assert file.size == (2 * 96 + 3, 96)


def test_only_ways_move(runner, run, tmp_path):
    with pytest.raises(SpecError, match=r"\.png, \.npz or \.npy for these"):
        call(runner, "sample", run, "--out", tmp_path / "s.gif")
    with pytest.raises(SpecError, match=r"\.png, \.gif, \.npz or \.npy for these"):
        call(runner, "interpolate", run, "digits", "--out", tmp_path / "i.mp4")


def test_info(runner, run):
    output = call(runner, "info", run)
    assert "items of shape (1, 8, 8)" in output
    assert "Preset(" not in output
    assert "latents are active" in output


def test_conditional_fit_and_sample(runner, tmp_path):
    options = ["--context", "digits", "--preset", "cvae", "--max-epochs", 2, "--latent-dim", 3]
    call(runner, "fit", "digits", tmp_path / "run", *options)
    call(runner, "sample", tmp_path / "run", "--context", "7", "-n", 5, "--out", tmp_path / "a.npy")
    assert np.load(tmp_path / "a.npy").shape == (5, 8, 8)


def test_a_folder_of_images_with_a_bad_file(runner, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(12):
        pixels = np.random.default_rng(i).integers(0, 256, (20 + i, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.jpg")
    (folder / "broken.jpg").write_bytes(b"no")
    fit = ["fit", folder, tmp_path / "run", "--size", "16", "--max-epochs", 1, "--latent-dim", 2]
    with pytest.raises(DataError, match=r"broken.jpg.*--skip-bad"):
        runner.invoke(app, [str(a) for a in fit], catch_exceptions=False)
    call(runner, *fit, "--skip-bad")
    call(runner, "sample", tmp_path / "run", "--out", tmp_path / "a.npy", "-n", 2)
    assert np.load(tmp_path / "a.npy").shape == (2, 16, 16, 3)


def test_sprites_keep_their_transparency(runner, tmp_path):
    folder = tmp_path / "sprites"
    folder.mkdir()
    for i in range(12):
        pixels = np.zeros((16, 16, 4), np.uint8)
        pixels[4:12, 2 : 4 + i] = (200, 20 * i, 10, 255)
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    run = tmp_path / "run"
    call(runner, "fit", folder, run, "--keep-transparency", "--max-epochs", 1)
    assert load(run).notes_["preset"] == "image_vae"
    call(runner, "sample", run, "--out", tmp_path / "a.npy", "-n", 2)
    assert np.load(tmp_path / "a.npy").shape == (2, 16, 16, 4)
    call(runner, "reconstruct", run, folder, "--out", tmp_path / "pairs.png")
    with Image.open(tmp_path / "pairs.png") as picture:
        assert picture.size[0] > 16


def test_a_table(runner, tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, 4))
    table = tmp_path / "table.csv"
    np.savetxt(table, rows, delimiter=",", header="a,b,c,d", comments="")
    preset = ["--preset", "beta_vae", "--option", "beta=0.5"]
    call(runner, "fit", table, tmp_path / "run", "--max-epochs", 2, "--latent-dim", 2, *preset)
    call(runner, "sample", tmp_path / "run", "-n", 7, "--out", tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text().splitlines()[0] == "a,b,c,d"
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 8
    call(runner, "score", tmp_path / "run", table)
    with pytest.raises(SpecError, match=r"must end in .csv"):
        runner.invoke(
            app, ["sample", str(tmp_path / "run"), "--out", "x.png"], catch_exceptions=False
        )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(runner, command):
    output = call(runner, command, "--help")
    assert f"vaekit {command}" in output


def test_fit_offers_every_simple_option_of_the_estimator(runner):
    output = re.sub(r"\x1b\[[0-9;]*m", "", call(runner, "fit", "--help"))
    names = [p.name for p in _estimator_options()]
    assert {"preset", "latent_dim", "max_minutes", "precision", "resume"} <= set(names)
    assert all(f"--{name.replace('_', '-')}"[:20] in output for name in names)
    defaults = {p.name: p.default.default for p in _estimator_options()}
    assert all(getattr(Autoencoder(), name) == value for name, value in defaults.items())


def run_main(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["vaekit", *map(str, arguments)])
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with pytest.raises(SystemExit) as stop:
            main()
    return stop


def test_warnings_are_one_message_without_a_place_in_the_code(monkeypatch, capsys, tmp_path):
    (tmp_path / "few.csv").write_text("a,b\n" + "".join(f"{i}.5,{i * i}\n" for i in range(8)))
    stop = run_main(monkeypatch, "fit", tmp_path / "few.csv", tmp_path / "run", "--max-epochs", 1)
    assert stop.value.code == 0
    shown = capsys.readouterr().err
    assert "warning: 8 items are few to learn from" in " ".join(shown.split())
    assert ".py:" not in shown


def test_errors_are_one_message_without_traceback(monkeypatch, capsys):
    stop = run_main(monkeypatch, "info", "nowhere")
    assert stop.value.code == 1
    shown = capsys.readouterr().err
    assert "FormatError: a run must be a folder" in shown
    assert "Traceback" not in shown


def test_brackets_and_colons_are_printed_as_they_are(capsys):
    """Of SMILES; they are no marks of style or pictures."""
    table = Table("smiles", title="runs[old]")
    table.add_row("c1c[nH]c:o:1")
    console.print(table)
    print_table("all[new]", {"lead": "[NH3+]C"})
    shown = capsys.readouterr().out
    for text in ("runs[old]", "c1c[nH]c:o:1", "all[new]", "[NH3+]C"):
        assert text in shown


def test_models_lists_every_preset_with_its_source(runner):
    output = runner.invoke(app, ["models"], env={"COLUMNS": "400"}).output
    for name in preset_names():
        assert name in output
    assert "Chen et al. 2018" in output
    assert "labels or properties" in output


def test_models_explains_one_with_its_options(runner):
    output = runner.invoke(app, ["models", "beta_tc_vae"], env={"COLUMNS": "400"}).output
    assert "total correlation" in output
    assert "--option beta=6.0" in output
    assert "decomposed_kl" in output


def test_models_suggests_the_near_name(runner):
    result = runner.invoke(app, ["models", "beta_tcvae"])
    assert "did you mean 'beta_tc_vae'" in str(result.exception)


def test_refit_changes_where_samples_come_from_and_nothing_else(runner, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    before = load(run)
    call(runner, "refit", str(tmp_path / "run"), "digits", "--prior", "gaussian")
    after = load(tmp_path / "run")
    assert type(after.model_.fitted_prior).__name__ == "FittedGaussian"
    X = digits().images[:20]
    assert np.array_equal(after.score_samples(X), before.score_samples(X))
    drawn = [m.sample(5, seed=0) for m in (before, after)]
    assert not np.array_equal(*drawn)


def test_refit_names_the_priors_that_fit(runner, run):
    result = runner.invoke(app, ["refit", str(run), "digits", "--prior", "codes"])
    assert "does not fit this model" in str(result.exception)
    result = runner.invoke(app, ["refit", str(run), "digits", "--prior", "nfs"])
    assert "did you mean 'nsf'" in str(result.exception)
