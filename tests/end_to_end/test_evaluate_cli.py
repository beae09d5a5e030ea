"""``vaekit evaluate`` on trained models of every kind, and what it refuses."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from vaekit import load
from vaekit.cli.app import app
from vaekit.datasets import digits
from vaekit.errors import DataError, FormatError, SaveError
from vaekit.metrics import codebook_usage

pytestmark = pytest.mark.slow

PICTURES = {"samples.png", "reconstructions.png", "latent_map.png"}
EXTRA = {
    "vae": {"kl_per_latent.png"},
    "cvae": {"kl_per_latent.png"},
    "ms_ssim_vae": {"kl_per_latent.png"},
    "vq_vae": {"code_usage.png"},
    "svae": set(),
    "autoencoder": set(),
}


def call(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def rows_of(folder):
    stored = json.loads((folder / "evaluation.json").read_text())["rows"]
    return {", ".join(filter(None, (row["measure"], row["source"]))): row for row in stored}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder and output of one evaluation for each preset, made when first asked for."""
    folder, made = tmp_path_factory.mktemp("runs"), {}

    def run(preset):
        if preset not in made:
            context = ["--context", "digits"] if preset == "cvae" else []
            options = ["--preset", preset, "--latent-dim", 3, "--max-epochs", 1, *context]
            call("fit", "digits", folder / preset, *options)
            made[preset] = call("evaluate", folder / preset, "digits", "--draws", 2, "-n", 200)
        return folder / preset, made[preset]

    return run


def test_models_that_only_sample_are_evaluated_by_their_samples(runs):
    run, output = runs("gan")
    found = {path.name for path in (run / "evaluation").iterdir()}
    assert found == {"evaluation.json", "evaluation.csv", "samples.png"}
    rows = rows_of(run / "evaluation")
    assert (
        rows["Frechet distance, samples"]["value"] > rows["Frechet distance, real items"]["value"]
    )
    for refused in ("ELBO", "reconstruction", "reconstructions", "model prior"):
        assert "needs a model with latents; GAN has none" in rows[refused]["note"]


@pytest.mark.parametrize("preset", EXTRA)
def test_every_kind_of_model_is_evaluated(runs, preset):
    run, output = runs(preset)
    folder = run / "evaluation"
    expected = {"evaluation.json", "evaluation.csv"} | PICTURES | EXTRA[preset]
    assert {path.name for path in folder.iterdir()} == expected
    for group in ("likelihood", "latents", "reconstruction", "samples", "disentanglement"):
        assert group in output
    rows = rows_of(folder)
    assert all(row["note"] for row in rows.values() if row["value"] is None)
    for source in ("samples", "model prior", "reconstructions", "real items"):
        assert rows[f"Frechet distance, {source}"]["value"] >= 0
        assert rows[f"sharpness, {source}"]["value"] > 0
    for picture in folder.glob("*.png"):
        with Image.open(picture) as image:
            assert min(image.size) > 150


def test_likelihoods_are_given_where_there_are_some(runs):
    rows = {preset: rows_of(runs(preset)[0] / "evaluation") for preset in EXTRA}
    for preset in ("vae", "cvae", "svae", "vq_vae"):
        low, high = rows[preset]["IWAE-2 bound"]["interval"]
        assert low < rows[preset]["IWAE-2 bound"]["value"] < high
    assert "points" in rows["autoencoder"]["ELBO"]["note"]
    assert "is an energy" in rows["ms_ssim_vae"]["ELBO"]["note"]


def test_usage_of_codes_is_that_of_the_metric(runs):
    run, _ = runs("vq_vae")
    vae = load(run).model_
    x = torch.from_numpy(digits().images).unsqueeze(1) / 255
    indices = vae.latent.quantizer(vae.encoder(x), None).indices
    usage = codebook_usage(indices, vae.latent.num_codes)
    rows = rows_of(run / "evaluation")
    assert rows["codes used"]["value"] == usage.used
    assert rows["perplexity of codes"]["parts"] == pytest.approx(usage.perplexity_per_token)


