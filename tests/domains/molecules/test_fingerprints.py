"""Fingerprints and neighbours against RDKit's own similarity, pair by pair."""

import numpy as np
import pytest

pytest.importorskip("rdkit")

from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from vaekit.errors import DataError, SpecError
from vaekit.molecules import morgan_fingerprints, nearest_molecules, tanimoto
from vaekit.molecules import rdkit_tools as module

SMILES = ["CCO", "CCCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "C1CCNCC1", "C[C@H](N)C(=O)O", "C"]


def rdkit_similarity(a, b):
    maker = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    one, other = (maker.GetFingerprint(Chem.MolFromSmiles(smiles)) for smiles in (a, b))
    return DataStructs.TanimotoSimilarity(one, other)


def test_every_pair_is_as_rdkit_says():
    found = morgan_fingerprints(SMILES)
    expected = [[rdkit_similarity(a, b) for b in SMILES] for a in SMILES]
    np.testing.assert_allclose(tanimoto(found, found), expected, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("cells", [1, 10, 10_000])
def test_the_nearest_come_first_however_they_are_cut(monkeypatch, count, cells):
    monkeypatch.setattr(module, "_CELLS", cells)
    found = morgan_fingerprints(SMILES)
    near = nearest_molecules(found[:3], found, count)
    similar = tanimoto(found[:3], found)
    np.testing.assert_array_equal(near.positions[:, 0], [0, 1, 2])
    np.testing.assert_allclose(near.similarity, -np.sort(-similar, axis=1)[:, :count])
    np.testing.assert_allclose(np.take_along_axis(similar, near.positions, 1), near.similarity)


def test_what_is_no_molecule_is_near_to_none():
    known = morgan_fingerprints(["", "CCO", "CCCO"])
    near = nearest_molecules(morgan_fingerprints(["CCO", "C1CC"]), known, 3)
    assert near.positions.tolist() == [[1, 2, -1], [-1, -1, -1]]
    assert np.isnan(near.similarity).tolist() == [[False, False, True], [True, True, True]]


def test_none_to_search_for():
    near = nearest_molecules(morgan_fingerprints([]), morgan_fingerprints(SMILES), 2)
    assert near.positions.shape == near.similarity.shape == (0, 2)


def test_refusals():
    found = morgan_fingerprints(SMILES[:2])
    with pytest.raises(DataError, match="at least as many references as neighbours; got 2 for 3"):
        nearest_molecules(found, found, 3)
    with pytest.raises(SpecError, match="count must be at least 1; got 0"):
        nearest_molecules(found, found, 0)
