"""Design of molecules, through the command line."""

import pytest
import torch
from typer.testing import CliRunner

pd = pytest.importorskip("pandas")
pytest.importorskip("rdkit")

from vaekit import load  # noqa: E402
from vaekit.cli.app import app  # noqa: E402
from vaekit.errors import DataError, SpecError, VaekitError  # noqa: E402
from vaekit.molecules.predictions import predict_from_latents  # noqa: E402

pytestmark = pytest.mark.slow

RINGS = ["c1ccccc1", "C1CCCCC1", "c1ccncc1"]
MOLECULES = [f"{'C' * n}{end}{ring}" for n in range(1, 12) for end in ("O", "N") for ring in RINGS]
ORACLE = """
import time
from pathlib import Path

def nitrogens(smiles):
    with Path({log!r}).open("a") as asked:
        print(smiles, file=asked)
    if smiles.count("C") == 7:
        raise ValueError("seven")
    from beside import count

    return count(smiles)

def of_list(smiles):
    return [nitrogens(one) for one in smiles]

def slow(smiles):
    if smiles.count("C") % 2:
        time.sleep(3)
    return len(smiles)

def bad(smiles):
    return 1 / 0

def interrupted(smiles):
    if smiles.count("C") == 9:
        raise KeyboardInterrupt
    return len(smiles)

number = 3
"""


