"""Files and lists of molecules, good and bad."""

import gzip
import sys

import numpy as np
import pytest

from vaekit.errors import DataError, DataTypeError, MissingExtraError, SpecError
from vaekit.molecules import (
    Standardizer,
    as_molecules,
    as_pattern,
    canonical,
    compute_properties,
    read_molecules,
    standardize,
)
from vaekit.reading import ReadingWarning

pd = pytest.importorskip("pandas")
pytest.importorskip("rdkit")

SMILES = ("CCO", "c1ccccc1O", "CC(=O)N")


def written(path, text):
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("ending", [".smi", ".txt", ".smi.gz", ".txt.gz"])
@pytest.mark.parametrize("header", ["", "smiles name\n", "Molecule_text\n"])
def test_lines_with_and_without_a_header(tmp_path, ending, header):
    path = written(tmp_path / f"a{ending}", header + "\n".join(SMILES) + "\n")
    if header.startswith("Mol"):
        with pytest.warns(UserWarning, match="'Molecule_text', is taken for a header"):
            found = read_molecules(path)
    else:
        found = read_molecules(path)
    assert found.smiles == SMILES
    assert found.rows[0] == (2 if header else 1)
    assert found.place == "line"


def test_a_faulty_first_line_is_no_header(tmp_path):
    path = written(tmp_path / "a.smi", "C1CC\nCCO\nCC\n")
    (entry,) = standardize(path).report.rejected
    assert (entry.row, entry.given) == (1, "C1CC")


@pytest.mark.parametrize("first", ["C1CC", "CC\u00d6", "CCX*", "", "123"])
def test_no_molecule_of_the_first_line_is_lost(tmp_path, first):
    found = read_molecules(written(tmp_path / "a.smi", "\n".join((first, *SMILES))))
    assert found.smiles == (first, *SMILES)


@pytest.mark.parametrize(
    "line", ["{} ethanol of 1", "{}\tethanol of 1", "{},ethanol", "{};ethanol"]
)
def test_names_after_any_separator(tmp_path, line):
    found = read_molecules(written(tmp_path / "a.smi", "\n".join(map(line.format, SMILES))))
    assert found.smiles == SMILES
    assert found.names[0].startswith("ethanol")


def test_a_header_says_which_word_is_the_smiles(tmp_path):
    text = "id smiles\n" + "".join(f"x{i} {s}\n" for i, s in enumerate(SMILES))
    found = read_molecules(written(tmp_path / "a.smi", text))
    assert (found.smiles, found.names) == (SMILES, ("x0", "x1", "x2"))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".tsv.gz"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("has_header", [True, False])
def test_tables_with_any_separator_with_and_without_a_header(
    tmp_path, ending, separator, has_header
):
    rows = [(f"x{i}", s, str(i + 0.5)) for i, s in enumerate(SMILES)]
    lines = [("id", "smiles", "column_3"), *rows] if has_header else rows
    path = written(tmp_path / f"a{ending}", "\n".join(map(separator.join, lines)) + "\n")
    if has_header:
        found = read_molecules(path)
    else:
        with pytest.warns(UserWarning, match="no header.*called column_1 to column_3"):
            found = read_molecules(path)
    assert found.smiles == SMILES
    assert found.rows[0] == 1 + has_header
    np.testing.assert_array_equal(found.properties["column_3"], [0.5, 1.5, 2.5])


def test_a_table_of_smiles_alone_keeps_its_first_row(tmp_path):
    with pytest.warns(UserWarning, match="no header"):
        assert read_molecules(written(tmp_path / "a.csv", "CCO\nCCO\nCC\n")).smiles == (
            "CCO",
            "CCO",
            "CC",
        )
    assert read_molecules(written(tmp_path / "b.csv", "drug,C,N\nCCO,1,2\n")).smiles == ("CCO",)


def test_decimal_commas_are_read_and_mixtures_are_said(tmp_path):
    text = "smiles;logp\nCCO;7,5\nCC;-1,25\n"
    found = read_molecules(written(tmp_path / "a.csv", text))
    np.testing.assert_array_equal(found.properties["logp"], [7.5, -1.25])
    with pytest.warns(ReadingWarning, match="in several ways"):
        mixed = read_molecules(written(tmp_path / "b.csv", text + "C;1.5\n"))
    assert not mixed.properties


