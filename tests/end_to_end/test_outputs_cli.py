"""No command writes over what it reads, nor over any file without being told to."""

import inspect
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

pd = pytest.importorskip("pandas")

from vaekit import registry  # noqa: E402
from vaekit.cli.app import app  # noqa: E402
from vaekit.console.outputs import check_outputs  # noqa: E402
from vaekit.errors import SaveError, SpecError  # noqa: E402

FOLDERS = {"cluster", "evaluate", "compare", "tune"}  # whose --out is a folder that only they write
WRITING = {
    name: [
        p for p in ("out", "grid", "report", "plot") if p in inspect.signature(command).parameters
    ]
    for name in registry.names("commands")
    if not (registry.provider("commands", name) or "vaekit").startswith("vaekit-")
    for command in [registry.get("commands", name)]
}
FILES = [
    (name, option)
    for name, options in WRITING.items()
    for option in options
    if name not in FOLDERS and name != "demo"
]
ENDINGS = {"grid": ".svg", "report": ".html", "plot": ".png"}


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("outputs")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60), "y": [0, 1] * 30})
    frame.to_csv(place / "in.csv", index=False)
    (place / "in.smi").write_text("CCO\nCCN\n")
    (place / "oracle.py").write_text("def f(s): return 1.0")
    options = ["--max-epochs", 1, "--latent-dim", 1, "--domain", "table"]
    assert call("fit", place / "in.csv", place / "run", *options).exit_code == 0
    return place


def command_line(name, folder):
    """Arguments and the inputs among them."""
    table, run, smiles = folder / "in.csv", folder / "run", folder / "in.smi"
    lines = {
        "sample": [run, "--training", table],
        "reconstruct": [run, table],
        "interpolate": [run, table],
        "edit": [run, table, "--discover", 1],
        "score": [run, table],
        "encode": [run, table],
        "card": [run],
        "explore": [run, table],
        "anomalies": [table, "--window", "auto"],
        "predict": ["moses", smiles],
        "analogues": ["moses", "CCO", "--training", smiles],
        "impute": [table],
        "augment": [table, "--target", "y"],
        "optimize": ["moses", "--oracle", f"{folder / 'oracle.py'}:f", "--start", smiles],
    }
    return lines[name]


@pytest.mark.parametrize(("name", "option"), FILES)
def test_a_file_that_is_there_is_replaced_only_by_force(name, option, folder, tmp_path):
    own = {"explore": ".html", "card": ".md"}
    ending = own.get(name) or ENDINGS.get(option, ".csv")
    mine = tmp_path / f"mine{ending}"
    mine.write_text("years of work")
    with pytest.raises(SaveError, match=r"is there already and would be lost.*add --force"):
        call(name, *command_line(name, folder), f"--{option}", mine)
    assert mine.read_text() == "years of work"
    assert "force" in inspect.signature(registry.get("commands", name)).parameters


@pytest.mark.parametrize(("name", "option"), [(n, o) for n, o in FILES if o == "out"])
def test_what_is_read_is_never_replaced(name, option, folder):
    arguments = command_line(name, folder)
    paths = [Path(str(a).removesuffix(":f")) for a in arguments]
    for path in [p for p in paths if p.is_file()]:
        before = path.read_bytes()
        # Another way to write the same path, and endings that the command may refuse first.
        same = path.parent / "run" / ".." / path.name
        with pytest.raises((SaveError, SpecError), match=r"not be what the command reads|must end"):
            call(name, *arguments, "--out", same, "--force")
        assert path.read_bytes() == before


def test_the_files_of_a_run_are_never_replaced(folder):
    for name in ("history.csv", "model.json"):
        before = (folder / "run" / name).read_bytes()
        with pytest.raises(SaveError, match="not be what the command reads"):
            call("sample", folder / "run", "--out", folder / "run" / name, "--force")
        assert (folder / "run" / name).read_bytes() == before


