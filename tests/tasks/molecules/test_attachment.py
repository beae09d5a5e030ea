"""Scaffolds get substituents in their open places, and stay as they are in all others."""

import pytest

pytest.importorskip("rdkit")

from vaekit import load
from vaekit.errors import DataError
from vaekit.molecules import as_molecules, find_analogues, read_open_scaffold


@pytest.mark.parametrize(
    ("scaffold", "fits", "does_not"),
    [
        ("[*]c1ccncc1", ["CCc1ccncc1", "c1ccc(-c2ccncc2)cc1"], ["c1ccncc1", "Cc1cc(C)ncc1"]),
        ("O=C(N[*:1])c1ccc([*:2])cc1", ["CNC(=O)c1ccc(F)cc1"], ["CN(C)C(=O)c1ccc(F)cc1", "CCO"]),
        ("*CC*", ["CCCC", "OCCN"], ["CC", "CCC", "CC(C)CC"]),
    ],
)
def test_the_pattern_is_open_at_its_marks_alone(scaffold, fits, does_not):
    pattern = read_open_scaffold(scaffold).pattern
    assert [m.HasSubstructMatch(pattern) for m in as_molecules(fits)] == [True] * len(fits)
    assert not any(m.HasSubstructMatch(pattern) for m in as_molecules(does_not))


def test_all_marks_are_filled():
    scaffold = read_open_scaffold("O=C(N[*:1])c1ccc([*:2])cc1")
    (made,) = as_molecules([scaffold.filled("OC")])
    assert made.HasSubstructMatch(scaffold.pattern)
    assert made.GetNumHeavyAtoms() == 9 + 4


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("*", "must hang on an atom"),
        ("C=*", "one single bond"),
        ("C[*]C", "one single bond"),
        ("c1cc[*]", r"must be a SMILES with \[\*\]"),
    ],
)
def test_what_is_no_scaffold_is_refused(bad, words):
    with pytest.raises(DataError, match=words):
        read_open_scaffold(bad)


def test_a_scaffold_is_decorated():
    trained = load("moses").trained_
    scaffold = "O=C(N[*])c1ccc([*])cc1"
    found = find_analogues(trained, scaffold, 20, similarity=0.2, draws=400)
    assert len(found) >= 5
    pattern = read_open_scaffold(scaffold).pattern
    assert found.report.valid.all()
    assert all(m.HasSubstructMatch(pattern) for m in as_molecules(found.report.smiles))
    again = find_analogues(trained, scaffold, 20, similarity=0.2, draws=400)
    assert again.report.smiles == found.report.smiles
    with pytest.raises(DataError, match=r"reads none of 8 tried. The first: "):
        find_analogues(trained, "[*][Si](C)(C)C", 5, draws=8)