@pytest.mark.parametrize(
    ("given", "smiles"),
    [
        ("[CH3:1][CH2:2][OH:3]", "CCO"),
        ("[H:4][CH3:2]", "C"),
        ("[cH:1]1ccccc1", "c1ccccc1"),
        ("C[C@@:5](N)(O)F", standardize(["C[C@@](N)(O)F"]).smiles[0]),
    ],
)
def test_atom_maps_are_removed(given, smiles):
    (entry,) = standardize([given]).report.entries
    assert (entry.smiles, entry.changes) == (smiles, ("atom maps removed",))
    assert canonical([given]) == [smiles]


@pytest.mark.parametrize(
    "given", ["CC\u00d6", "\u00d6CC", "CC\u2212O", "C\u200bC", "\uff23\uff23", "CC\x00O"]
)
def test_what_is_not_ascii_is_no_smiles(given):
    (entry,) = standardize([given]).report.rejected
    assert "not a valid SMILES" in entry.reason
    assert as_molecules([given]) == [None]
    assert np.isnan(compute_properties([given], ["mw"])["mw"]).all()
    with pytest.raises(DataError, match="must be SMARTS"):
        as_pattern(given)


def test_text_behind_a_smiles_is_told():
    (entry,) = standardize(["CCO ethanol"]).report.entries
    assert (entry.smiles, entry.changes) == ("CCO", ("text after the SMILES left out",))


def test_an_empty_file(tmp_path):
    assert standardize(written(tmp_path / "a.smi", "")).report.counts["given"] == 0


def test_names_after_the_smiles(tmp_path):
    found = read_molecules(written(tmp_path / "a.smi", "CCO ethyl alcohol\nCC\tethane\n\nC\n"))
    assert found.smiles == ("CCO", "CC", "", "C")
    assert found.names == ("ethyl alcohol", "ethane", "", "")


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
@pytest.mark.parametrize("name", ["smiles", "Canonical_SMILES", "drug"])
def test_a_column_is_found_and_others_are_properties(tmp_path, ending, name):
    text = f"id,{name},logp\n" + "".join(f"x{i},{s},{i}\n" for i, s in enumerate(SMILES)) + "x,,\n"
    found = read_molecules(written(tmp_path / f"a{ending}", text))
    assert found.smiles == (*SMILES, "")
    assert found.rows == (2, 3, 4, 5)
    np.testing.assert_array_equal(found.properties["logp"], [0, 1, 2, np.nan])
    assert list(found.properties) == ["logp"]


def test_a_wrong_column_is_named_with_the_nearest():
    with pytest.raises(SpecError, match="did you mean 'smiles'"):
        read_molecules(pd.DataFrame({"smiles": SMILES}), "smile")


def test_a_table_without_smiles_or_header(tmp_path):
    with pytest.raises(DataError, match=r"column of SMILES.*Name it"):
        read_molecules(pd.DataFrame({"a": [1, 2], "b": ["x!", "y!"]}))
    with pytest.warns(ReadingWarning, match="no header"):
        found = read_molecules(written(tmp_path / "a.csv", "CCO,1\nCCN,2\n"))
    assert found.smiles == ("CCO", "CCN")


