"""Molecules on the command line, from a file of SMILES to drawn proposals."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("rdkit")
pytest.importorskip("selfies")
pd = pytest.importorskip("pandas")

from vaekit import Autoencoder, load  # noqa: E402
from vaekit.cli.app import app  # noqa: E402
from vaekit.errors import DataError, SpecError, VaekitError  # noqa: E402
from vaekit.molecules import MoleculeDomain, compute_properties  # noqa: E402

ENDS = ("O", "N", "C(=O)O", "C#N", "Cl", "c1ccccc1", "C1CCNCC1")
MOLECULES = [f"{'C' * n}{end}" for n in range(1, 10) for end in ENDS]


def call(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a trained run and its training file."""
    folder = tmp_path_factory.mktemp("molecules")
    (folder / "drugs.smi").write_text("".join(f"{smiles}\n" for smiles in MOLECULES))
    domain = MoleculeDomain("selfies")
    model = Autoencoder(latent_dim=4, domain=domain, max_epochs=4, progress=False)
    model.fit(folder / "drugs.smi").save(folder / "run")
    return folder


def test_sampled_molecules_are_reported_and_drawn(place):
    said = call(
        "sample", place / "run", "-n", 20, "--training", place / "drugs.smi",
        "--out", place / "new.csv", "--grid", place / "new.svg",
    )  # fmt: skip
    frame = pd.read_csv(place / "new.csv")
    assert len(frame) == 20
    assert {"smiles", "valid", "duplicate", "novel", "qed", "nearest", "alerts"} <= set(frame)
    assert f"{int(frame['valid'].sum())} valid" in said
    assert (place / "new.svg").read_text().count("<path") > 20


def test_without_training_molecules_the_command_says_what_it_cannot_judge(place):
    said = call("sample", place / "run", "-n", 5, "--out", place / "new.sdf")
    assert "Novelty and nearest training molecules were not judged" in said
    assert (place / "new.sdf").read_text().count("$$$$") >= 1


def test_raw_lines_are_as_they_were_drawn(place):
    call("sample", place / "run", "-n", 7, "--out", place / "new.txt")
    assert len((place / "new.txt").read_text().splitlines()) == 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "new.xlsx"), r"must end in \.csv, \.smi, \.sdf"),
        (("--grid", "new.pdf"), r"must end in \.png, \.svg, \.html"),
        (("--out", "new.txt", "--grid", "new.png"), "need --out to end in"),
    ],
)
def test_options_that_say_nothing_are_refused_before_the_work(place, arguments, words):
    with pytest.raises(SpecError, match=words):
        call("sample", place / "run", *arguments)


def test_grids_are_of_molecules(tmp_path):
    call("fit", "wine", tmp_path / "run", "--max-epochs", 1)
    with pytest.raises(SpecError, match="are for models of molecules"):
        call("sample", tmp_path / "run", "--grid", tmp_path / "a.png")
    with pytest.raises(VaekitError, match="needs a model of molecules"):
        call("analogues", tmp_path / "run", "CCO")


def test_analogues(place):
    said = call(
        "analogues", place / "run", "CCCCO", "-n", 5, "--similarity", 0.05, "--draws", 80,
        "--training", place / "drugs.smi",
        "--out", place / "like.csv", "--grid", place / "like.html",
    )  # fmt: skip
    frame = pd.read_csv(place / "like.csv")
    assert 1 <= len(frame) <= 5
    assert frame["similarity_to_lead"].min() >= 0.05
    assert f"{len(frame)} analogues of CCCCO" in said
    assert "Analogues of CCCCO" in (place / "like.html").read_text()