def test_default_names_are_looked_at_as_well(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, file in {"impute": "filled.csv", "augment": "augmented.csv"}.items():
        (tmp_path / file).write_text("mine")
        with pytest.raises(SaveError, match=file):
            call(name, *command_line(name, folder))
    beside = folder / "run-samples.csv"
    beside.write_text("mine")
    with pytest.raises(SaveError, match="run-samples"):
        call("sample", folder / "run")
    assert call("sample", folder / "run", "-n", 3, "--force").exit_code == 0
    assert list(pd.read_csv(beside).columns) == ["a", "b", "y"]
    beside.unlink()


def test_all_files_of_several_imputations_are_looked_at(folder, tmp_path):
    (tmp_path / "filled-3.csv").write_text("mine")
    arguments = ["--estimate", "draw", "--count", 3, "--out", tmp_path / "filled.csv"]
    with pytest.raises(SaveError, match="filled-3"):
        call("impute", folder / "in.csv", *arguments)
    assert [p.name for p in tmp_path.iterdir()] == ["filled-3.csv"]


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_folders_that_hold_what_is_read_are_not_replaced(name, folder, tmp_path):
    data = tmp_path / "clusters.csv"
    data.write_bytes((folder / "in.csv").read_bytes())
    before = [folder / "run"] if name not in ("compare", "tune") else []
    with pytest.raises(SaveError, match="not be what the command reads"):
        call(name, *before, data, "--out", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["clusters.csv"]


def test_files_are_checked_one_by_one(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").write_text("a")
    (tmp_path / "link.png").symlink_to(tmp_path / "data" / "a.png")
    os.link(tmp_path / "data" / "a.png", tmp_path / "hard.png")
    inputs = (tmp_path / "data", "digits", "cat,dog", None, "", "x" * 5000)
    check_outputs({"--out": tmp_path / "new.png", "--grid": None}, inputs)
    check_outputs({"--out": tmp_path / "data" / "new.png"}, inputs)
    for name in ("data/a.png", "link.png", "data"):
        with pytest.raises(SaveError, match="not be what the command reads"):
            check_outputs({"--out": tmp_path / name}, inputs, force=True)
    with pytest.raises(SaveError, match="not be what the command reads"):
        check_outputs({"--out": tmp_path / "hard.png"}, [tmp_path / "data" / "a.png"], force=True)
    with pytest.raises(SaveError, match="is a folder"):
        check_outputs({"--out": tmp_path}, (), force=True)
    with pytest.raises(SaveError, match="--out and --grid must be different files"):
        check_outputs({"--out": tmp_path / "b.png", "--grid": tmp_path / "b.png"}, ())


def test_a_folder_of_edited_images_replaces_only_images_and_by_force(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for i in range(30):
        pixels = rng.integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{i:02}.png")
    (tmp_path / "labels.csv").write_text(
        "file,kind\n" + "".join(f"{i:02}.png,{'ab'[i % 2]}\n" for i in range(30))
    )
    data, run, out = tmp_path / "data", tmp_path / "run", tmp_path / "out"
    small = ["--max-epochs", 1, "--latent-dim", 2, "--preset", "vae"]
    assert call("fit", data, run, *small).exit_code == 0
    words = ["edit", run, data, "--labels", tmp_path / "labels.csv", "--attribute", "kind"]
    words += ["--to", "a", "--out"]
    for place in (data, tmp_path):
        with pytest.raises(SaveError, match="not be what the command reads"):
            call(*words, place, "--force")
    assert len(list(data.iterdir())) == 30
    assert call(*words, out).exit_code == 0
    with pytest.raises(SaveError, match="holds 30 images.*add --force"):
        call(*words, out)
    assert call(*words, out, "--force").exit_code == 0
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(SaveError, match=r"also holds thesis.tex"):
        call(*words, out, "--force")
    assert (out / "thesis.tex").read_text() == "mine"


def test_a_demonstration_does_not_take_other_files_along(tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("index.html", "run/model.json", "thesis.tex"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(SaveError, match="holds something else"):
        call("demo", tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_the_home_folder_may_be_written_as_a_tilde(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "in.csv").write_bytes((folder / "in.csv").read_bytes())
    small = ["--max-epochs=1", "--latent-dim=1"]
    assert call("fit", "~/in.csv", "~/run", *small, "--domain", "table").exit_code == 0
    assert call("sample", "~/run", "-n", 3, "--out=~/new.csv").exit_code == 0
    assert call("score", "~/run", "~/in.csv", "--out=~/scores.csv").exit_code == 0
    assert call("evaluate", "~/run", "~/in.csv", "--out=~/report", "--n", 9).exit_code == 0
    with pytest.raises(SaveError, match="is there already"):
        call("sample", "~/run", "--out=~/new.csv")
    with pytest.raises(SpecError, match="must name the home folder of a user"):
        call("sample", "~nobody-of-that-name/run")
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"in.csv", "run", "new.csv", "scores.csv", "report"}
