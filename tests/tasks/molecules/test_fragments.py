"""Pieces of a lead are exchanged where latents do not hold it."""

import numpy as np
import pytest

from vaekit import load
from vaekit.errors import SpecError
from vaekit.molecules import as_pattern, canonical, exchange_fragments, find_analogues

pytest.importorskip("rdkit")

LEAD = "CC(=O)Nc1ccc(O)cc1"
OTHERS = ["CCC(=O)NC", "O=C(NC1CC1)c1ccncc1", "CS(=O)(=O)Nc1ccccc1", None, "not one", "C1CC1"]


def test_one_side_stays_and_the_other_is_of_another_molecule():
    made = exchange_fragments(LEAD, OTHERS, 100, seed=0)
    assert made == canonical(made)
    assert len(set(made)) == len(made) > 1
    assert LEAD not in made
    assert all(molecule for molecule in made)
    assert "O=C(Nc1ccc(O)cc1)c1ccncc1" in made


def test_few_are_tried_and_the_same_again():
    everything = exchange_fragments(LEAD, OTHERS, 100, seed=0)
    some = exchange_fragments(LEAD, OTHERS, 2, seed=1)
    assert some == exchange_fragments(LEAD, OTHERS, 2, seed=1)
    assert len(some) <= 2
    assert set(some) <= set(everything)


@pytest.mark.parametrize("lead", ["C1CC1", "C", "no molecule"])
def test_what_has_no_bond_to_cut_gives_nothing(lead):
    assert exchange_fragments(lead, OTHERS, 10, seed=0) == []


def test_stereo_and_charges_of_the_side_that_stays_are_kept():
    made = exchange_fragments("C[C@H]([NH3+])c1ccc(NC(C)=O)cc1", OTHERS, 50, seed=0)
    assert made
    assert all("[NH3+]" in each and "@" in each for each in made)


def test_analogues_of_a_lead_that_is_not_given_back():
    trained = load("moses").trained_
    lead = "CC(=O)Nc1ccc(N2CCN(c3ccccc3)CC2)c2c1ccc1ccccc12"
    options = {"similarity": 0.3, "draws": 8, "n": 200, "keep": "N1CCNCC1"}
    without = find_analogues(trained, lead, **options)
    assert "exchange=1000" in without.summary()
    found = find_analogues(trained, lead, exchange=60, **options)
    made, similar = found.exchanged
    assert made >= similar > 0
    assert np.isnan(found.radius).sum() > 0
    assert f"{made} made, {similar} similar enough" in found.summary()
    assert (found.similarity_to_lead >= 0.3).all()
    ring = as_pattern("N1CCNCC1")
    assert all(each.HasSubstructMatch(ring) for each in map(_molecule, found.report.smiles))
    with pytest.raises(SpecError, match="exchange must be at least 0; got -1"):
        find_analogues(trained, lead, exchange=-1)


def _molecule(smiles):
    from rdkit import Chem

    return Chem.MolFromSmiles(smiles)
