"""Analogues of a lead, ways between molecules, neighbours and maps among the latents."""

import numpy as np
import pytest

pytest.importorskip("rdkit")
pytest.importorskip("selfies")
pytest.importorskip("pandas")

from rdkit import Chem

from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.molecules import (
    compute_properties,
    draw_paths,
    find_analogues,
    is_readable,
    latent_neighbors,
    molecule_paths,
    morgan_fingerprints,
    property_map,
    tanimoto,
)

LEAD = "Cc1ccc(O)cc1N"
OTHER, FAR = "Cc1ccc(C)c(N)c1", "COc1ccc(Cl)cc1F"
ALCOHOL, AMINE = "[OX2H1]", "[NX3;H2]"


def similar(smiles, other):
    found = morgan_fingerprints([*smiles, other])
    return tanimoto(found[:-1], found[-1:])[:, 0]


@pytest.fixture(scope="module")
def found(trained):
    return find_analogues(trained, LEAD, 4, similarity=0.3, draws=160)


@pytest.mark.slow
def test_analogues_are_different_valid_and_similar(found):
    assert 0 < len(found) <= 4
    assert found.report.valid.all()
    assert not found.report.duplicate.any()
    assert LEAD not in found.report.smiles
    np.testing.assert_allclose(found.similarity_to_lead, similar(found.report.smiles, LEAD))
    assert (np.diff(found.similarity_to_lead) <= 0).all()
    assert found.similarity_to_lead.min() >= 0.3
    assert sum(ring.draws for ring in found.rings) == 160
    assert set(found.radius) <= {ring.radius for ring in found.rings}


def test_the_same_seed_finds_the_same(trained, found):
    again = find_analogues(trained, LEAD, 4, similarity=0.3, draws=160)
    assert again.report.smiles == found.report.smiles
    assert again.summary() == found.summary()


def test_they_are_shown(found):
    assert list(found.frame().columns)[-2:] == ["similarity_to_lead", "radius"]
    grid = found.grid()
    assert len(grid.molecules) == len(found) + 1
    assert grid.captions[0] == "the lead"
    assert "among 160 draws" in found.summary()


@pytest.mark.parametrize("lowest", [False, True])
def test_what_must_stay_stays_and_a_property_ranks(trained, lowest):
    options = {"keep": AMINE, "rank": "mw", "lowest": lowest, "similarity": 0.2, "draws": 160}
    smiles = find_analogues(trained, LEAD, 10, **options).report.smiles
    pattern = Chem.MolFromSmarts(AMINE)
    assert len(smiles) > 1
    assert all(Chem.MolFromSmiles(s).HasSubstructMatch(pattern) for s in smiles)
    steps = np.diff(compute_properties(smiles, ["mw"])["mw"])
    assert (steps >= 0).all() if lowest else (steps <= 0).all()


def test_none_that_is_similar_enough(trained):
    found = find_analogues(trained, LEAD, similarity=1.0, keep=ALCOHOL, draws=16)
    assert len(found) == len(found.report) == len(found.frame()) == found.candidates == 0
    assert found.summary().startswith(f"0 analogues of {LEAD}, of 0 that were found among 16")


@pytest.mark.parametrize(
    ("lead", "options", "error", "words"),
    [
        ("C1CC", {}, DataError, "the lead must be a molecule; got 'C1CC': not a valid SMILES"),
        ("", {}, DataError, "the lead must be a molecule"),
        ("[Na+].[Cl-]", {}, DataError, "the lead must be a molecule"),
        ("BrCCO", {}, DataError, "a token must be one of"),
        ("C" * 40, {}, DataError, "at most"),
        (LEAD, {"keep": "c1cc"}, DataError, "SMARTS that RDKit can read"),
        (LEAD, {"keep": "C#N"}, DataError, "the lead must have the substructure"),
        (LEAD, {"n": 0}, SpecError, "n must be at least 1"),
        (LEAD, {"similarity": 1.5}, SpecError, "similarity must be from 0 to 1"),
        (LEAD, {"similarity": float("nan")}, SpecError, "similarity must be from 0 to 1"),
        (LEAD, {"draws": 3}, SpecError, "draws must be at least 8"),
        (LEAD, {"rank": "QED"}, SpecError, "did you mean 'qed'"),
    ],
)
def test_refusals(trained, lead, options, error, words):
    with pytest.raises(error, match=words):
        find_analogues(trained, lead, **options)


