"""Properties against values known from the literature, and what is no molecule."""

import numpy as np
import pytest

pytest.importorskip("rdkit")

from vaekit.errors import DataError, SpecError
from vaekit.molecules import PROPERTIES, as_molecules, as_pattern, canonical, compute_properties

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
# PubChem's entry 2244; QED of Bickerton et al. 2012, supplement; logP and SA of RDKit itself
KNOWN = {
    "mw": 180.16,
    "tpsa": 63.6,
    "heavy_atoms": 13,
    "hbd": 1,
    "rotatable_bonds": 2,
    "rings": 1,
    "charge": 0,
    "stereo_centres": 0,
    "qed": 0.55,
    "logp": 1.31,
    "sa": 1.58,
    "fraction_csp3": 1 / 9,
}


@pytest.mark.parametrize("name", KNOWN)
def test_aspirin(name):
    assert compute_properties([ASPIRIN], [name])[name][0] == pytest.approx(KNOWN[name], rel=5e-3)


def test_all_of_several_with_gaps():
    found = compute_properties(["[NH4+]", "C1CC", "", None, "N[C@@H](C)C(=O)O", "CC(O)CC"])
    assert list(found) == list(PROPERTIES)
    for values in found.values():
        assert values.dtype == np.float64
        assert np.isnan(values).tolist() == [False, True, True, True, False, False]
    assert found["charge"][0] == 1
    assert found["stereo_centres"][4:].tolist() == [1, 1]


def test_what_rdkit_reads_and_cannot_compute_with(capfd):
    odd = "Cc1cncc2c(=n(CC(=O)N(C)Cc3ccco3)nc2C)c1"
    found = compute_properties([odd, "CCO"])
    assert np.isnan(found["qed"]).tolist() == [True, False]
    assert found["heavy_atoms"].tolist() == [23, 3]
    assert capfd.readouterr().err == ""


def test_names_are_kept():
    assert all(key == each.name for key, each in PROPERTIES.items())


def test_molecules_are_as_good_as_their_smiles():
    (molecule,) = as_molecules([ASPIRIN])
    assert compute_properties([molecule], ["sa"]) == compute_properties([ASPIRIN], ["sa"])


def test_no_molecules():
    assert compute_properties([], ["qed"])["qed"].shape == (0,)


def test_an_unknown_name():
    with pytest.raises(SpecError, match="unknown property 'logP': did you mean 'logp'"):
        compute_properties([ASPIRIN], ["logP"])


def test_canonical_of_what_is_too_long():
    assert canonical(["OCC", "C" * 5001, "C" * 20]) == ["CCO", None, "C" * 20]


@pytest.mark.parametrize("smarts", ["", "c1cc", "not smarts"])
def test_smarts_that_cannot_be_read(smarts):
    with pytest.raises(DataError, match="SMARTS that RDKit can read; got"):
        as_pattern(smarts)
