"""Targets of classes: columns of texts."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("rdkit")

from vaekit import Autoencoder, fine_tune, load
from vaekit.errors import DataError, FormatError, SpecError
from vaekit.fitting import read_conditions
from vaekit.molecules import (
    MoleculeDomain,
    Targets,
    expected_agreement,
    predict_molecules,
    predict_targets,
    standardize,
)
from vaekit.molecules.design import Predicted
from vaekit.molecules.predictions import predict_from_latents

KINDS = {"O": "alcohol", "N": "amine", "c1ccccc1": "arene", "C(=O)O": "acid"}
SMILES = ["C" * n + end for n in range(2, 22) for end in KINDS]
LABELS = [kind for _ in range(2, 22) for kind in KINDS.values()]


def frame(**columns):
    return pd.DataFrame({"smiles": SMILES, "kind": LABELS} | columns)


def fitted(data, domain, **options):
    usual = {"max_epochs": 12, "batch_size": 16, "learning_rate": 3e-3, "latent_dim": 4}
    return Autoencoder(domain=domain, progress=False, **(usual | options)).fit(data)


@pytest.fixture(scope="module")
def model():
    numbers = [float(len(smiles)) for smiles in SMILES]
    domain = MoleculeDomain("smiles", targets=("kind", "length"))
    return fitted(frame(length=numbers), domain, validation=0.4)


def test_a_column_of_texts_becomes_one_for_each_class():
    found = standardize(frame(), keep_duplicates=True)
    targets = Targets.of(("kind", "mw"), found)
    assert targets.columns == (
        "kind=acid", "kind=alcohol", "kind=amine", "kind=arene", "mw",
    )  # fmt: skip
    assert (len(targets), targets.widths, targets.own) == (5, (4, 1), ("kind",))
    values = targets.values(found)
    assert values[:, :4].sum(1).tolist() == [1.0] * len(SMILES)
    assert values[0].tolist()[:4] == [0, 1, 0, 0]
    some = frame()
    some.loc[3, "kind"] = None
    assert targets.values(standardize(some, keep_duplicates=True))[3, :4].isnan().all()
    some.loc[4, "kind"] = "ether"
    with pytest.warns(UserWarning, match="classes of 'kind' that training had not.*'ether'"):
        assert targets.values(standardize(some, keep_duplicates=True))[4, :4].isnan().all()


@pytest.mark.parametrize(
    ("labels", "rule"),
    [
        (["one"] * len(SMILES), "from 2 to 50 classes; 'kind' has 1: 'one'"),
        ([f"n{i}" for i in range(len(SMILES))], r"'kind' has 80: 'n0', 'n1', 'n10', \.\.\."),
        (["odd", *["usual"] * (len(SMILES) - 1)], "two molecules at least; of 'kind' 'odd'"),
    ],
)
def test_classes_must_be_few_and_not_single(labels, rule):
    with pytest.raises(DataError, match=rule):
        MoleculeDomain("smiles", targets=("kind",)).fit(frame(kind=labels))


def test_classes_are_predicted_with_their_names(model):
    found = predict_molecules(model.trained_, frame())
    table = found.frame()
    names = [f"kind={kind}" for kind in sorted(KINDS.values())]
    assert list(table.columns[:8]) == ["row", "smiles", "kind", *names, "length"]
    np.testing.assert_allclose(table[names].sum(axis=1), 1, atol=1e-4)
    assert (table["kind"] == table["kind_known"]).mean() > 0.95
    agreement = found.class_agreement()["kind"]
    assert agreement.count == len(SMILES)
    assert agreement.auroc > 0.99
    assert agreement.accuracy > 0.95
    assert expected_agreement(model.trained_)["kind"].auroc > 0.95
    assert set(found.intervals) == {"length"}
    told = predict_targets(model.trained_, SMILES[:3])
    assert list(told) == [*names, "length"]
    with pytest.warns(UserWarning, match="nothing predicted of 1 of 2"):
        lost = predict_molecules(model.trained_, ["CCO", "C1CC"])
    assert lost.labels("kind") == ["alcohol", None]


def test_latents_alone_tell_classes_too(model):
    told = predict_from_latents(model.trained_, model.trained_.encode(SMILES))
    table = np.stack([told[f"kind={kind}"] for kind in sorted(KINDS.values())], 1)
    np.testing.assert_allclose(table.sum(1), 1, rtol=1e-4)
    labels = np.array(sorted(KINDS.values()))[table.argmax(1)]
    assert (labels == np.array(LABELS)).mean() > 0.5  # a quarter by chance


def test_the_probability_of_a_class_can_be_searched_for(model):
    told = list(Predicted(model.trained_, "kind=acid").outcomes(SMILES[:4]))
    alone = predict_from_latents(model.trained_, model.trained_.encode(SMILES[:4]))
    np.testing.assert_allclose(told, alone["kind=acid"], rtol=1e-5)
    assert model.domain_.scales.own_columns == model.domain_.scales.columns
    with pytest.raises(SpecError, match="unknown target 'kind'"):
        Predicted(model.trained_, "kind")


def test_molecules_of_a_class_can_be_asked_for(model):
    assert read_conditions(["kind=amine", "length>=5"], model.domain_)["kind"] == ["amine"]
    asked = {"kind": ["amine", "acid"], "length": (None, 20)}
    assert len(model.sample(2, where=asked, seed=0)) == 2
    with pytest.raises(DataError, match="'kind'"):
        model.sample(3, where={"kind": (0, 1)})
    with pytest.raises(SpecError, match="amines"):
        model.sample(3, where={"kind": "amines"})


def test_a_model_with_classes_is_stored_and_goes_on(model, tmp_path):
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.domain_ == model.domain_
    first, second = (predict_targets(each.trained_, SMILES[:4]) for each in (model, again))
    np.testing.assert_array_equal(first["kind=acid"], second["kind=acid"])
    two = ["ring" if "c" in smiles else "chain" for smiles in SMILES]
    other = fine_tune(model, frame(shape=two), targets=("shape",), max_epochs=1, progress=False)
    assert other.domain_.scales.class_names == {"shape": ("chain", "ring")}
    assert predict_molecules(other.trained_, SMILES[:4]).labels("shape")[2] == "ring"

    file = tmp_path / "run" / "domain.json"
    document = json.loads(file.read_text())
    document["domain"]["args"]["scales"]["args"]["classes"][0] = ["acid"]
    file.write_text(json.dumps(document))
    with pytest.raises(FormatError, match="be none or several"):
        load(tmp_path / "run")


def test_rare_classes_count_as_much_where_they_are_balanced():
    labels = ["rare" if i % 16 == 0 else "usual" for i in range(len(SMILES))]
    domain = MoleculeDomain("smiles", targets=("kind",), balance_classes=True)
    weights = domain.fit(frame(kind=labels)).class_weights
    assert weights == pytest.approx((8.0, 8 / 15))
    model = fitted(frame(kind=labels), domain, max_epochs=1)
    assert model.model_.likelihood.class_weights == pytest.approx(weights)
    plain = fitted(frame(kind=labels), MoleculeDomain("smiles", targets=("kind",)), max_epochs=1)
    shares = [predict_targets(m.trained_, SMILES)["kind=rare"].mean() for m in (model, plain)]
    assert shares[0] > 2 * shares[1]
    with pytest.raises(DataError, match="balance_classes needs a target of classes"):
        MoleculeDomain("smiles", targets=("mw",), balance_classes=True).fit(SMILES)


def test_an_sdf_has_texts_too(tmp_path):
    from rdkit import Chem

    with Chem.SDWriter(str(tmp_path / "some.sdf")) as writer:
        for smiles, label in zip(SMILES[:8], LABELS[:8], strict=True):
            molecule = Chem.MolFromSmiles(smiles)
            molecule.SetProp("kind", label)
            writer.write(molecule)
    found = standardize(tmp_path / "some.sdf")
    assert found.labels["kind"].tolist() == LABELS[:8]
    assert found[np.arange(2)].labels["kind"].tolist() == LABELS[:2]


def test_molecules_that_stream_have_no_classes():
    learner = MoleculeDomain("smiles", targets=("kind",)).learner()
    learner.most = 10
    with pytest.raises(SpecError, match="must have targets of numbers; kind is of texts"):
        learner.update(standardize(frame(), keep_duplicates=True))


def test_the_density_of_a_class_is_its_log_probability(model):
    likelihood = model.model_.likelihood.eval()
    batch = next(iter(model.trained_.batches(frame(length=1.0))))
    px = model.model_.decode(model.model_.encode(batch.x))
    columns = batch.x.shape[1] - 5
    scores = px.parts[1].log_prob(batch.x[:, columns:])[0]
    own = batch.x[:, columns : columns + 4].argmax(1)
    shares = px.parts[1].mean[0, :, :4]
    torch.testing.assert_close(
        scores[:, :4].sum(1), shares.gather(1, own[:, None]).squeeze(1).log()
    )
    assert likelihood.widths == (4, 1)