def test_no_analogues_write_nothing(place):
    out = place / "none.csv"
    with pytest.raises(DataError, match="(?s)no molecule was found .* Lower --similarity"):
        call("analogues", place / "run", "CCCCO", "--similarity", 1, "--draws", 8, "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("C1CC",), "the lead must be a molecule"),
        (("CCO", "--keep", "c1cc"), "SMARTS that RDKit can read"),
        (("CCO", "--rank", "charm"), "unknown property to rank by"),
        (("CCO", "--out", "a.xlsx"), "must end in"),
        (("CCO", "--training", "nowhere.smi"), "there is no file at"),
    ],
)
def test_analogues_refuse(place, arguments, words):
    with pytest.raises(VaekitError, match=words):
        call("analogues", place / "run", *arguments)


@pytest.mark.parametrize("ending", ["png", "svg", "html", "csv"])
def test_ways(place, ending):
    out = place / f"ways.{ending}"
    call(
        "interpolate", place / "run", place / "drugs.smi", "--pairs", 2, "--steps", 4, "--out", out
    )
    assert out.stat().st_size > 100
    if ending == "csv":
        paths = pd.read_csv(out).groupby("way")
        assert (paths.size() <= 4).all()
        assert (paths["position"].max() == 1).all()


def test_ways_leave_out_what_the_model_has_no_tokens_for(place):
    (place / "more.smi").write_text("\n".join([*MOLECULES[:4], "BrCCO", "C" * 50]))
    more, out = place / "more.smi", place / "more.csv"
    said = call("interpolate", place / "run", more, "--pairs", 2, "--out", out)
    assert "2 items have tokens or a length that training had not, left out" in said
    with pytest.raises(DataError, match="3 pairs need 6 items; got 4"):
        call("interpolate", place / "run", more, "--pairs", 3, "--out", out, "--force")


def test_ways_are_drawn_beside_the_run_unless_told(place):
    call("interpolate", place / "run", place / "drugs.smi", "--pairs", 1)
    assert (place / "run-interpolation.svg").exists()


@pytest.mark.slow
def test_evaluation(place):
    said = call(
        "evaluate", place / "run", place / "drugs.smi", "--training", place / "drugs.smi",
        "-n", 20, "--draws", 2, "--out", place / "evaluation",
    )  # fmt: skip
    assert "exact reconstruction" in said
    rows = json.loads((place / "evaluation/evaluation.json").read_text())["rows"]
    assert {row["source"] for row in rows} >= {"samples", "model prior", "training molecules"}
    names = {path.name for path in (place / "evaluation").iterdir()}
    assert {"samples.png", "latent_map.png", "columns.png"} <= names


def test_a_model_of_the_package_is_sampled_and_gone_on_from(place):
    said = call("sample", "moses", "-n", 5, "--out", place / "moses.csv")
    assert "5 molecules" in said
    assert len(pd.read_csv(place / "moses.csv")) == 5
    said = call(
        "fit", place / "drugs.smi", place / "tuned", "--start-from", "moses", "--max-epochs", 1
    )
    assert "Next: vaekit sample" in said
    assert (place / "tuned" / "training.png").exists()
    with pytest.raises(SpecError, match=r"only options of the training.*latent_dim"):
        call("fit", place / "drugs.smi", place / "x", "--start-from", "moses", "--latent-dim", 3)
    assert not (place / "x").exists()


def test_targets_are_taught(place):
    lines = [f"{smiles},{i % 5}" for i, smiles in enumerate(MOLECULES)]
    (place / "assay.csv").write_text("smiles,activity\n" + "\n".join(lines))
    arguments = ("--domain", "molecules", "--targets", "activity,mw", "--max-epochs", 1)
    call("fit", place / "assay.csv", place / "assay", *arguments)
    assert load(place / "assay").domain_.scales.names == ("activity", "mw")
    with pytest.raises(SpecError, match="--targets are properties of molecules; got"):
        call("fit", "digits", place / "x", "--targets", "mw")


