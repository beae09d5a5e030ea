"""What a model was taught of molecules is predicted, and drawn towards."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("rdkit")

from vaekit import Autoencoder, fine_tune, load
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.fitting import read_conditions
from vaekit.molecules import (
    MoleculeDomain,
    Standardizer,
    Targets,
    compute_properties,
    predict_molecules,
    predict_targets,
    standardize,
)
from vaekit.molecules.design import (
    Goal,
    Method,
    MoleculeSpace,
    Predicted,
    Tools,
    design_page,
    maximize,
    optimize,
    table,
    within,
)
from vaekit.molecules.design.constraints import CandidateFilter
from vaekit.molecules.design.measures import Failure
from vaekit.molecules.design.methods import SurrogateScreening
from vaekit.molecules.design.objectives import SurrogateModel
from vaekit.presets import sequence_vae

SMILES = ["C" * n + end for n in range(2, 22) for end in ("O", "N", "Cl", "C(=O)O")]
TRAINING = [smiles for i, smiles in enumerate(SMILES) if i % 5]
UNSEEN = [smiles for i, smiles in enumerate(SMILES) if i % 5 == 0]


@pytest.fixture(scope="module")
def model():
    domain = MoleculeDomain("smiles", targets=("heavy_atoms", "logp"))
    preset = sequence_vae(beta=0.05)
    return Autoencoder(
        preset,
        4,
        domain=domain,
        max_epochs=30,
        batch_size=20,
        learning_rate=5e-3,
        validation=0.2,
        progress=False,
    ).fit(TRAINING)


def test_what_was_taught_is_predicted_of_new_molecules(model):
    predicted, truth = predict_targets(model.trained_, UNSEEN), compute_properties(UNSEEN)
    for name in ("heavy_atoms", "logp"):
        error = np.square(predicted[name] - truth[name]).mean() / truth[name].var()
        assert error < 0.3


def test_a_file_is_predicted_row_by_row_beside_what_is_known(model, tmp_path):
    file = tmp_path / "some.csv"
    logp = compute_properties(UNSEEN, ["logp"])["logp"]
    known = [f"{s},{v if i else ''}" for i, (s, v) in enumerate(zip(UNSEEN, logp, strict=True))]
    file.write_text("smiles,logp\nC1CC,1\n" + "\n".join(known) + "\nc1ccccc1,2\n")
    with pytest.warns(UserWarning, match="nothing predicted of 2 of 18"):
        found = predict_molecules(model.trained_, file)
    assert len(found) == len(UNSEEN) + 2
    assert found.reasons == {
        0: "not a valid SMILES",
        len(UNSEEN) + 1: "tokens or a length that training had not",
    }
    predicted = predict_targets(model.trained_, UNSEEN)
    np.testing.assert_allclose(
        found.values["heavy_atoms"][1:-1], predicted["heavy_atoms"], rtol=1e-5
    )
    assert np.isnan(found.values["logp"][[0, -1]]).all()
    assert set(found.known) == {"logp"}
    agreement = found.agreement()["logp"]
    assert agreement.count == len(UNSEEN) - 1  # one was not measured
    assert agreement.error == pytest.approx(np.abs(predicted["logp"] - logp)[1:].mean(), rel=1e-4)
    assert agreement.r2 > 0.7
    frame = found.frame()
    ends = [f"{name}_{end}" for name in ("heavy_atoms", "logp") for end in ("low", "high")]
    far = ["round_trip", "log_density", "log_density_rank", "similarity_to_training"]
    names = ["line", "smiles", "heavy_atoms", "logp", "logp_known", *ends, *far, "reason"]
    assert list(frame) == names
    assert frame["smiles"][0] == "C1CC"

    with pytest.raises(
        DataError, match=r"must know one molecule at least; of the 2 .*, 2 have tokens"
    ):
        predict_molecules(model.trained_, ["c1ccccc1", "C[Si]"])

    computed = predict_molecules(model.trained_, UNSEEN, compute=True)
    assert set(computed.agreement()) == {"heavy_atoms", "logp"}


def test_computed_means_computed_also_where_the_file_has_the_column(model):
    frame = pd.DataFrame({"smiles": UNSEEN, "logp": 99.0, "heavy_atoms": np.nan})
    truth = compute_properties(UNSEEN, ["logp", "heavy_atoms"])
    given = predict_molecules(model.trained_, frame).known
    assert (given["logp"] == 99).all()
    computed = predict_molecules(model.trained_, frame, compute=True).known
    for name in ("logp", "heavy_atoms"):
        np.testing.assert_allclose(computed[name], truth[name])


def test_a_column_of_the_user_is_not_mixed_up_with_what_is_computed():
    frame = pd.DataFrame({"smiles": SMILES, "logp": np.arange(len(SMILES)) % 7.0})
    domain = MoleculeDomain(targets=("logp",))
    own = Autoencoder(latent_dim=2, domain=domain, max_epochs=1, progress=False).fit(frame)
    with pytest.warns(UserWarning, match="not computed: logp"):
        found = predict_molecules(own.trained_, frame, compute=True)
    np.testing.assert_array_equal(found.known["logp"], frame["logp"])


def test_one_bad_row_does_not_cost_the_others(model):
    given = [SMILES[0], "C1CC", "CC\u00d6", "c1ccccc1", SMILES[1]]
    good = [0, 4]
    counted = r"3 of 5.*2 of 5 were rejected: row 1 \('C1CC'.*1 have tokens.*row 3"
    with pytest.warns(UserWarning, match=counted) as told:
        codes = model.transform(given)
    assert len(told) == 1
    assert np.isnan(codes).all(1).tolist() == [False, True, True, True, False]
    np.testing.assert_allclose(codes[good], model.transform(SMILES[:2]), rtol=1e-5, atol=1e-6)
    with pytest.warns(UserWarning, match=counted):
        made = model.reconstruct(given)
    assert [one is None for one in made] == [False, True, True, True, False]
    assert [made[place] for place in good] == model.reconstruct(SMILES[:2])
    with pytest.warns(UserWarning, match=counted):
        predicted = predict_targets(model.trained_, given)["logp"]
    np.testing.assert_allclose(
        predicted[good], predict_targets(model.trained_, SMILES[:2])["logp"], rtol=1e-5
    )
    assert np.isnan(predicted).sum() == 3
    with pytest.warns(UserWarning, match=counted):
        rows = predict_molecules(model.trained_, given)
    assert list(rows.reasons) == [1, 2, 3]
    for task in (model.transform, model.reconstruct, partial(predict_targets, model.trained_)):
        with pytest.raises(DataError, match="1 of|2 of 5 were rejected"):
            task(given, strict=True)
    with pytest.raises(DataError, match="must be an item that can be read; 1 of 1 were rejected"):
        model.transform(["C1CC"])


def test_stereo_that_training_had_not_names_the_cure(model):
    marked = ["C[C@H](O)CC", *SMILES[:2]]
    with pytest.warns(UserWarning, match=r"stereo.*Standardizer\(stereo='drop'\).*--drop-stereo"):
        assert model.reconstruct(["CC/C=C/CO", *SMILES[:2]])[0] is None
    with pytest.raises(DataError, match=r"1 have marks of stereo.*Standardizer\(stereo='drop'\)"):
        model.score_samples(marked)
    flat = standardize(["CC[C@H](C)O", *SMILES[:2]], Standardizer(stereo="drop"))
    assert "@" not in "".join(flat.smiles)


@pytest.mark.parametrize("name", ["score", "rank", "smiles", "pareto", "flags"])
def test_an_objective_may_be_called_as_a_column_of_the_table(model, name):
    def value(smiles):
        return float(len(smiles))

    asked = [maximize(value, 0, 30, name=name), maximize("logp", 0, 9)]
    with pytest.warns(UserWarning, match="1 of 21 were rejected: row 20"):
        found = optimize(model.trained_, asked, start=[*SMILES[:20], "C1CC"], budget=20)
    rows = table(found)
    np.testing.assert_array_equal(rows[f"{name}_value"], rows["smiles"].map(len))
    assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
    np.testing.assert_allclose(rows["score"], found.scores[found.order])
    assert f"{name} {rows[f'{name}_value'][0]:.4g}".encode() in design_page(found)


def test_columns_of_predictions_are_told_apart():
    frame = pd.DataFrame({"smiles": SMILES, "reason": np.arange(len(SMILES)) % 7.0})
    domain = MoleculeDomain(targets=("reason",))
    own = Autoencoder(latent_dim=2, domain=domain, max_epochs=1, progress=False).fit(frame)
    table = predict_molecules(own.trained_, frame).frame()
    far = ["round_trip", "log_density", "similarity_to_training"]  # no molecule was held out
    ends = ["reason_low", "reason_high"]  # by leaving single molecules out
    assert list(table) == ["row", "smiles", "reason_value", "reason_known", *ends, *far]


def test_it_knows_how_far_off_it_was_where_it_did_not_learn(model, tmp_path):
    predicted = predict_molecules(model.trained_, SMILES, compute=True)
    assert set(predicted.errors) == {"heavy_atoms", "logp"}
    for name, error in predicted.errors.items():
        found = np.sqrt(np.square(predicted.values[name] - predicted.known[name]).mean())
        assert 0.3 < found / error < 3
    model.save(tmp_path / "run")
    assert predict_molecules(load(tmp_path / "run").trained_, SMILES[:3]).errors == predicted.errors

    options = {"max_epochs": 1, "progress": False}
    assert predict_molecules(fine_tune(model, SMILES, **options).trained_, SMILES[:3]).errors == {}
    again = fine_tune(model, SMILES, validation=0.2, **options)
    assert (
        0 < predict_molecules(again.trained_, SMILES[:3]).errors["logp"] != predicted.errors["logp"]
    )


def test_it_samples_scores_and_is_stored_like_any_model(model, tmp_path):
    assert len(standardize(model.sample(30, seed=0)).report.entries) == 30
    assert np.isfinite(model.score_samples(SMILES[:4])).all()
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    np.testing.assert_allclose(
        predict_targets(again.trained_, SMILES[:4])["logp"],
        predict_targets(model.trained_, SMILES[:4])["logp"],
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("where", "low", "high"),
    [
        ({"heavy_atoms": (14, 19)}, 14, 19),
        ({"heavy_atoms": (None, 8)}, 0, 8),
        ({"heavy_atoms": (17, None), "logp": (5, None)}, 17, 99),
    ],
)
def test_more_lie_in_the_range_asked_for(model, where, low, high):
    drawn = {}
    for name, asked in (("aimed", where), ("plain", None)):
        atoms = compute_properties(model.sample(200, seed=0, where=asked), ["heavy_atoms"])
        drawn[name] = np.mean((low <= atoms["heavy_atoms"]) & (atoms["heavy_atoms"] <= high))
    assert drawn["aimed"] > 1.3 * drawn["plain"]


def test_the_same_seed_draws_the_same(model):
    first = model.sample(20, seed=3, where={"logp": (2, 3)})
    assert first == model.sample(20, seed=3, where={"logp": (2, 3)})
    assert first != model.sample(20, seed=4, where={"logp": (2, 3)})


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ({"lgop": (1, 2)}, SpecError, "did you mean 'logp'"),
        ({"logp": 2.0}, DataError, r"must be asked for as a range \(low, high\).* got 2.0"),
        ({"logp": (3, 2)}, DataError, r"must have low < high; got \(3, 2\)"),
        ({"heavy_atoms": (400, None)}, DataError, "none comes near. It was taught heavy_atoms of"),
    ],
)
def test_ranges_that_cannot_be_met_are_refused(model, where, error, message):
    with pytest.raises(error, match=message):
        model.sample(5, where=where)


def test_a_model_without_targets_takes_no_ranges_and_predicts_none():
    plain = Autoencoder(latent_dim=2, domain="molecules", max_epochs=1, progress=False).fit(SMILES)
    with pytest.raises(CompositionError, match="taught no targets"):
        plain.sample(3, where={"logp": (1, 2)})
    with pytest.raises(CompositionError, match="taught no targets"):
        predict_targets(plain.trained_, SMILES)


def test_ranges_are_read_as_typed(model):
    read = read_conditions(["logp>=2", "logp <= 3", "heavy_atoms<=9"], model.domain_)
    assert read == {"logp": (2.0, 3.0), "heavy_atoms": (None, 9.0)}
    assert read_conditions(["logp=2..3"], model.domain_) == {"logp": (2.0, 3.0)}
    with pytest.raises(SpecError, match="did you mean 'logp'"):
        read_conditions(["lgop>=2"], model.domain_)
    with pytest.raises(DataError, match="column 'logp' holds numbers; got 'high'"):
        read_conditions(["logp>=high"], model.domain_)


def test_encoding_and_design_go_by_tokens_alone(model, monkeypatch):
    """Targets cost far more than tokens, and a search asks for properties of its own."""
    expected = model.transform(SMILES[:4])

    def refuse(self, found):
        raise AssertionError("targets were computed")

    monkeypatch.setattr(Targets, "values", refuse)
    np.testing.assert_array_equal(model.transform(SMILES[:4]), expected)
    assert len(model.reconstruct(SMILES[:4])) == 4
    space = MoleculeSpace(model.trained_)
    known, codes = space.encode(SMILES[:4])
    assert known.all()
    space.adapt(SMILES[:20], seed=0)
    assert not np.allclose(codes, space.encode(SMILES[:4])[1])
    assert any(space.decode(codes))


def test_a_search_expects_what_the_model_was_taught(model):
    space = MoleculeSpace(model.trained_)
    predicted = space.predicted([*SMILES[:5], "c1ccccc1"])  # no rings in training
    expected = predict_targets(model.trained_, SMILES[:5])
    np.testing.assert_allclose(predicted["logp"][:5], expected["logp"], rtol=1e-5)
    assert np.isnan(predicted["logp"][5])

    goal = Goal([maximize("logp")])
    scores = SurrogateModel(space, lambda: goal).scores(SMILES)
    assert np.corrcoef(scores, compute_properties(SMILES, ["logp"])["logp"])[0, 1] > 0.8
    for other in (Goal([maximize("qed")]), Goal([maximize("logp"), maximize(len, name="logp2")])):
        assert SurrogateModel(space, lambda other=other: other).scores(SMILES) is None
    named = Goal([maximize(len, name="logp")])  # an oracle of that name is not what was taught
    assert SurrogateModel(space, lambda: named).scores(SMILES) is None

    trained = model.trained_  # a column of the user's is not the property of its name either
    scales = replace(trained.domain.scales, own=("logp",))
    own = MoleculeSpace(replace(trained, domain=replace(trained.domain, scales=scales)))
    assert "logp" not in own.predicted(SMILES[:5])
    assert SurrogateModel(own, lambda: goal).scores(SMILES) is None


def test_a_search_goes_by_what_the_model_tells(model):
    measure = Predicted(model.trained_, "logp")
    outcomes = list(measure.outcomes([*UNSEEN, "c1ccccc1"]))
    predicted = predict_targets(model.trained_, UNSEEN)["logp"]
    assert outcomes[:-1] == pytest.approx(predicted.tolist(), rel=1e-5)
    assert outcomes[-1] == Failure("has tokens or a length that training had not")

    found = optimize(model.trained_, maximize(measure), start=SMILES, budget=30)
    assert found.goal.names == ("predicted logp",)
    assert found.starts.known_values.shape == (len(SMILES), 1)  # they cost nothing to ask
    again = predict_targets(model.trained_, [record.smiles for record in found.records])["logp"]
    np.testing.assert_allclose(found.scores, again, rtol=1e-4)
    with pytest.raises(SpecError, match=r"unknown target 'lgop'.*logp"):
        Predicted(model.trained_, "lgop")


def test_a_surrogate_needs_no_first_molecules(model):
    space = MoleculeSpace(model.trained_)
    goal = Goal([maximize("heavy_atoms"), within("logp", 0.0, 2.0)])  # whose ends are open
    scores = SurrogateModel(space, lambda: goal).scores([*SMILES[:5], "not a molecule"])
    assert np.isfinite(scores[:5]).all()
    assert np.isnan(scores[5])


def test_of_several_proposals_the_best_expected_are_asked(model):
    space = MoleculeSpace(model.trained_)
    goal = Goal([maximize("heavy_atoms")])
    tools = Tools(
        space, CandidateFilter(), np.random.default_rng(0), SurrogateModel(space, lambda: goal)
    )

    class Proposes(Method):
        def propose(self, n):
            self.asked = n
            return SMILES[:n]

        def observe(self, smiles, scores):
            self.predicted = list(smiles)

    inner = Proposes()
    method = SurrogateScreening(inner, tools, ratio=5)
    chosen = method.propose(4)
    assert inner.asked == 20
    left = [one for one in SMILES[:20] if one not in chosen]
    predicted = space.predicted([*chosen, *left])["heavy_atoms"]
    assert predicted[:4].min() >= predicted[4:].max()
    method.observe(["CCO"], np.ones(1))
    assert inner.predicted == ["CCO"]

    goal = Goal([maximize(len)])  # nothing is known of it
    assert method.propose(4) == SMILES[:4]
