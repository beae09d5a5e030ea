"""The user's own columns are told by descriptors of molecules, beside the latents."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("rdkit")

from vaekit import Autoencoder, fine_tune, load
from vaekit.errors import FormatError, MissingExtraError
from vaekit.molecules import (
    MoleculeDomain,
    compute_descriptors,
    compute_properties,
    descriptor_names,
    expected_agreement,
    expected_errors,
    predict_molecules,
    predict_targets,
)
from vaekit.molecules.descriptor_model import packed, unpacked
from vaekit.molecules.predictions import predict_from_latents

ENDS = ("O", "N", "Cl", "C(=O)O", "c1ccccc1", "OC", "C#N")
SMILES = ["C" * n + end for n in range(2, 16) for end in ENDS]
LEARNED, UNSEEN = SMILES[::2], SMILES[1:90:2]


def measured(smiles):
    found = compute_properties(smiles, ["logp", "tpsa"])
    return found["logp"] - 0.02 * found["tpsa"] + 3


def assay(smiles=SMILES):
    return pd.DataFrame({"smiles": smiles, "activity": measured(smiles)})


def fitted(frame, targets, **options):
    domain = options.pop("domain", MoleculeDomain("smiles", targets=targets))
    options = {"max_epochs": 2, "batch_size": 16, "progress": False, "latent_dim": 2} | options
    return Autoencoder(domain=domain, **options).fit(frame)


@pytest.fixture(scope="module")
def model():
    return fitted(assay(LEARNED), ("activity",))


@pytest.fixture(scope="module")
def weighed():
    frame = assay().assign(logp=compute_properties(SMILES, ["logp"])["logp"])
    return fitted(frame, ("activity", "logp"), validation=0.4)


def test_descriptors_are_computed_by_name():
    names = descriptor_names()
    assert len(names) > 150
    assert "qed" not in names
    found = compute_descriptors(["CCO", "no molecule"], names)
    assert found.numbers.shape == (2, len(names))
    assert np.isnan(found.numbers[1]).all()
    assert found.counts[1].nnz == 0
    with pytest.raises(MissingExtraError, match="with the descriptor 'Nothing'"):
        compute_descriptors(["CCO"], ["Nothing"])


def test_numbers_come_back_from_their_text():
    values = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(unpacked(packed(values, "<f2"), "<f2", 3), values)


def test_own_columns_are_told_far_better_than_latents_can(model):
    told = predict_targets(model.trained_, UNSEEN)["activity"]
    truth = measured(UNSEEN)
    assert 1 - np.square(told - truth).mean() / truth.var() > 0.9
    z = model.trained_.encode(UNSEEN)
    alone = predict_from_latents(model.trained_, z)["activity"]
    assert np.square(alone - truth).mean() > 5 * np.square(told - truth).mean()


def test_intervals_need_no_held_out_molecules_and_cover(model):
    found = predict_molecules(model.trained_, assay(UNSEEN))
    np.testing.assert_allclose(
        found.values["activity"], predict_targets(model.trained_, UNSEEN)["activity"]
    )
    assert found.coverage()["activity"] >= 0.8
    low, high = found.intervals["activity"]
    strange = predict_molecules(model.trained_, ["NC(Cl)(Cl)OOC(O)(N)Cl"])
    far_low, far_high = strange.intervals["activity"]
    assert (far_high - far_low)[0] > 2 * np.median(high - low)  # unlike all of training


def test_what_rdkit_computes_is_told_by_latents(weighed):
    trained = weighed.trained_
    told = predict_targets(trained, SMILES[:9])
    alone = predict_from_latents(trained, trained.encode(SMILES[:9]))
    np.testing.assert_allclose(told["logp"], alone["logp"], rtol=1e-5)
    heads = trained.domain.descriptor_model.heads
    assert [head.place for head in heads] == [0]
    (head,) = heads
    share, both = head.latents, told["activity"]
    without = replace(trained.domain.descriptor_model, heads=(replace(head, latents=0.0),))
    bare = replace(trained, domain=replace(trained.domain, descriptor_model=without))
    plain = predict_targets(bare, SMILES[:9])["activity"]
    assert 0 <= share <= 1
    np.testing.assert_allclose(both, plain + share * (alone["activity"] - plain), rtol=1e-4)
    assert expected_errors(trained)["activity"] < 0.5 * measured(SMILES).std()
    assert expected_agreement(trained) == {}


def test_molecules_that_cannot_be_read_have_no_prediction(model):
    with pytest.warns(UserWarning, match="no result for 2 of 4"):
        told = predict_targets(model.trained_, ["CCO", "C1CC", "CCN", "[Fe]C"])["activity"]
    assert np.isnan(told).tolist() == [False, True, False, True]
    again = predict_targets(model.trained_, iter(["CCO", "CCN"]))["activity"]
    np.testing.assert_allclose(told[[0, 2]], again, rtol=1e-5)


def test_a_model_keeps_what_it_learned_of_descriptors(model, tmp_path):
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.domain_ == model.domain_
    np.testing.assert_array_equal(
        predict_targets(again.trained_, SMILES[:5])["activity"],
        predict_targets(model.trained_, SMILES[:5])["activity"],
    )
    further = fine_tune(model, SMILES[:30], max_epochs=1, progress=False)  # nothing is known here
    assert further.domain_.descriptor_model == model.domain_.descriptor_model
    assert model.domain_.unlearned().descriptor_model is None


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("landmarks", "AAAA", "finite numbers in base64"),
        ("places", "!", "finite numbers in base64"),
        ("spreads", 0.0, "be above 0"),
        ("sizes", 1000, "finite numbers"),
        ("heads.place", 7, "be one of the targets"),
        ("heads.noise", 0.0, "be above 0"),
        ("heads.share", 2.0, r"be in \[0, 1\]"),
        ("heads.weights", "AAAA", "finite numbers"),
        ("heads.offset", (), "have 1 items"),
    ],
)
def test_a_damaged_model_is_refused(model, tmp_path, field, value, rule):
    model.save(tmp_path / "run")
    file = tmp_path / "run" / "domain.json"
    document = json.loads(file.read_text())
    args = document["domain"]["args"]["descriptor_model"]["args"]
    if field.startswith("heads."):
        args["heads"][0]["args"][field.removeprefix("heads.")] = value
    elif isinstance(args[field], list):
        args[field][0] = value
    else:
        args[field] = value
    file.write_text(json.dumps(document))
    with pytest.raises(FormatError, match=rule):
        load(tmp_path / "run")


def test_too_few_molecules_teach_the_latents_alone():
    frame = assay(SMILES[:30])
    frame.loc[10:, "activity"] = np.nan
    few = fitted(frame, ("activity",))
    assert few.domain_.descriptor_model is None
    assert np.isfinite(predict_targets(few.trained_, ["CCO"])["activity"]).all()


def test_a_column_of_0_and_1_is_told_as_a_probability():
    active = (compute_properties(SMILES, ["rings"])["rings"] > 0).astype(float)
    frame = pd.DataFrame({"smiles": SMILES, "active": active})
    domain = MoleculeDomain("smiles", targets=("active",))
    binary = fitted(frame, ("active",), domain=domain, validation=0.4)
    told = predict_targets(binary.trained_, SMILES)["active"]
    assert ((told >= -0.5) & (told <= 1.5)).all()
    assert told[active == 1].min() > told[active == 0].max()
    assert expected_agreement(binary.trained_)["active"].auroc == 1
