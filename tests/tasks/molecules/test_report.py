"""Reports of molecules, and the files they are written to."""

import io

import numpy as np
import pytest

pytest.importorskip("rdkit")
pd = pytest.importorskip("pandas")

from rdkit import Chem  # noqa: E402

from vaekit.errors import DataError, SpecError  # noqa: E402
from vaekit.molecules import (  # noqa: E402  # noqa: E402
    PROPERTIES,
    KnownMolecules,
    MoleculeDomain,
    Standardizer,
    molecule_report,
    save_molecules,
)

GIVEN = ["OCC", "C1CC", "CCO", None, "CCC=O", "c1ccccc1", ""]
KNOWN = ["CCO", "CCCO", "[Na+].[Cl-]", "c1ccccc1C"]


@pytest.fixture(scope="module")
def report():
    return molecule_report(GIVEN, KNOWN)


def test_each_is_judged(report):
    assert report.smiles == ["CCO", "C1CC", "CCO", "", "CCC=O", "c1ccccc1", ""]
    assert report.valid.tolist() == [True, False, True, False, True, True, False]
    assert report.duplicate.tolist() == [False, False, True, False, False, False, False]
    assert report.novel.tolist() == [False, False, False, False, True, True, False]
    assert report.nearest[:2] == ["CCO", ""]
    assert report.nearest[5] == "Cc1ccccc1"
    assert report.similarity[0] == 1
    assert np.isnan(report.similarity).tolist() == (~report.valid).tolist()
    assert "brenk: aldehyde" in report.alerts[4]
    assert set(report.properties) == set(PROPERTIES)


def test_counts_and_summary(report):
    assert report.counts == {
        "given": 7,
        "valid": 4,
        "different": 3,
        "without_alerts": 2,
        "new": 2,
    }
    words = "7 molecules: 4 valid (57.1 %), 3 different, of these 2 without alerts and 2 new."
    assert report.summary() == words


def test_without_training_molecules_nothing_is_said_of_novelty():
    report = molecule_report(GIVEN, properties=["qed"], catalogues=[])
    assert report.novel is report.nearest is report.similarity is None
    assert "Novelty and nearest training molecules were not judged" in report.summary()
    expected = ["smiles", "valid", "duplicate", "qed", "alerts"]
    assert list(report.frame().columns) == expected
    assert "new" not in report.counts


def test_none_at_all():
    report = molecule_report([], KNOWN)
    assert len(report) == 0
    assert report.summary().startswith("0 molecules: 0 valid (0.0 %)")
    assert len(report.frame()) == 0
    with pytest.raises(DataError, match="at least one molecule"):
        report.grid()


def test_a_choice_of_them(report):
    some = report[np.array([5, 0])]
    assert some.smiles == ["c1ccccc1", "CCO"]
    assert some.frame()["novel"].tolist() == [True, False]
    assert "nearest known" in some.grid().captions[0]
    assert some.grid().captions[1].endswith("\nknown")


def test_known_molecules_follow_the_rules_of_the_domain():
    flat = MoleculeDomain(standardizer=Standardizer(stereo="drop"))
    known = KnownMolecules.of(["C[C@H](N)O", "C[C@@H](N)O", "C1CC"], flat)
    assert known.smiles == ("CC(N)O",)
    assert "CC(N)O" in known
    assert None not in known
    with pytest.raises(DataError, match="at least one training molecule that can be read"):
        KnownMolecules.of(["C1CC"])


def test_a_table(report, tmp_path):
    save_molecules(tmp_path / "a.csv", report, {"extra": np.arange(7)})
    frame = pd.read_csv(tmp_path / "a.csv")
    assert frame["valid"].tolist() == report.valid.tolist()
    assert frame["extra"].tolist() == list(range(7))
    np.testing.assert_allclose(frame["mw"], report.properties["mw"], rtol=1e-5)


def test_lines_of_the_valid(report, tmp_path):
    save_molecules(tmp_path / "a.smi", report)
    assert (tmp_path / "a.smi").read_text().split() == ["CCO", "CCO", "CCC=O", "c1ccccc1"]


def test_records_of_the_valid(report, tmp_path):
    save_molecules(tmp_path / "a.sdf", report)
    content = io.BytesIO((tmp_path / "a.sdf").read_bytes())
    records = list(Chem.ForwardSDMolSupplier(content))
    assert [Chem.MolToSmiles(m) for m in records] == ["CCO", "CCO", "CCC=O", "c1ccccc1"]
    last = records[-1].GetPropsAsDict()
    assert last["mw"] == pytest.approx(78.114)
    assert last["nearest"] == "Cc1ccccc1"
    assert "alerts" not in last  # it has none
    assert records[0].GetConformer().Is3D() is False


def test_another_ending(report, tmp_path):
    with pytest.raises(SpecError, match=r"must end in \.csv, \.smi, \.sdf; got .*a\.xlsx"):
        save_molecules(tmp_path / "a.xlsx", report)
    assert not list(tmp_path.iterdir())
