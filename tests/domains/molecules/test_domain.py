"""Molecules to rows and back, in every representation."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vaekit import Autoencoder
from vaekit.cli.app import app
from vaekit.domains import infer_domain
from vaekit.errors import DataError, SpecError
from vaekit.molecules import MoleculeDomain, Standardizer, standardize
from vaekit.spec import build, describe

pytest.importorskip("rdkit")
pytest.importorskip("selfies")

GIVEN = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O",
    "CC(=O)Nc1ccc(O)cc1",
    "CN1CCC[C@H]1c1cccnc1",
    "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
    "F/C=C/Br",
    "C[N+](C)(C)CC(=O)[O-]",
    "O=[N+]([O-])c1ccccc1",
    "c1ccc2c(c1)[nH]cc2CCN",
    "CS(=O)(=O)N1CCOCC1",
    "Clc1ccc(cc1)C(c1ccccc1)N1CCN(CC1)C",
    "COc1ccc2nc(sc2c1)S(N)(=O)=O",
    "C#CCN1CC1",
    "OB(O)c1ccccc1",
    "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(=O)O",
    "NCCc1ccc(O)c(O)c1",
    "FC(F)(F)c1ccc(I)cc1",
]
SMILES = standardize(GIVEN).smiles
KINDS = ["bpe-smiles", "smiles", "selfies", "bpe-selfies"]


@pytest.mark.parametrize("kind", KINDS)
def test_decoded_molecules_are_the_same(kind):
    domain = MoleculeDomain(kind, num_merges=40).fit(SMILES)
    domain = build(json.loads(json.dumps(describe(domain))))
    decoded = domain.decode(domain.encode(domain.prepare(SMILES)))
    assert standardize(decoded).smiles == SMILES
    if not kind.endswith("selfies"):
        assert tuple(decoded) == SMILES


def test_byte_pairs_make_rows_shorter():
    shapes = {kind: MoleculeDomain(kind).fit(SMILES).event_shape[0] for kind in KINDS}
    assert shapes["bpe-smiles"] < 0.7 * shapes["smiles"]
    assert shapes["bpe-selfies"] < 0.8 * shapes["selfies"]


def test_bad_molecules_are_named_or_skipped():
    given = [*SMILES, "C1CC", "CCO"]
    with pytest.raises(DataError, match=r"1 of 20 were rejected: row 18 \('C1CC': not a valid"):
        MoleculeDomain().fit(given)
    with pytest.warns(UserWarning, match="left out: 1 of 20"):
        domain = MoleculeDomain(on_bad="skip").fit(given)
    with pytest.warns(UserWarning, match="row 0"):
        assert len(domain.prepare(["C1CC", "CCO"])) == 1
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(DataError, match="at least one molecule"),
    ):
        domain.prepare(["C1CC"])


def test_what_training_did_not_know():
    domain = MoleculeDomain("smiles").fit(["CCO", "CCN"])
    with pytest.raises(DataError, match="got 'S' in row 1"):
        domain.prepare(["CO", "CS"])
    with pytest.raises(DataError, match="at most 3 tokens"):
        domain.prepare(["CCCCC"])


@pytest.mark.parametrize("data", [["CCO"], ["CCO", "OCC", "C(O)C"]])
def test_one_molecule_again_and_again(data):
    with pytest.raises(DataError, match="2 different items"):
        MoleculeDomain().fit(data)


def test_options_that_there_are_not():
    with pytest.raises(SpecError, match="did you mean 'selfies'"):
        MoleculeDomain("selfie").fit(SMILES)
    with pytest.raises(SpecError, match="on_bad"):
        MoleculeDomain(on_bad="ignore").fit(SMILES)


def test_selfies_names_what_it_cannot_write():
    with pytest.raises(DataError, match="SELFIES can write them.*row 1"):
        MoleculeDomain("selfies", standardizer=Standardizer(charges="keep")).fit(
            ["CCO", "CI(=O)=O", "CC"]
        )


def test_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.smi").write_text("\n".join(SMILES * 3))
    Path("a.csv").write_text("\n".join(["y,drug", *(f"1,{s}" for s in SMILES * 3)]))
    quick = ["--max-epochs", "1", "--latent-dim", "4"]
    for words in (
        ["fit", "a.smi", "run", *quick],
        ["fit", "a.csv", "other", "--domain", "molecules", *quick],
        ["sample", "run", "-n", "5"],
        ["reconstruct", "run", "a.smi", "-n", "4", "--out", "again.smi"],
        ["score", "run", "a.smi", "--draws", "2", "--out", "scores.csv"],
    ):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    assert len(Path("run-samples.csv").read_text().splitlines()) == 1 + 5
    assert len(Path("again.smi").read_text().splitlines()) == 4
    assert len(Path("scores.csv").read_text().splitlines()) == 1 + 3 * len(SMILES)
    with pytest.raises(SpecError, match="To draw them: --grid a.png"):
        CliRunner().invoke(app, ["sample", "run", "--out", "a.png"], catch_exceptions=False)


def test_found_by_name_and_by_file(tmp_path):
    assert type(infer_domain(["C"], "molecules")) is MoleculeDomain
    for name in ("a.smi", "a.smi.gz", "a.sdf"):
        assert type(infer_domain(tmp_path / name)) is MoleculeDomain


def test_a_model_from_a_file_to_new_molecules(tmp_path):
    path = tmp_path / "drugs.smi"
    path.write_text("\n".join(SMILES * 4))
    model = Autoencoder(latent_dim=8, steps=60, seed=0, progress=False).fit(path)
    assert model.transform(path).shape == (72, 8)
    assert all(isinstance(smiles, str) for smiles in model.sample(5, seed=0))
    assert np.isfinite(model.score_samples(SMILES[:4], draws=2)).all()


def test_models_of_selfies_make_molecules():
    domain = MoleculeDomain("selfies")
    model = Autoencoder(latent_dim=4, domain=domain, steps=5, seed=0, progress=False)
    drawn = model.fit(SMILES * 4).sample(20, seed=0)
    reasons = {entry.reason for entry in standardize(drawn).report.rejected}
    assert "not a valid SMILES" not in reasons
