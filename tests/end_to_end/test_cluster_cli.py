"""``vaekit cluster`` on runs of several kinds, and what it refuses."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vaekit import load
from vaekit.cli.app import app
from vaekit.datasets import digits
from vaekit.errors import CompositionError, DataError, SaveError, SpecError

FILES = {"clusters.csv", "clusters.json", "cards.png", "latent_map.png"}


def call(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    call("fit", "digits", folder, "--latent-dim", 4, "--max-epochs", 3)
    return folder


def lines_of(folder):
    with (folder / "clusters.csv").open() as file:
        return list(csv.DictReader(file))


def test_files_and_table(run):
    output = call("cluster", run, "digits", "--k", 10, "--labels", "digits")
    folder = run / "clusters"
    assert {path.name for path in folder.iterdir()} == FILES
    assert "agreement with the labels: nmi" in output
    assert "10 clusters by method 'auto'" in output
    lines = lines_of(folder)
    assert [line["item"] for line in lines] == [str(i) for i in range(1797)]
    stored = json.loads((folder / "clusters.json").read_text())
    assert stored["k"] == 10
    assert stored["agreement"]["nmi"] > 0.3
    assert "torch" in stored["versions"]
    sizes = np.bincount([int(line["cluster"]) for line in lines])
    assert sizes.tolist() == [one["size"] for one in stored["clusters"]]
    assert all(0 <= float(line["probability"]) <= 1 for line in lines)
    for name in ("cards.png", "latent_map.png"):
        with Image.open(folder / name) as image:
            assert min(image.size) > 300
    assert load(run).latent_dim == 4


def test_an_older_result_is_replaced_by_the_same_bytes(run, tmp_path):
    out = tmp_path / "found"
    call("cluster", run, "digits", "--method", "kmeans", "--k", 4, "--out", out)
    old = {path.name: path.read_bytes() for path in out.iterdir()}
    call("cluster", run, "digits", "--method", "kmeans", "--k", 4, "--out", out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == old
    assert {line["probability"] for line in lines_of(out)} == {""}


def test_a_table_whose_items_lie_in_dense_regions(tmp_path):
    rng = np.random.default_rng(0)
    table = np.concatenate([rng.normal(m, 0.3, (80, 3)) for m in (0, 5)])
    np.savetxt(tmp_path / "x.csv", table, "%.6g", ",", header="a,b,c", comments="")
    x, folder, out = tmp_path / "x.csv", tmp_path / "run", tmp_path / "out"
    call("fit", x, folder, "--latent-dim", 2, "--max-epochs", 40)
    output = call("cluster", folder, x, "--method", "hdbscan", "--out", out)
    assert "density" in output
    assert {int(line["cluster"]) for line in lines_of(out)} <= {-1, 0, 1}
    traits = json.loads((out / "clusters.json").read_text())["clusters"][0]["traits"]
    assert {trait["name"] for trait in traits} == {"a", "b", "c"}


def test_what_cannot_be_done_leaves_nothing(run, tmp_path):
    out = ("--out", tmp_path / "out")
    with pytest.raises(SpecError, match="did you mean 'gmm'"):
        call("cluster", run, "no data at all", "--method", "gmn", *out)
    with pytest.raises(CompositionError, match="'vade'"):
        call("cluster", run, "digits", "--method", "model", *out)
    with pytest.raises(SpecError, match="did you mean 'umap'"):
        call("cluster", run, "digits", "--map", "umpa", *out)
    np.save(tmp_path / "few.npy", digits().images[:5])
    with pytest.raises(DataError, match="at least 10 items; got 5"):
        call("cluster", run, tmp_path / "few.npy", *out)
    assert [path.name for path in tmp_path.iterdir()] == ["few.npy"]


def test_a_foreign_folder_is_left_alone(run, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SaveError, match="holds something else"):
        call("cluster", run, "no data at all", "--out", tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_help_has_examples():
    assert "vaekit cluster runs/digits digits --k 10" in call("cluster", "--help")