def call(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("design")
    (folder / "some.smi").write_text("\n".join(MOLECULES * 3))
    call("fit", folder / "some.smi", folder / "run", "--latent-dim", 8, "--steps", 200)
    (folder / "beside.py").write_text("def count(smiles):\n    return smiles.lower().count('n')\n")
    (folder / "oracle.py").write_text(ORACLE.format(log=str(folder / "asked.txt")))
    return folder


def test_properties_are_searched_and_written(place, tmp_path):
    out, page = tmp_path / "best.csv", tmp_path / "page.html"
    text = call(
        "optimise", place / "run", "--maximise", "qed", "--range", "logp=2..3", "--budget", 40,
        "--start", place / "some.smi", "--baselines", "--out", out, "--report", page,
        "--grid", tmp_path / "best.png",
    )  # fmt: skip
    rows = pd.read_csv(out)
    assert len(rows) == 40
    assert list(rows)[:7] == ["rank", "smiles", "score", "qed", "logp", "call", "origin"]
    assert rows["score"].is_monotonic_decreasing
    for words in ("random", "noise", "given molecules", "highest qed and logp from 2 to 3"):
        assert words in text
    assert "<svg" in page.read_text()
    assert (tmp_path / "best.png").read_bytes()[1:4] == b"PNG"


def test_a_column_that_the_model_was_taught_is_searched_by_its_prediction(place, tmp_path):
    assay = tmp_path / "assay.csv"
    rows = [f"{smiles},{len(smiles) / 10}" for smiles in MOLECULES]
    assay.write_text("smiles,activity\n" + "\n".join(rows) + "\n")
    run, out = tmp_path / "run", tmp_path / "best.csv"
    call("fit", assay, run, "--domain", "molecules", "--targets", "activity", "--steps", 60)
    said = call(
        "optimise", run, "--maximise", "activity", "--range", "logp=1..4", "--start", assay,
        "--budget", 30, "--out", out,
    )  # fmt: skip
    assert "Predictions are the model's: measure the best" in " ".join(said.split())
    best = pd.read_csv(out)
    model = load(run)
    codes = torch.as_tensor(model.transform(best["smiles"].tolist()))
    predicted = predict_from_latents(model.trained_, codes)["activity"]
    assert best["predicted activity"].tolist() == pytest.approx(predicted.tolist(), rel=1e-3)
    with pytest.raises(SpecError, match=r"unknown property 'activty'.*activity"):
        call("optimise", run, "--maximise", "activty", "--out", tmp_path / "none.csv")


def test_a_lead_and_rules_are_kept(place, tmp_path):
    out = tmp_path / "near.csv"
    said = call(
        "optimise", place / "run", "--maximise", "qed", "--like", "CCOc1ccccc1",
        "--similarity", 0.3, "--keep", "c1ccccc1", "--forbid", "N", "--bound", "mw=..300",
        "--no-alerts", "--budget", 20, "--method", "evolution", "--out", out,
    )  # fmt: skip
    rows = pd.read_csv(out)
    assert (rows["lead_similarity"] >= 0.3).all()
    assert not rows["smiles"].str.contains("N").any()
    assert rows["alerts"].isna().all()
    assert "the lead back exactly" in said
    assert {"round_trip", "log_density", "similarity_to_training"} <= set(rows)


@pytest.mark.parametrize("listed", [False, True])
def test_a_function_is_asked_within_the_budget_and_its_failures_are_told(place, tmp_path, listed):
    log = place / "asked.txt"
    log.unlink(missing_ok=True)
    name, option = ("of_list", ["--takes-list"]) if listed else ("nitrogens", [])
    text = call(
        "optimise", place / "run", "--oracle", f"{place / 'oracle.py'}:{name}", *option,
        "--start", place / "some.smi", "--budget", 40, "--out", tmp_path / "o.csv",
    )  # fmt: skip
    rows = pd.read_csv(tmp_path / "o.csv")
    assert "ValueError: seven" in text
    assert "begun with 10 of 66 given molecules" in text
    assert len(rows) < 40
    assert (rows["smiles"].str.lower().str.count("n") == rows[name]).all()
    if not listed:
        assert len(log.read_text().split()) == 40


def test_slow_calls_are_given_up(place, tmp_path):
    text = call(
        "optimise", place / "run", "--oracle", f"{place / 'oracle.py'}:slow", "--timeout", 0.05,
        "--start", place / "some.smi", "--budget", 12, "--out", tmp_path / "o.csv",
    )  # fmt: skip
    assert "longer than 0.05 s" in text


def test_what_was_found_until_an_interruption_is_written(place, tmp_path):
    text = call(
        "optimise", place / "run", "--oracle", f"{place / 'oracle.py'}:interrupted",
        "--start", place / "some.smi", "--budget", 60, "--out", tmp_path / "o.csv",
    )  # fmt: skip
    assert "interrupted" in text
    assert 0 < len(pd.read_csv(tmp_path / "o.csv")) < 60


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ([], SpecError, "something to search for"),
        (["--maximise", "QED"], SpecError, "did you mean 'qed'"),
        (["--range", "logp"], SpecError, "NAME=LOW..HIGH"),
        (["--range", "logp=low..3"], SpecError, "must be numbers"),
        (["--maximise", "qed", "--bound", "mw=5"], SpecError, "NAME=LOW"),
        (["--maximise", "qed", "--keep", "c1cc"], DataError, "SMARTS"),
        (["--maximise", "qed", "--like", "C1CC"], DataError, "lead must be a valid SMILES"),
        (
            ["--maximise", "qed", "--like", "CCOc1ccccc1", "--forbid", "O"],
            DataError,
            r"1 keep: similarity.*0 keep: does not contain O",
        ),
        (["--maximise", "qed", "--out", "x.txt"], SpecError, "--out must end"),
        (["--maximise", "qed", "--report", "x.pdf"], SpecError, "--report must end"),
        (["--maximise", "qed", "--grid", "x.pdf"], SpecError, "must end in .png"),
        (["--maximise", "qed", "--method", "magic"], SpecError, "unknown method"),
        (["--maximise", "qed", "--start", "none.smi"], DataError, "no file at none.smi"),
        (["--oracle", "none.py:f"], SpecError, "FILE.py:FUNCTION"),
        (["--oracle", "oracle.py:number"], SpecError, "it has nitrogens, of_list"),
        (["--oracle", "oracle.py:bad"], DataError, "ZeroDivisionError"),
        (["--oracle", "oracle.py:slow", "--timeout", "0"], SpecError, "above 0"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    place, arguments, error, words, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "oracle.py").write_text((place / "oracle.py").read_text())
    with pytest.raises(VaekitError, match=words) as raised:
        call("optimise", place / "run", *arguments, "--budget", 30)
    assert isinstance(raised.value, error)
    written = {path.name for path in tmp_path.iterdir() if path.suffix != ".py"}
    assert written <= {"__pycache__"}  # of Python, beside a module that it imports
