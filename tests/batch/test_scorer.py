"""What a `Scorer` gives is what Python gives, whatever form the rows come in."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from vaekit import Autoencoder, Scorer, load
from vaekit.datasets import digits
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.images import encode_image
from vaekit.molecules import MoleculeDomain, predict_targets
from vaekit.tasks import impute

from .conftest import as_table, make_frame

FRAME = make_frame(150)
TABLE = as_table(FRAME)
IMAGES = digits().images[300:340]


def test_it_is_public():
    import vaekit
    from vaekit.batch import Scorer as same

    assert vaekit.Scorer is same


def test_latents_are_those_of_transform(runs):
    found = Scorer(runs / "table", "encode")(TABLE)
    assert found.column_names == ["z0", "z1"]
    expected = load(runs / "table").transform(FRAME)
    np.testing.assert_array_equal(np.column_stack(found.to_pandas().to_numpy().T), expected)


def test_deviations_are_those_of_the_posterior(runs):
    found = Scorer(runs / "table", "encode", {"std": True})(TABLE).to_pandas()
    assert list(found) == ["z0", "z1", "s0", "s1"]
    model = load(runs / "table")
    batch = next(model.trained_.inputs(FRAME))
    with torch.no_grad():
        spread = model.model_.infer(batch).q.variance.sqrt()
    np.testing.assert_allclose(found[["s0", "s1"]], spread, rtol=1e-6)


def test_a_model_of_points_has_no_deviations(runs):
    with pytest.raises(CompositionError, match="std needs a posterior"):
        Scorer(runs / "plain", "encode", {"std": True})(TABLE)


def test_scores_and_reconstructions_are_those_of_the_model(runs):
    model = load(runs / "table")
    found = Scorer(runs / "table", "score", {"draws": 3})(TABLE)
    np.testing.assert_array_equal(found["log_p"], model.score_samples(FRAME, draws=3))
    found = Scorer(runs / "table", "reconstruct")(TABLE).to_pandas()
    pd.testing.assert_frame_equal(found, model.reconstruct(FRAME), check_dtype=False)


def test_anomalies_are_those_of_the_detector(runs):
    detector, odd = load(runs / "detector"), FRAME.copy()
    odd.loc[3, "weight"] = 90.0
    found = Scorer(runs / "detector", "anomalies", {"reasons": 2})(as_table(odd)).to_pandas()
    np.testing.assert_array_equal(found["anomaly_score"], -detector.score_samples(odd))
    assert found["is_anomaly"][3]
    assert "weight" in found["reasons"][3]
    assert not found["reasons"][~found["is_anomaly"]].any()


def test_only_holes_are_filled_and_types_stay(runs):
    holes = make_frame(150, holes=True).astype({"count": "Int64"})
    holes.loc[4, "count"] = pd.NA
    table = as_table(holes)
    found = Scorer(runs / "holes", "impute", {"draws": 5}, seed=3)(table)
    assert found.num_rows == 150
    assert {f.name: f.type for f in found.schema} == {f.name: f.type for f in table.schema}
    filled, known = found.to_pandas(), holes.notna()
    assert filled[["size", "count", "kind"]].notna().all(axis=None)
    for name in ("size", "kind", "id"):
        assert (filled[name] == holes[name])[known[name]].all()
    other = Scorer(runs / "holes", "impute", {"draws": 5}, seed=4)(table)
    assert not found.equals(other)
    model = load(runs / "holes")
    expected = impute(model.trained_, make_frame(150, holes=True), draws=200, weighted=False)[
        "kind"
    ]
    more = Scorer(runs / "holes", "impute", {"draws": 200})(table).to_pandas()["kind"]
    assert (more == expected).mean() > 0.95


def test_a_table_gives_as_many_samples_as_rows(runs):
    scorer = Scorer(runs / "table", "sample")
    found = scorer(pa.table({"key": [1, 2, 3]}))
    assert found.column_names == ["size", "weight", "count", "kind"]
    assert found.num_rows == 3
    assert found.equals(scorer(pa.table({"key": [9, 9, 9]})))
    young = Scorer(runs / "table", "sample", {"where": ["kind=a"]})(pa.table({"key": [1] * 9}))
    assert set(young["kind"].to_pylist()) == {"a"}


def test_columns_are_kept(runs):
    found = Scorer(runs / "table", "encode", keep=["id", "kind"])(TABLE)
    assert found.column_names == ["id", "kind", "z0", "z1"]
    assert found["id"].to_pylist() == FRAME["id"].tolist()


def test_a_row_depends_on_itself_alone(runs):
    scorer = Scorer(runs / "table", "encode")
    whole, some = scorer(TABLE), scorer(TABLE.slice(70, 9))
    a, b = whole.slice(70, 9).to_pandas(), some.to_pandas()
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


FILES = [encode_image(image) for image in IMAGES]
FORMS = {
    "tensors": pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(IMAGES)),
    "lists": pa.array(IMAGES.tolist()),
    "large lists": pa.array(IMAGES.tolist(), pa.large_list(pa.large_list(pa.uint8()))),
    "files": pa.array(FILES),
    "records of files": pa.array([{"bytes": file, "path": "x"} for file in FILES]),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_images(form, runs):
    found = Scorer(runs / "images", "encode")(pa.table({"n": range(40), "item": FORMS[form]}))
    expected = load(runs / "images").transform(IMAGES)
    np.testing.assert_allclose(found.to_pandas(), expected, rtol=1e-5, atol=1e-6)


def test_images_that_are_none_are_named(runs):
    scorer = Scorer(runs / "images", "encode")
    with pytest.raises(DataError, match="images must be a column"):
        scorer(pa.table({"n": [1, 2]}))
    with pytest.raises(DataError, match="rows 0 to 1: .*not be null"):
        scorer(pa.table({"item": pa.array([FILES[0], None])}))
    with pytest.raises(DataError, match="of one length"):
        scorer(pa.table({"item": pa.array([[1.0], [1.0, 2.0]])}))


def test_texts(runs):
    words = ["ABCD", "AABB"]
    found = Scorer(runs / "words", "encode")(pa.table({"n": [1, 2], "word": words}))
    np.testing.assert_allclose(
        found.to_pandas(), load(runs / "words").transform(words), rtol=1e-5, atol=1e-6
    )


def test_labels_are_a_column(runs):
    labels = digits().labels[300:340]
    table = pa.table({"item": FORMS["tensors"], "digit": labels})
    found = Scorer(runs / "labelled", "encode", context=["digit"])(table)
    expected = load(runs / "labelled").transform(IMAGES, context=labels)
    np.testing.assert_allclose(found.to_pandas(), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(SpecError, match="did you mean 'digit'"):
        Scorer(runs / "labelled", "encode", context=["digits"])(table)


def test_molecules_are_predicted_and_bad_ones_are_missing(tmp_path):
    smiles = ["C" * n + end for n in range(2, 12) for end in ("O", "N", "Cl")]
    domain = MoleculeDomain(targets=("mw",))
    model = Autoencoder(latent_dim=4, domain=domain, max_epochs=1, progress=False).fit(smiles)
    model.save(tmp_path / "run")
    table = pa.table({"name": ["x", "y", "z"], "smiles": ["CCCO", "no molecule", "CCN"]})
    found = Scorer(tmp_path / "run", "predict", keep=["name"])(table).to_pandas()
    assert list(found) == ["name", "mw"]
    assert found["mw"].isna().tolist() == [False, True, False]
    expected = predict_targets(model.trained_, ["CCCO", "CCN"])["mw"]
    np.testing.assert_allclose(found["mw"].dropna(), expected, rtol=1e-5)


def test_tables_without_rows_have_the_columns_of_others(runs):
    for run, task in (("table", "encode"), ("holes", "impute"), ("detector", "anomalies")):
        scorer = Scorer(runs / run, task, keep=["id"])
        empty, some = scorer(TABLE.slice(0, 0)), scorer(TABLE.slice(0, 9))
        assert (empty.num_rows, empty.schema) == (0, some.schema)
        assert scorer.schema(TABLE.schema) == some.schema


def test_slices_do_not_show(runs, monkeypatch):
    scorer = Scorer(runs / "table", "encode", keep=["id"])
    whole = scorer(TABLE)
    monkeypatch.setattr(Scorer, "slice_rows", 64)
    sliced = scorer(TABLE)
    assert sliced["id"].equals(whole["id"])
    np.testing.assert_allclose(sliced.to_pandas(), whole.to_pandas(), rtol=1e-5, atol=1e-6)


def test_threads_are_as_before(runs):
    before = torch.get_num_threads()
    Scorer(runs / "table", "encode", threads=2)(TABLE)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("task", ["encode", "score"])
def test_pickles_carry_the_path_alone(task, runs):
    scorer = Scorer(runs / "table", task, keep=["id"])
    expected = scorer(TABLE)
    content = pickle.dumps(scorer)
    assert len(content) < 1000
    assert pickle.loads(content)(TABLE).equals(expected)


def test_pickles_of_a_model_in_memory_carry_it(runs):
    scorer = Scorer(load(runs / "table"), "encode")
    assert pickle.loads(pickle.dumps(scorer))(TABLE).equals(scorer(TABLE))


@pytest.mark.slow
def test_another_process_gives_the_same_bytes(runs, tmp_path):
    scorer = Scorer(runs / "holes", "impute", {"draws": 3}, seed=5)
    table = as_table(make_frame(150, holes=True))
    (tmp_path / "given.pickle").write_bytes(pickle.dumps((scorer, table)))
    lines = (
        "import pickle, sys; scorer, table = pickle.load(open(sys.argv[1], 'rb'));"
        "pickle.dump(scorer(table), open(sys.argv[2], 'wb'))"
    )
    paths = [str(tmp_path / name) for name in ("given.pickle", "found.pickle")]
    subprocess.run([sys.executable, "-c", lines, *paths], check=True)
    assert pickle.loads((tmp_path / "found.pickle").read_bytes()).equals(scorer(table))


@pytest.mark.parametrize(
    ("run", "task", "options", "message"),
    [
        ("table", "encod", {}, "did you mean 'encode'"),
        ("table", "score", {"drws": 3}, "did you mean 'draws'"),
        ("table", "anomalies", {}, "this one can encode, reconstruct, score, sample"),
        ("table", "impute", {}, "impute needs a run that can do it"),
        ("plain", "score", {}, "score needs a run"),
        ("table", "predict", {}, "conditions and predictions are of"),
        ("table", "score", {"draws": 0}, "draws must be"),
    ],
)
def test_what_cannot_be_done_is_said(run, task, options, message, runs):
    with pytest.raises((SpecError, CompositionError), match=message):
        Scorer(runs / run, task, options)(TABLE)


def test_arguments_that_make_no_sense(runs):
    with pytest.raises(SpecError, match="keep must be a list"):
        Scorer(runs / "table", "encode", keep="id")
    with pytest.raises(SpecError, match="threads"):
        Scorer(runs / "table", "encode", threads=0)
    with pytest.raises(SpecError, match="unknown column 'idd'"):
        Scorer(runs / "table", "encode", keep=["idd"])(TABLE)


def test_errors_name_the_rows(runs):
    with pytest.raises(DataError, match=r"rows 0 to 149: .*missing \['weight'\]"):
        Scorer(runs / "table", "encode")(TABLE.drop_columns(["weight"]))