def test_the_files_say_what_is_needed_to_repeat_them(runs):
    run, output = runs("vae")
    stored = json.loads((run / "evaluation" / "evaluation.json").read_text())
    assert stored["settings"]["seed"] == 0
    assert stored["items"] == 1797
    assert stored["data"] == "digits"
    assert "torch" in stored["versions"]
    with (run / "evaluation" / "evaluation.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(stored["rows"])
    by_name = {row["measure"]: row for row in table}
    assert (
        float(by_name["active units"]["value"])
        == rows_of(run / "evaluation")["active units"]["value"]
    )
    assert by_name["recall, real items"]["note"] == "classifier"
    assert "Bernoulli" in output


def test_an_older_evaluation_is_replaced_and_the_run_still_loads(runs):
    run, _ = runs("vae")
    old = (run / "evaluation" / "evaluation.json").read_bytes()
    call("evaluate", run, "digits", "--draws", 2, "-n", 200)
    assert (run / "evaluation" / "evaluation.json").read_bytes() == old
    assert load(run).latent_dim == 3


def test_a_table_with_labels_and_factors_from_files(tmp_path):
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 3, (300, 2))
    table = np.concatenate([factors, factors.sum(1, keepdims=True)], 1) + rng.normal(
        0, 0.1, (300, 3)
    )
    for name, values, head in (("x", table, "a,b,c"), ("factors", factors, "f,g")):
        np.savetxt(tmp_path / f"{name}.csv", values, "%.6g", ",", header=head, comments="")
    np.save(tmp_path / "labels.npy", factors[:, 0])
    run, data = tmp_path / "run", tmp_path / "x.csv"
    call("fit", data, run, "--latent-dim", 2, "--max-epochs", 2)
    options = ["--labels", tmp_path / "labels.npy", "--factors", tmp_path / "factors.csv"]
    output = call("evaluate", run, data, *options, "--out", tmp_path / "result", "--draws", 4)
    rows = rows_of(tmp_path / "result")
    assert rows["squared error per value"]["value"] > 0
    assert 0 <= rows["mutual information gap"]["value"] <= 1
    assert rows["accuracy of the features' classifier"]["value"] > 0.5
    assert "images only" in rows["SSIM"]["note"]
    assert "sharpness is of images only" in " ".join(output.split())
    assert {p.name for p in (tmp_path / "result").glob("*.png")} == {
        "kl_per_latent.png",
        "latent_map.png",
    }


def test_too_few_items_are_a_line_that_says_how_many(runs, tmp_path):
    run, _ = runs("vae")
    np.save(tmp_path / "few.npy", digits().images[:60])
    output = call("evaluate", run, tmp_path / "few.npy", "--out", tmp_path / "out", "--draws", 2)
    assert "needs more than" in " ".join(output.split())
    row = rows_of(tmp_path / "out")["Frechet distance, samples"]
    assert row["value"] is None
    assert "got 18 real and 18 generated" in row["note"]


@pytest.mark.parametrize("name", ["thesis.tex", "model.json"])
def test_a_foreign_folder_is_refused_before_the_work_and_left_alone(runs, tmp_path, name):
    run, _ = runs("vae")
    (tmp_path / name).write_text("years of work")
    (tmp_path / "evaluation.json").write_text("mine")
    with pytest.raises(SaveError, match="holds something else"):
        call("evaluate", run, "no data at all", "--out", tmp_path)
    assert (tmp_path / name).read_text() == "years of work"
    assert (tmp_path / "evaluation.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("shape", "says"), [((30, 9, 9), "images must have shape"), ((4, 8, 8), "at least 10 items")]
)
def test_data_that_do_not_fit_are_refused_and_nothing_is_written(runs, tmp_path, shape, says):
    run, _ = runs("vae")
    np.save(tmp_path / "wrong.npy", np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match=says):
        call("evaluate", run, tmp_path / "wrong.npy", "--out", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.npy"]


def test_a_conditional_model_needs_its_context(runs, tmp_path):
    run, _ = runs("cvae")
    np.save(tmp_path / "x.npy", digits().images[:100])
    with pytest.raises(DataError, match="pass context="):
        call("evaluate", run, tmp_path / "x.npy", "--out", tmp_path / "out")
    call("evaluate", run, tmp_path / "x.npy", "--out", tmp_path / "out", "--context", "7")
    assert rows_of(tmp_path / "out")["ELBO"]["value"] < 0


def test_no_run_is_no_traceback(tmp_path):
    with pytest.raises(FormatError, match="a run must be a folder"):
        call("evaluate", tmp_path / "nowhere", "digits")
    assert not list(tmp_path.iterdir())


def test_help_has_examples_and_sizes():
    output = call("evaluate", "--help")
    assert "vaekit evaluate runs/fashion fashion_mnist" in output
    assert "5,000" in output