def test_properties_are_predicted_from_a_file(place):
    file = place / "assay.csv"
    file.write_text(
        "smiles,qed\n" + "".join(f"CCOc1ccc(C{s})cc1,0.6\n" for s in ("O", "N")) + "Q,1\n"
    )
    with pytest.warns(UserWarning, match=r"1 of 3 were rejected: line 4 \('Q': not a valid SMILES"):
        said = call("predict", "moses", file, "--out", place / "p.csv", "--plot", place / "p.png")
    assert "predicted of 2 of 3 molecules" in said
    assert "inside" in said  # of the intervals
    assert "of 3 back exactly" in said
    frame = pd.read_csv(place / "p.csv")
    assert list(frame["qed_known"][:2]) == [0.6, 0.6]  # the file's own
    with pytest.warns(UserWarning, match="1 of 3 were rejected"):
        call("predict", "moses", file, "--out", place / "c.csv", "--compute")
    computed = pd.read_csv(place / "c.csv")["qed_known"][:2]  # asked for, so RDKit's
    smiles = [f"CCOc1ccc(C{s})cc1" for s in ("O", "N")]
    assert computed.tolist() == pytest.approx(compute_properties(smiles, ["qed"])["qed"].tolist())
    assert frame["tpsa"][:2].between(5, 60).all()
    assert frame["qed"].isna().tolist() == [False, False, True]
    assert (place / "p.png").read_bytes().startswith(b"\x89PNG")

    bare = place / "bare.smi"
    bare.write_text("CCOc1ccc(CO)cc1\n")
    call("predict", "moses", bare, "--out", place / "bare.csv")
    told = ["qed", "logp", "tpsa"]
    ends = [f"{name}_{end}" for name in told for end in ("low", "high")]
    far = ["round_trip", "log_density", "log_density_rank", "similarity_to_training"]
    names = ["line", "smiles", *told, *ends, *far]
    assert list(pd.read_csv(place / "bare.csv")) == names


def test_reconstructions_keep_a_line_for_each_molecule(place):
    file = place / "some.smi"
    file.write_text(f"{MOLECULES[0]}\nC1CC\nCC/C=C/O\n{MOLECULES[8]}\n")
    out = place / "kept.smi"
    with pytest.warns(UserWarning, match=r"2 of 4 items: 1 of 4 were rejected: line 2.*--drop-s"):
        call("reconstruct", place / "run", file, "--out", out)
    made = out.read_text().split("\n")
    assert [bool(line) for line in made] == [True, False, False, True, False]
    assert made[0] == load(place / "run").reconstruct(MOLECULES[:1])[0]
    with pytest.warns(UserWarning, match="1 of 4 items"):
        call("reconstruct", place / "run", file, "--out", out, "--drop-stereo", "--force")
    assert out.read_text().split("\n")[2]


def test_stereo_can_be_dropped(place):
    file = place / "stereo.smi"
    file.write_text("".join(f"{s}\n" for s in ("CCC/C=C/O", "CC/C=C/O", *MOLECULES)))
    call("fit", file, place / "flat", "--drop-stereo", "--max-epochs", 1)
    again = load(place / "flat")
    assert again.domain_.standardizer.stereo == "drop"
    assert np.array_equal(again.transform(["CC/C=C/O"]), again.transform(["CCC=CO"]))
    call(
        "fit", file, place / "on", "--start-from", place / "run", "--drop-stereo",
        "--max-epochs", 1,
    )  # fmt: skip
    assert load(place / "on").domain_.standardizer.stereo == "drop"
    chiral = place / "chiral.smi"
    chiral.write_text("C[C@H](O)c1ccc(CO)cc1\nCCOc1ccc(CO)cc1\n")
    call("predict", "moses", chiral, "--out", place / "chiral.csv", "--drop-stereo")
    assert pd.read_csv(place / "chiral.csv")["qed"].notna().all()
    with pytest.raises(SpecError, match="--scaffold-split is for molecules"):
        call("fit", "digits", place / "no", "--scaffold-split")
    with pytest.raises(SpecError, match="--drop-stereo is for molecules"):
        call("fit", "digits", place / "no", "--drop-stereo")


