"""The command line with runs of the hub."""

import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hub.stand_in import TOKEN
from huggingface_hub import constants
from typer.testing import CliRunner

from vaekit import Autoencoder, load
from vaekit.cli.app import app
from vaekit.datasets import digits
from vaekit.errors import HubError, SaveError, SpecError

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def model():
    return Autoencoder(latent_dim=3, max_epochs=1, progress=False).fit(digits().images[:300])


@pytest.fixture
def here(tmp_path, monkeypatch, model):
    """A folder to work in, with a run and items."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    model.save("run")
    np.save("items.npy", digits().images[:40])
    return folder


def call(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_push_says_what_is_published_and_where_it_is(hub, here):
    shown = call("push", "run", "mary/digits", "--licence", "mit", "--message", "the first")
    commit = hub.repositories["mary/digits"].branches["main"]
    assert shown.index("domain.json holds") < shown.index("pushed model.json")
    assert f"{hub.address}/mary/digits/commit/{commit}" in shown
    assert f"Next: vaekit info hf://mary/digits@{commit}" in shown
    assert hub.repositories["mary/digits"].messages[commit] == "the first"


def test_info_says_the_commit(hub, here, model):
    name = model.push_to_hub("mary/digits").name
    shown = call("info", "hf://mary/digits")
    assert f'vaekit info {name}, load("{name}")' in shown
    assert name in call("info", name)
    assert "for ever" not in call("info", "run")


def test_commands_that_read_a_run(hub, here, model):
    name = "hf://mary/digits"
    model.push_to_hub("mary/digits")
    call("sample", name, "-n", 4, "--seed", 1, "--out", "a.npy")
    call("sample", "run", "-n", 4, "--seed", 1, "--out", "b.npy")
    assert np.array_equal(np.load("a.npy"), np.load("b.npy"))
    for command in ("encode", "score"):
        call(command, name, "items.npy")
    call("reconstruct", f"{name}@main", "items.npy")
    call("interpolate", name, "items.npy", "--pairs", 2)
    call("edit", name, "items.npy", "--discover", 1)
    call("export", name, "exported", "--to", "torch-export", "--only", "encode")
    assert {p.name for p in here.iterdir()} >= {
        "digits-latents.csv", "digits-scores.csv", "digits-reconstructions.png",
        "digits-interpolation.png", "digits-edited.png", "exported",
    }  # fmt: skip
    assert not (here / "hf:").exists()
    latents = pd.read_csv("digits-latents.csv").to_numpy(np.float32)
    assert np.allclose(latents, model.transform(digits().images[:40]), atol=1e-6)


def test_folders_of_results(hub, here, model):
    model.push_to_hub("mary/digits")
    call("evaluate", "hf://mary/digits", "items.npy", "--draws", 2)
    call("cluster", "hf://mary/digits", "items.npy")
    assert (here / "digits-evaluation" / "evaluation.json").is_file()
    assert (here / "digits-clusters").is_dir()


def test_data_sets(hub, here, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(90, 3)), columns=list("abc"))
    model = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(table)
    model.push_to_hub("mary/table")
    (here / "parts").mkdir()
    for number in range(3):
        table[number * 30 : number * 30 + 30].to_csv(here / "parts" / f"{number}.csv", index=False)
    call("encode", "hf://mary/table", "parts/", "--out", "latents/")
    found = pd.concat([pd.read_parquet(here / "latents" / f"{n}.parquet") for n in range(3)])
    assert np.allclose(found.to_numpy(np.float32), model.transform(table), atol=1e-5)


def test_card(hub, here):
    call("card", "run", "--repo", "mary/digits", "--licence", "mit", "--out", "README.md")
    text = (here / "README.md").read_text()
    assert text.startswith("---\nlicense: mit\n")
    assert "hf://mary/digits" in text
    with pytest.raises(SaveError, match="--force"):
        call("card", "run", "--out", "README.md")
    assert "library_name: vaekit" in call("card", "run")
    assert not hub.requests


@pytest.mark.parametrize(
    ("line", "error", "match"),
    [
        ("info hf://digits", SpecError, "hf://USER/MODEL"),
        ("info hf://mary/none", HubError, "a repository that is there"),
        ("push run digits", SpecError, "USER/MODEL"),
        ("push run mary/digits --licence MIT", SpecError, "licence"),
        ("push run mary/digits --no-create", HubError, "a repository that is there"),
        ("refit hf://mary/digits items.npy", SaveError, "a place on this machine"),
        ("fit items.npy hf://mary/digits", SaveError, "a place on this machine"),
    ],
)
def test_mistakes(hub, here, line, error, match):
    before = sorted(here.rglob("*"))
    with pytest.raises(error, match=match):
        CliRunner().invoke(app, line.split(), catch_exceptions=False)
    assert sorted(here.rglob("*")) == before
    assert not hub.repositories


@pytest.mark.slow
def test_with_the_variables_of_huggingface_hub(hub, here, model, tmp_path):
    variables = {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_CACHE": constants.HF_HUB_CACHE,
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
    }

    def run(*arguments, **more):
        line = [sys.executable, "-m", "vaekit", *arguments]
        given = {**os.environ, **variables, **more}
        return subprocess.run(line, capture_output=True, text=True, env=given, check=False)

    pushed = run("push", "run", "mary/digits", "--private")
    assert pushed.returncode == 0, pushed.stderr
    name = re.search(r"hf://mary/digits@[0-9a-f]{40}", pushed.stdout)[0]
    assert np.array_equal(load(name).sample(3, seed=1), model.sample(3, seed=1))
    stranger = run("info", "hf://mary/digits", HF_TOKEN="")
    assert stranger.returncode == 1
    assert "if it is private, log in" in stranger.stderr
    assert "Traceback" not in stranger.stderr
    before = len(hub.requests)
    assert run("info", name, HF_HUB_OFFLINE="1").returncode == 0
    assert len(hub.requests) == before