def test_models_of_other_things(others):
    for ask in (find_analogues, property_map):
        with pytest.raises(CompositionError, match="needs a model of molecules"):
            ask(others, LEAD)
    with pytest.raises(CompositionError, match="needs a model of molecules"):
        molecule_paths(others, [LEAD], [LEAD])
    with pytest.raises(CompositionError, match="needs a model of molecules"):
        latent_neighbors(others, [LEAD], [LEAD])


def test_ways_lead_from_one_to_the_other(trained):
    starts, ends = [OTHER, LEAD], [FAR, LEAD]
    far, none = molecule_paths(trained, starts, ends, steps=5)
    assert (far.smiles[0], far.smiles[-1]) == (OTHER, FAR)
    assert 2 <= len(far) <= 5
    assert len(set(far.smiles)) == len(far)
    assert (np.diff(far.position) > 0).all()
    assert far.similarity_to_start[0] == far.similarity_to_end[-1] == 1
    np.testing.assert_allclose(far.similarity_to_end, similar(far.smiles, FAR))
    assert 0 <= far.valid <= 1
    assert none.smiles[0] == LEAD
    grid = draw_paths([far, none])
    assert grid.columns == max(len(far), len(none))
    assert len(grid.molecules) == 2 * grid.columns
    assert far.grid().captions[0].startswith("1.00 to start")


def test_ways_refuse(trained):
    with pytest.raises(SpecError, match="steps must be at least 2"):
        molecule_paths(trained, ["CCO"], ["CCN"], steps=1)
    with pytest.raises(SpecError, match="'linear' or 'spherical' for molecules"):
        molecule_paths(trained, ["CCO"], ["CCN"], path="geodesic")
    with pytest.raises(DataError, match="as many items; got 2 and 1"):
        molecule_paths(trained, ["CCO", "CCC"], ["CCN"])
    with pytest.raises(DataError, match="at least one way"):
        draw_paths([])


def test_neighbors_among_the_latents(trained, molecules):
    found = latent_neighbors(trained, [LEAD, "c1c(C)ccc(C)c1N"], molecules, 3)
    assert found.smiles == (LEAD, OTHER)
    assert [near[0] for near in found.neighbors] == [LEAD, OTHER]
    np.testing.assert_allclose(found.distance[:, 0], 0, atol=1e-4)
    assert (np.diff(found.distance, axis=1) >= 0).all()
    frame = found.frame()
    assert frame["neighbour"].tolist() == [s for near in found.neighbors for s in near]
    np.testing.assert_allclose(frame["similarity"][:3], similar(found.neighbors[0], LEAD))
    with pytest.raises(DataError, match="as many molecules to search among as neighbours; got 1"):
        latent_neighbors(trained, [LEAD], ["CCO"], 2)
    with pytest.raises(SpecError, match="count must be at least 1"):
        latent_neighbors(trained, [LEAD], ["CCO"], 0)


def test_a_map_by_a_property(trained, molecules):
    figure = property_map(trained, molecules, "tpsa")
    assert figure.axes[-1].get_ylabel() == "tpsa, Å²"
    with pytest.raises(SpecError, match="did you mean 'logp'"):
        property_map(trained, molecules, "logP")
    with pytest.raises(DataError, match="at least 2 items"):
        property_map(trained, ["CCO"])


def test_what_can_be_read(trained):
    assert is_readable(trained.domain, "CCO")
    assert not is_readable(trained.domain, "CCBr")