def test_classes_are_taught_and_predicted(place):
    smiles = MOLECULES * 2
    kinds = ["ring" if "1" in each else "acid" if "=O" in each else "chain" for each in smiles]
    frame = pd.DataFrame({"smiles": smiles, "kind": kinds, "size": [len(s) for s in smiles]})
    file = place / "kinds.csv"
    frame.to_csv(file, index=False)
    said = call(
        "fit", file, place / "kinds", "--domain", "molecules", "--targets", "kind,size",
        "--max-epochs", 2, "--validation", 0.4, "--balance-classes",
    )  # fmt: skip
    assert "held-out AUROC" in said
    said = call("predict", place / "kinds", file, "--out", place / "kinds-told.csv")
    assert "kind, size: told by descriptors of the molecule and its latents" in said
    assert "held-out AUROC" in said
    told = pd.read_csv(place / "kinds-told.csv")
    names = ["line", "smiles", "kind", "kind=acid", "kind=chain", "kind=ring", "size"]
    assert list(told)[:7] == names
    assert (told["kind"] == told["kind_known"]).mean() > 0.9
    call("sample", place / "kinds", "-n", 2, "--where", "kind=ring", "--out", place / "rings.csv")
    with pytest.raises(SpecError, match="--balance-classes is for molecules"):
        call("fit", "digits", place / "no", "--balance-classes")
    with pytest.raises(DataError, match="balance_classes needs a target of classes"):
        call("fit", file, place / "no", "--domain", "molecules", "--balance-classes",
             "--targets", "size")  # fmt: skip


def test_rare_atoms_can_be_spelled(place):
    call("fit", place / "drugs.smi", place / "spelled", "--spell-rare", "--max-epochs", 1)
    file = place / "rare.smi"
    file.write_text("C[Se]C\nC[15N+](C)(C)C\n")
    call("reconstruct", place / "spelled", file, "--out", place / "rare-made.smi")
    call("predict", "druglike", file, "--out", place / "rare.csv")
    assert pd.read_csv(place / "rare.csv")["tpsa"].notna().all()
    assert "MoleculeDomain" in call("info", "druglike")
    with pytest.raises(SpecError, match="--spell-rare is for molecules"):
        call("fit", "digits", place / "no", "--spell-rare")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("moses", "drugs.smi", "--plot", "a.png"), r"no column of qed, logp, tpsa in .*--compute"),
        (("moses", "drugs.smi", "--plot", "a.gif"), r"--plot must end in \.png"),
        (("moses", "drugs.smi", "--out", "a.sdf"), r"--out must end in \.csv or"),
        (("moses", "nothing.smi"), "there is none at"),
        (("run", "drugs.smi"), "taught no targets"),
    ],
)
def test_what_cannot_be_predicted_is_said_and_nothing_written(place, monkeypatch, arguments, words):
    monkeypatch.chdir(place)
    before = set(place.iterdir())
    with pytest.raises(VaekitError, match=words):
        call("predict", *arguments)
    assert set(place.iterdir()) == before


def test_rejected_molecules_are_left_out_if_that_is_asked_for(place):
    file = place / "raw.smi"
    file.write_text("C1CC\n" + "".join(f"{smiles}\n" for smiles in MOLECULES))
    options = ("--max-epochs", 1)
    with pytest.raises(DataError, match="1 of 64 were rejected: line 1 .*--skip-bad"):
        call("fit", file, place / "raw", *options)
    with pytest.warns(UserWarning, match="left out: 1 of 64 were rejected: line 1"):
        call("fit", file, place / "raw", "--skip-bad", *options)
    with pytest.warns(UserWarning, match="no result for 1 of 64"):
        codes = load(place / "raw").transform(file)  # rows stay where they stood
    assert np.isnan(codes).any(1).tolist() == [True] + [False] * 63
    with pytest.warns(UserWarning, match="left out: 1 of 64"):
        call("fit", file, place / "on", "--start-from", place / "run", "--skip-bad", *options)
