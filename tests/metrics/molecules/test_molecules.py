"""Measures of molecules where the answer is known or can be counted by hand."""

import sys

import numpy as np
import pytest
import torch

pytest.importorskip("rdkit")

from vaekit.errors import DataError, MissingExtraError, SpecError
from vaekit.molecules import (
    chemnet_activations,
    cosine_of_counts,
    fragment_counts,
    frechet_chemnet_distance,
    internal_diversity,
    morgan_fingerprints,
    moses_fingerprints,
    novelty,
    property_distance,
    property_distances,
    scaffold_counts,
    similarity_to_nearest,
    tanimoto,
    uniqueness,
    validity,
)
from vaekit.molecules import (
    metrics as chemnet,
)

SAMPLES = ["CCO", "OCC", "C1CC", None, "", "CCN", "c1ccccc1"]


def test_shares():
    assert validity(SAMPLES) == 4 / 7
    assert uniqueness(SAMPLES) == 3 / 4
    assert uniqueness(SAMPLES, k=2) == 1 / 2
    assert novelty(SAMPLES, ["NCC", "not one"]) == 2 / 3


@pytest.mark.parametrize("measure", [validity, uniqueness, internal_diversity])
def test_nothing_to_measure(measure):
    with pytest.raises(DataError, match="at least one .*; got none"):
        measure([])


@pytest.mark.parametrize("measure", [uniqueness, internal_diversity])
def test_nothing_valid(measure):
    with pytest.raises(DataError, match="got none"):
        measure(["C1CC"])
    with pytest.raises(DataError, match="got none"):
        similarity_to_nearest(["CCO"], ["C1CC"])
    with pytest.raises(DataError, match="got none"):
        novelty(["C1CC"], ["CCO"])


def test_diversity_is_that_of_all_pairs():
    valid = ["CCO", "OCC", "CCN", "c1ccccc1", "c1ccccc1O"]
    found = morgan_fingerprints(valid, num_bits=1024)
    similar = tanimoto(found, found).astype(float)
    assert internal_diversity([*valid, "C1CC"]) == pytest.approx(1 - similar.mean())
    by_square = 1 - np.sqrt((similar**2).mean(1)).mean()
    assert internal_diversity(found, power=2) == pytest.approx(by_square)
    with pytest.raises(SpecError, match="power must be at least 1"):
        internal_diversity(valid, power=0)


def test_the_nearest_of_known_ones_are_they_themselves():
    known = ["CCO", "CCN", "c1ccccc1"]
    assert similarity_to_nearest(["OCC", "C1CC", "NCC"], known) == pytest.approx(1)
    found = tanimoto(*(moses_fingerprints([smiles]) for smiles in ("CCCO", "CCO")))
    assert similarity_to_nearest(["CCCO"], ["CCO"]) == pytest.approx(found.item())


def test_fragments_of_an_amide_and_an_ether():
    counts = fragment_counts(["CC(=O)Nc1ccccc1", "C1CC", "COc1ccccc1"])
    assert counts["[16*]c1ccccc1"] == 2
    assert sum(counts.values()) == 3 + 2 + 1 - 1
    assert fragment_counts([]) == {}


def test_scaffolds_need_rings():
    biphenyl = "c1ccc(-c2ccccc2)cc1"
    given = ["Cc1ccc(-c2ccccc2)cc1", "Clc1ccc(-c2ccccc2)cc1", "Cc1ccccc1", "CCO", "no"]
    assert scaffold_counts(given) == {biphenyl: 2}
    assert scaffold_counts(given, least_rings=1) == {biphenyl: 2, "c1ccccc1": 1}


def test_cosines():
    assert cosine_of_counts({"a": 1}, {"b": 1}) == 0
    assert cosine_of_counts({"a": 3, "b": 4}, {"a": 1}) == pytest.approx(0.6)
    with pytest.raises(DataError, match="something counted on both sides; got 0 and 1"):
        cosine_of_counts({}, {"a": 1})


def test_distances_of_properties():
    found = property_distances(["CCO", "CCCO"], ["CCCCO", "CCCCCO", "no"], ["heavy_atoms", "hbd"])
    assert found == {"heavy_atoms": 2.0, "hbd": 0.0}
    with pytest.raises(DataError, match="numbers on both sides; got 1 and 0"):
        property_distance(np.array([1.0]), np.array([np.nan]))
    with pytest.raises(SpecError, match="unknown property"):
        property_distances(["CCO"], ["CCO"], ["colour"])


def test_chemnet_sees_valid_molecules_one_by_one():
    pytest.importorskip("fcd")
    both = chemnet_activations(["CCO", "C1CC", "c1ccccc1O"])
    assert both.shape == (2, 512)
    torch.testing.assert_close(both[1:], chemnet_activations(["Oc1ccccc1"], batch_size=1))
    assert not torch.allclose(both[0], both[1])
    assert chemnet_activations(["C" * 400]).shape == (0, 512)


def test_the_distance_of_chemnet():
    pytest.importorskip("fcd")
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 600, 512, generator=generator)
    assert frechet_chemnet_distance(a, a) < 1e-6 < frechet_chemnet_distance(a, b)
    with pytest.raises(DataError, match="more than 512 valid molecules .* got 1 references and 2"):
        frechet_chemnet_distance(["CCO"], ["CCN", "CC"])


def test_chemnet_is_as_the_package_computes_it():
    fcd_utils = pytest.importorskip("fcd.utils")
    smiles = ["CCO", "Clc1ccccc1Br", "CC(=O)Oc1ccccc1C(=O)O"]
    (batch,) = torch.utils.data.DataLoader(fcd_utils.SmilesDataset(smiles), batch_size=3)
    network, _ = chemnet._network("cpu")
    expected = network(batch.transpose(1, 2).float())
    torch.testing.assert_close(chemnet_activations(["OCC", *smiles[1:]]), expected)


def test_without_the_extra(monkeypatch):
    chemnet._network.cache_clear()
    monkeypatch.setitem(sys.modules, "fcd", None)
    monkeypatch.setitem(sys.modules, "fcd.utils", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vaekit\[fcd\]'"):
        chemnet_activations(["CCO"])
