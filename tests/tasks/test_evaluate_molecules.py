"""Evaluating models of molecules: sources side by side, latents, and what is refused."""

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("selfies")
pytest.importorskip("pandas")

from vaekit import Autoencoder
from vaekit.errors import DataError
from vaekit.evaluation import EvaluationSettings, evaluate
from vaekit.molecules import MoleculeDomain, canonical, scaffold_counts
from vaekit.molecules.evaluation import MoleculeSet

pytestmark = pytest.mark.slow

ENDS = ("O", "N", "C(=O)O", "C#N", "Cl", "c1ccccc1", "C1CCNCC1", "C(=O)Nc1ccccc1")
MOLECULES = [f"{'C' * n}{end}" for n in range(1, 13) for end in ENDS]
TRAINING, HELD_OUT = MOLECULES[: 8 * 9], MOLECULES[8 * 4 : 8 * 9]
SOURCES = ("samples", "model prior", "training molecules")


@pytest.fixture(scope="module")
def trained():
    domain = MoleculeDomain("selfies")
    model = Autoencoder(latent_dim=3, domain=domain, max_epochs=3, progress=False)
    return model.fit(TRAINING).trained_


@pytest.fixture(scope="module")
def found(trained):
    settings = EvaluationSettings(samples=40, draws=2)
    return evaluate(trained, HELD_OUT, training=TRAINING, settings=settings)


def test_the_floor_is_what_training_molecules_are(found):
    assert found.value("valid, training molecules") == 1
    assert found.value("new, of different, training molecules") == 0
    assert found.value("different, of valid, training molecules") == 1
    floor = found.value("similarity to nearest held-out (SNN), training molecules")
    assert floor > found.value("similarity to nearest held-out (SNN), samples")


def test_selfies_are_valid_unless_empty_and_their_figures_are_there(found):
    for source in SOURCES[:2]:
        assert found.value(f"valid, {source}") > 0.7
        for name in ("internal diversity", "fragments, cosine (Frag)"):
            assert 0 <= found.value(f"{name}, {source}") <= 1
        assert found.value(f"mw, Wasserstein distance, {source}") > 0


def test_too_few_for_chemnet_are_told_so(found):
    pytest.importorskip("fcd")
    (row,) = [r for r in found.rows() if r.name == "Fréchet ChemNet distance (FCD), samples"]
    assert row.value is None
    assert "more than 512 valid molecules" in row.note


def test_latents_and_reconstruction(found):
    for name in ("exact reconstruction", "valid at the mean + 0.5 sigma"):
        assert 0 <= found.value(name) <= 1
    assert found.value("valid halfway between two") > 0.7
    assert found.value("R2 of tpsa from latents, ridge") < 1
    assert found.value("R2 of tpsa from latents, kernel ridge") < 1
    assert "squared error per value" not in {row.measure for row in found.rows()}


def test_pictures(found):
    assert {"samples", "latent_map", "columns"} <= set(found.pictures)
    assert [axes.get_ylabel() for axes in found.pictures["latent_map"].axes][-1] == "logP"


def test_molecules_that_the_model_has_no_tokens_for_are_left_out_and_counted(trained):
    settings = EvaluationSettings(samples=10, draws=1)
    found = evaluate(trained, [*HELD_OUT, "CCBr", "C" * 40], settings=settings)
    assert found.items == len(HELD_OUT)
    (row,) = [row for row in found.rows() if row.measure == "molecules of each kind"]
    assert "; 2 have tokens or a length that training had not, left out" in row.note


def test_without_training_molecules_the_rows_say_so(trained):
    found = evaluate(trained, HELD_OUT, settings=EvaluationSettings(samples=10, draws=1))
    (row,) = [row for row in found.rows() if row.measure == "training molecules"]
    assert "(--training)" in row.note
    (row,) = [row for row in found.rows() if row.name == "new, of different, samples"]
    assert row.value is None


def test_fewer_training_molecules_than_samples(trained):
    settings = EvaluationSettings(samples=40, draws=1)
    found = evaluate(trained, HELD_OUT, training=TRAINING[:20], settings=settings)
    (row,) = [row for row in found.rows() if row.measure == "training molecules"]
    assert "as many training molecules as samples, 40; got 20" in row.note


def test_a_set_looks_at_the_valid_ones():
    given = ["OCC", "C1CC", "", "Cc1ccc2ccccc2c1"]
    both = MoleculeSet(given)
    assert both.smiles == [s for s in canonical(given) if s]
    assert both.scaffolds == scaffold_counts(given)
    assert both.passing == 1
    assert all(len(values) == 2 for values in both.properties.values())


def test_a_set_without_any():
    none = MoleculeSet(["C1CC"])
    assert none.molecules == []
    with pytest.raises(DataError, match="at least one valid molecule"):
        _ = none.passing
    assert not none.fragments
