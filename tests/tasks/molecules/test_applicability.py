"""A model says how far molecules are from what it learned, and how wide its predictions are."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rdkit")

from vaekit import Autoencoder, fine_tune, load
from vaekit.errors import CompositionError, DataError, FormatError
from vaekit.molecules import (
    MoleculeDomain,
    find_analogues,
    measure_applicability,
    missing_material,
    morgan_fingerprints,
    predict_molecules,
    prediction_intervals,
    tanimoto,
)
from vaekit.molecules.design import Predicted, maximize, optimize, table
from vaekit.molecules.reference import conformal_quantile
from vaekit.presets import sequence_vae

SMILES = ["C" * n + end for n in range(2, 22) for end in ("O", "N", "Cl", "C(=O)O", "C(C)N")]
UNREADABLE = ["C1CC", "c1ccccc1"]


@pytest.fixture(scope="module")
def model():
    domain = MoleculeDomain("smiles", targets=("heavy_atoms",))
    options = {"max_epochs": 20, "batch_size": 20, "learning_rate": 5e-3, "validation": 0.3}
    return Autoencoder(sequence_vae(beta=0.05), 4, domain=domain, progress=False, **options).fit(
        SMILES
    )


def test_each_molecule_has_its_row(model):
    trained = model.trained_
    far = measure_applicability(trained, [*SMILES, *UNREADABLE])
    assert len(far) == len(SMILES) + 2
    made = trained.reconstruct(SMILES)
    assert far.round_trip.tolist() == [a == b for a, b in zip(made, SMILES, strict=True)] + [
        False,
        False,
    ]
    assert np.isnan(far.log_density[-2:]).all()
    assert np.isnan(far.similarity[-2:]).all()
    assert (far.cost[:-2] >= 0).all()
    assert ((far.rank[:-2] >= 0) & (far.rank[:-2] <= 1)).all()
    assert far.similarity[:-2].max() == 1  # most were learned from
    order = np.argsort(far.log_density[:-2])
    assert (np.diff(far.rank[:-2][order]) >= 0).all()


def test_a_molecule_is_told_alike_alone_and_among_others(model):
    many = measure_applicability(model.trained_, SMILES)
    one = measure_applicability(model.trained_, SMILES[7:8])
    assert one.log_density[0] == pytest.approx(many.log_density[7], abs=1e-4)
    assert one.similarity[0] == many.similarity[7]
    again = measure_applicability(model.trained_, SMILES)
    assert (again.log_density == many.log_density).all()


def test_what_is_unlike_training_is_less_probable(model):
    odd = ["NCCCCCCN", "OCCOCCO", "ClCC(Cl)CCl", "CC(C)C(C)C(C)N"]
    far = measure_applicability(model.trained_, odd)
    usual = measure_applicability(model.trained_, SMILES)
    assert far.rank.mean() < usual.rank.mean()
    assert far.cost.mean() > usual.cost.mean()


def test_intervals_hold_what_they_promise_and_widen_where_the_model_knows_less(model):
    found = predict_molecules(model.trained_, SMILES, compute=True)
    assert found.coverage()["heavy_atoms"] >= 0.8  # of 30 that were held out, and 70 that were not
    low, high = found.intervals["heavy_atoms"]
    widths, cost = high - low, found.applicability.cost
    assert (np.diff(widths[np.argsort(cost)]) >= -1e-9).all()
    np.testing.assert_allclose((low + high) / 2, found.values["heavy_atoms"], rtol=1e-6)


def test_rows_that_cannot_be_read_have_no_interval(model):
    with pytest.warns(UserWarning, match="nothing predicted of 2 of 4"):
        found = predict_molecules(model.trained_, [*UNREADABLE, *SMILES[:2]])
    frame = found.frame()
    assert frame["heavy_atoms_low"].isna().tolist() == [True, True, False, False]
    assert not frame["round_trip"][:2].any()
    assert frame["log_density"].isna().tolist() == [True, True, False, False]


def test_quantiles_are_those_of_exchangeable_scores():
    assert conformal_quantile(range(1, 10)) == 9
    assert conformal_quantile(range(1, 9)) is None  # eight cannot promise nine of ten
    rng = np.random.default_rng(0)
    inside = [rng.normal() <= conformal_quantile(rng.normal(size=30)) for _ in range(3000)]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.02)


def test_it_is_stored_and_learned_anew(model, tmp_path):
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.domain_ == model.domain_
    first, second = (predict_molecules(m.trained_, SMILES[:5]) for m in (model, again))
    assert first.frame().equals(second.frame())
    further = fine_tune(model, SMILES, max_epochs=1, validation=0.3, progress=False)
    assert further.domain_.reference != model.domain_.reference
    assert model.domain_.unlearned().reference is None


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("quantiles", [1.0, 2.0], "have 1 items"),
        ("log_densities", [1.0, 0.0], "ascend"),
        ("fingerprints", ["abc"], "be 2048 bits in base64"),
        ("fingerprints", ["~" * 344], "be 2048 bits in base64"),
    ],
)
def test_what_is_stored_is_checked(model, tmp_path, field, value, rule):
    model.save(tmp_path / "run")
    path = tmp_path / "run" / "domain.json"
    document = json.loads(path.read_text())
    document["domain"]["args"]["reference"]["args"][field] = value
    path.write_text(json.dumps(document))
    with pytest.raises(FormatError, match=rule):
        load(tmp_path / "run")


def test_a_model_of_an_earlier_version_says_what_is_missing(model, tmp_path):
    model.save(tmp_path / "run")
    path = tmp_path / "run" / "domain.json"
    document = json.loads(path.read_text())
    del document["domain"]["args"]["reference"]
    path.write_text(json.dumps(document))
    old = load(tmp_path / "run").trained_
    assert "stored without numbers of held-out molecules" in missing_material(old)
    found = predict_molecules(old, SMILES[:4])
    assert found.intervals == {}
    columns = ["row", "smiles", "heavy_atoms", "round_trip", "log_density"]
    assert list(found.frame()) == columns
    assert missing_material(model.trained_) == ""


def test_a_model_without_held_out_molecules_says_so(model):
    bare = replace(model.domain_.reference, log_densities=(), quantiles=())
    trained = replace(model.trained_, domain=replace(model.domain_, reference=bare))
    assert "No molecule was held out" in missing_material(trained)
    assert prediction_intervals(trained, {"heavy_atoms": np.ones(1)}, np.zeros(1)) == {}
    few = replace(model.domain_.reference, quantiles=(None,))
    trained = replace(model.trained_, domain=replace(model.domain_, reference=few))
    assert "Too few held-out molecules" in missing_material(trained)


def test_other_models_tell_nothing(others):
    with pytest.raises(CompositionError, match="told by a model of molecules with latents"):
        measure_applicability(others, ["CCO"])


def test_analogues_and_their_lead_are_told(model):
    found = find_analogues(model.trained_, "CCCCCCO", 5, similarity=0.2, draws=400)
    frame = found.frame()
    assert len(frame) == len(found) == 5
    alone = measure_applicability(model.trained_, found.report.smiles)
    assert frame["round_trip"].tolist() == alone.round_trip.tolist()
    np.testing.assert_allclose(frame["log_density"], alone.log_density, atol=1e-4)
    assert "of 5 back exactly" in found.summary()
    assert "back" in found.summary().splitlines()[-1]  # or not, and how usual it is
    assert "of held-out molecules are less probable than the lead" in found.summary()


def test_designed_molecules_have_the_ends_of_their_predictions(model):
    goals = [maximize(Predicted(model.trained_, "heavy_atoms")), maximize("logp")]
    found = optimize(model.trained_, goals, start=SMILES, budget=30)
    rows = table(found)
    inside = rows["predicted heavy_atoms"].between(
        rows["heavy_atoms_low"], rows["heavy_atoms_high"]
    )
    assert inside.all()
    assert rows["round_trip"].dtype == bool
    assert rows["similarity_to_training"].between(0, 1).all()


def test_similarity_is_that_to_the_training_molecules(model):
    other = "CCCCCC(C)CO"
    far = measure_applicability(model.trained_, [other])
    own = tanimoto(morgan_fingerprints([other]), morgan_fingerprints(SMILES)).max()
    assert far.similarity[0] <= own + 1e-6


def test_a_source_that_cannot_be_read_is_named(model, tmp_path):
    assert len(measure_applicability(model.trained_, [])) == 0
    with pytest.raises(DataError):
        measure_applicability(model.trained_, tmp_path / "none.smi")