@pytest.mark.parametrize("ending", [".sdf", ".sdf.gz"])
def test_sdf_with_fields_and_a_bad_record(tmp_path, ending):
    from rdkit import Chem

    writer = Chem.SDWriter(str(tmp_path / "plain"))
    for i, smiles in enumerate(SMILES):
        mol = Chem.MolFromSmiles(smiles)
        mol.SetProp("_Name", f"m{i}")
        if i:
            mol.SetProp("pIC50", str(5.5 + i))
        writer.write(mol)
    writer.close()
    text = (tmp_path / "plain").read_text()
    bad = text.split("$$$$\n")[0].replace(" C ", " Qq ", 1)
    found = read_molecules(written(tmp_path / f"a{ending}", text + bad + "$$$$\n"))
    assert found.smiles == (*standardize(SMILES).smiles, "")
    assert found.rows == (1, 2, 3, 4)
    assert found.names[:3] == ("m0", "m1", "m2")
    np.testing.assert_array_equal(found.properties["pIC50"], [np.nan, 6.5, 7.5, np.nan])


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="single SMILES into a list"):
        read_molecules("CCO")
    with pytest.raises(DataError, match="must end in"):
        read_molecules(written(tmp_path / "a.mol2", ""))
    (tmp_path / "b.smi.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="readable"):
        read_molecules(tmp_path / "b.smi.gz")
    with pytest.raises(DataTypeError, match="row 1"):
        read_molecules(["C", 7])
    with pytest.raises(DataError, match="Leave it out"):
        read_molecules(["C"], "smiles")
    with pytest.raises(DataError, match=r"\.csv file"):
        read_molecules(written(tmp_path / "a.smi", "C"), "smiles")


def test_the_rules_can_be_chosen():
    given = ["C[C@H](N)C(=O)O", "[13CH3]C", "CC.[Na+].[Cl-]", "CC(=O)[O-]"]
    assert standardize(given).smiles == ("C[C@H](N)C(=O)O", "CC", "CC(=O)O")
    plain = Standardizer("refuse", "keep", "drop", "keep")
    found = standardize(given, plain)
    assert found.smiles == ("CC(N)C(=O)O", "C[13CH3]", "CC(=O)[O-]")
    assert found.report.rejected[0].reason == "more than one fragment"
    refusing = standardize(["[2H]C", "CC"], Standardizer(isotopes="refuse"))
    assert refusing.report.rejected[0].reason == "an isotope"
    with pytest.raises(SpecError, match="stereo must be one of keep, drop"):
        Standardizer(stereo="flat")


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("C1CC", "not a valid SMILES"),
        ("C(C)(C)(C)(C)C", "not a valid SMILES"),
        ("", "empty"),
        ("C" * 251, "250 heavy atoms"),
        ("C" * 9000, "250 heavy atoms"),
        ("C[Mg]Br", "organometallic"),
        ("[Na+].[Cl-]", "no carbon"),
        ("CC*", "not specified"),
    ],
)
def test_what_is_rejected_and_why(smiles, reason, capfd):
    (entry,) = standardize([smiles]).report.rejected
    assert reason in entry.reason
    assert capfd.readouterr().err == ""


def test_changes_are_told_and_charges_that_must_stay_do():
    found = standardize(["C[N+](C)(C)C.[Cl-]", "[2H]C([2H])O", "C[N+](=O)[O-]"])
    assert found.smiles == ("C[N+](C)(C)C", "CO", "C[N+](=O)[O-]")
    assert [e.changes for e in found.report.entries] == [
        ("largest of 2 fragments kept",),
        ("isotopes dropped",),
        (),
    ]


def test_standardized_molecules_stay_as_they_are():
    found = standardize(["C(O)C", "[O-]C(=O)C[NH3+]", "OC(=O)c1ccccc1.[K+]", "F/C=C/F"])
    assert standardize(found.smiles).smiles == found.smiles


def test_a_center_that_only_isotopes_made_is_none():
    assert standardize(["C[C@H]([2H])O"]).smiles == ("CCO",)


def test_some_of_the_standardized():
    found = standardize(pd.DataFrame({"smiles": SMILES, "y": [1.0, 2.0, 3.0]}))
    for positions in (slice(1, None), np.array([1, 2])):
        some = found[positions]
        assert (len(some), some.smiles, some.rows) == (2, found.smiles[1:], (1, 2))
        np.testing.assert_array_equal(some.properties["y"], [2, 3])


def test_duplicates_and_properties_keep_their_rows():
    frame = pd.DataFrame({"smiles": ["CCO", "OCC", "x", "CC"], "y": [1.0, 2.0, 3.0, 4.0]})
    found = standardize(frame)
    assert found.rows == (0, 3)
    np.testing.assert_array_equal(found.properties["y"], [1, 4])
    assert found.report.duplicated[0].duplicate_of == 0
    assert standardize(frame, keep_duplicates=True).rows == (0, 1, 3)
    assert found.report.counts == {
        "given": 4,
        "unique": 2,
        "changed": 0,
        "duplicated": 1,
        "rejected": 1,
    }
    assert "duplicated: 1 (row 1)" in str(found.report)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(MissingExtraError, match=r"vaekit\[molecules\]"):
        standardize(["C"])
