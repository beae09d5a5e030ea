"""Exported models say what they say in Python, without PyTorch."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import scipy.stats
import torch
from typer.testing import CliRunner

import vaekit
from vaekit import Autoencoder, runtime
from vaekit.anomalies.graphs import Detect
from vaekit.cli.app import app
from vaekit.datasets import digits, penguins
from vaekit.errors import CompositionError, MissingExtraError, SaveError, SpecError
from vaekit.exports import Parts, bundle
from vaekit.molecules import MoleculeDomain, predict_targets
from vaekit.presets import vq_vae
from vaekit.runtime import RuntimeModelError
from vaekit.series import SeriesDomain
from vaekit.sklearn import VAEDetector
from vaekit.tables import TableDomain

SHORT = {"max_epochs": 1, "progress": False, "seed": 0}
IMAGES = digits().images[:150]
LABELS = digits().labels[:150]
TABLE = penguins()[["species", "bill_length_mm", "sex", "year"]].assign(planet="Earth")
SMALL = TABLE[["species", "bill_length_mm"]]


@pytest.fixture(scope="module")
def table():
    return Autoencoder("vae", domain=TableDomain(), **SHORT).fit(TABLE)


@pytest.fixture(scope="module")
def small():
    """A model whose graphs are made in half the time."""
    return Autoencoder("vae", domain=TableDomain(), **SHORT).fit(SMALL)


@pytest.fixture(scope="module")
def exported(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "table"
    return folder, table.export(folder, "onnx", TABLE)


@pytest.fixture(scope="module")
def detector():
    return VAEDetector(max_epochs=1, progress=False, false_alarm_rate=0.2).fit(TABLE)


def test_all_that_a_model_does_is_there_and_compared(exported):
    folder, report = exported
    assert set(report.differences) == {"encode", "decode", "reconstruct", "sample", "score"}
    assert not report.skipped
    assert report.largest_difference <= 1e-5
    manifest = json.loads((folder / "vaekit_export.json").read_text())
    assert manifest["programs"]["encode"]["items_compared"] == 16
    assert {item.name for item in folder.iterdir()} == {
        "vaekit_export.json",
        *(f"{name}.onnx" for name in report.differences),
    }


def test_rows_with_text_and_holes_are_encoded_as_in_python(table, exported):
    model = runtime.load(exported[0])
    new = TABLE.copy()
    new.loc[0, "sex"], new.loc[1, "bill_length_mm"] = None, np.nan
    np.testing.assert_allclose(model.encode(new), table.transform(new), atol=1e-5)
    columns = {name: new[name].to_numpy() for name in new.columns}
    np.testing.assert_array_equal(model.encode(columns), model.encode(new))
    assert len(model.encode(new.head(1))) == 1


def test_rows_come_back_as_in_python(table, exported):
    found = runtime.load(exported[0]).reconstruct(TABLE)
    wanted = table.reconstruct(TABLE)
    assert list(found["species"]) == list(wanted["species"])
    assert [x or np.nan for x in found["sex"]] == list(wanted["sex"].astype(object))
    np.testing.assert_allclose(found["bill_length_mm"], wanted["bill_length_mm"], rtol=1e-9)
    assert set(found["planet"]) == {"Earth"}


def test_samples_are_rows_and_the_same_for_a_seed(exported):
    model = runtime.load(exported[0])
    some, more = model.sample(300, seed=5), model.sample(400, seed=5)
    assert list(some["species"]) == list(more["species"][:300])
    np.testing.assert_array_equal(some["bill_length_mm"], more["bill_length_mm"][:300])
    assert set(some["species"]) <= set(TABLE["species"])
    assert list(some["year"]) != list(model.sample(300, seed=6)["year"])
    frame = pd.DataFrame(some)
    assert abs(frame["bill_length_mm"].mean() - TABLE["bill_length_mm"].mean()) < 4


def test_scores_differ_by_their_draws_alone(table, exported):
    found = runtime.load(exported[0]).score_samples(TABLE)
    wanted = table.score_samples(TABLE)
    assert np.corrcoef(found, wanted)[0, 1] > 0.95
    assert abs(found.mean() - wanted.mean()) < 0.1


def test_the_whole_detector_leaves_python(detector, tmp_path):
    report = detector.export(tmp_path / "out", "onnx", TABLE, only=["detect"])
    assert list(report.differences) == ["detect"]
    model = runtime.load(tmp_path / "out", threads=1)
    np.testing.assert_allclose(model.score(TABLE), -detector.score_samples(TABLE), atol=1e-5)
    np.testing.assert_array_equal(model.predict(TABLE), detector.predict(TABLE))
    found = model.detect(TABLE)
    np.testing.assert_allclose(found["probability"], detector.probabilities(TABLE), atol=1e-5)
    np.testing.assert_allclose(found["p_value"], detector.p_values(TABLE), atol=0.02)  # ties
    assert model.threshold == -detector.offset_


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "options"),
    [
        (np.random.default_rng(0).normal(size=(200, 5)), {}),
        (np.random.default_rng(0).normal(size=(200, 5)), {"novelty": True}),
        (IMAGES, {}),
        (IMAGES.repeat(6, 1).repeat(6, 2)[:60], {"method": "patches"}),
        (np.sin(np.arange(400) / 7), {"domain": SeriesDomain(window=32), "novelty": True}),
        *((TABLE, {"method": name}) for name in ("margins", "bound", "code", "surprise")),
        (TABLE, {"method": "exemplars"}),
        *((TABLE, {"method": name}) for name in ("dependencies", "relative_neighbours")),
        (TABLE, {"method": "cleaned_and_rules"}),  # which holds "cleaned" and "broken_rules"
        (TABLE, {"method": "contaminated"}),
    ],
)
def test_every_kind_of_detector_leaves_python(data, options, tmp_path):
    detector = VAEDetector(max_epochs=1, progress=False, **options).fit(data)
    report = detector.export(tmp_path / "out", "onnx", only=["detect"])
    assert not report.skipped
    model = runtime.load(tmp_path / "out")
    window = detector.domain_.graph_reader().window
    found = model.score(data if window is None else model.windows(data))
    wanted = -detector.score_samples(data)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "options"),
    [
        (IMAGES, {"novelty": True}),
        (np.sin(np.arange(400) / 7), {"domain": SeriesDomain(window=32)}),
        (np.sin(np.arange(3200) / 7).reshape(100, 32), {"domain": "series", "novelty": True}),
        (TABLE, {"method": "latent_neighbours"}),
    ],
)
def test_scores_by_networks_are_the_same_and_their_ranks_nearly(data, options, tmp_path):
    """Likelihoods and latents are of single precision, whose last bits may turn ranks around.

    Some processors round otherwise than PyTorch does on them: distances between latents then
    differ by 2e-7, and where scores lie close together that is a part of a rank.
    """
    detector = VAEDetector(max_epochs=1, progress=False, **options).fit(data)
    inner = detector.detector_
    trained = bundle.on_cpu(inner.trained)
    graph = Detect(inner, -detector.offset_, None, Parts(trained)).eval()
    seen = inner.prepare_inputs(data)
    inputs = graph.scoring_inputs(seen.batch)
    for made, score in zip(graph.scores, inner.scores, strict=True):
        np.testing.assert_allclose(made(inputs), score.of(seen), rtol=1e-4, atol=1e-4)
    report = detector.export(tmp_path / "out", "onnx", only=["detect"])
    assert not report.skipped
    model = runtime.load(tmp_path / "out")
    window = detector.domain_.graph_reader().window
    found = model.score(data if window is None else model.windows(data))
    wanted = -detector.score_samples(data)
    assert np.quantile(np.abs(found - wanted), 0.95) < 1e-4
    assert scipy.stats.spearmanr(found, wanted).statistic > 0.9999


def test_images_are_of_their_own_type(tmp_path):
    model = Autoencoder("vae", **SHORT).fit(IMAGES)
    model.export(tmp_path / "out", "onnx", only=["encode", "decode", "reconstruct", "sample"])
    found = runtime.load(tmp_path / "out")
    made = found.reconstruct(IMAGES)
    assert made.dtype == IMAGES.dtype
    assert np.abs(made.astype(int) - model.reconstruct(IMAGES)).max() <= 1
    np.testing.assert_allclose(found.encode(IMAGES), model.transform(IMAGES), atol=1e-5)
    latents = model.transform(IMAGES)
    wanted = model.inverse_transform(latents).astype(int)
    assert np.abs(found.decode(latents).astype(int) - wanted).max() <= 1
    assert found.sample(3, seed=0).shape == (3, 8, 8)


@pytest.mark.slow
@pytest.mark.parametrize(
    "context",
    [
        LABELS,
        np.array(["odd" if label % 2 else "even" for label in LABELS]),
        {"kind": np.array(["a", "b", "c"])[LABELS % 3], "size": np.array(["s", "l"])[LABELS % 2]},
        LABELS / 7.0,
    ],
    ids=["numbers", "text", "columns", "properties"],
)
def test_conditional_models_take_their_context(context, tmp_path):
    model = Autoencoder("vae", **SHORT).fit(IMAGES, context=context)
    # All programs read a context alike.
    only = None if context is LABELS else ["encode", "sample"]
    report = model.export(tmp_path / "out", "onnx", only=only)
    assert not report.skipped
    found = runtime.load(tmp_path / "out")
    wanted = model.transform(IMAGES, context)
    np.testing.assert_allclose(found.encode(IMAGES, context), wanted, atol=1e-5)
    first = {n: v[:1] for n, v in context.items()} if isinstance(context, dict) else context[:1]
    assert found.sample(4, first, seed=0).shape == (4, 8, 8)
    with pytest.raises(RuntimeModelError, match="conditional; pass context="):
        found.sample(4)


def test_labels_that_training_did_not_know_are_refused(tmp_path):
    model = Autoencoder("vae", **SHORT).fit(IMAGES, context=["a", "b"] * 75)
    model.export(tmp_path / "out", "onnx", only=["encode"])
    with pytest.raises(RuntimeModelError, match=r"among the labels of training.*got \['c'\]"):
        runtime.load(tmp_path / "out").encode(IMAGES[:2], ["a", "c"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "preset", [vq_vae(num_codes=32), "gan", "table_vae", "image_vae", "linear_flow_vae"], ids=str
)
def test_presets_leave_python(preset, tmp_path):
    data = TABLE if preset == "table_vae" else IMAGES
    domain = TableDomain() if preset == "table_vae" else "auto"
    model = Autoencoder(preset, domain=domain, **SHORT).fit(data)
    # Others hold what these do: a score decodes what it has encoded.
    only = ["sample"] if preset == "gan" else ["encode", "sample", "score"]
    report = model.export(tmp_path / "out", "onnx", only=only)
    assert "sample" in report.differences
    found = runtime.load(tmp_path / "out")
    made = found.sample(5, seed=1)
    assert len(made["species"] if preset == "table_vae" else made) == 5
    if preset != "gan":
        np.testing.assert_allclose(found.encode(data), model.transform(data), atol=1e-4)


@pytest.mark.slow
def test_programs_of_torch_export(table, tmp_path):
    report = table.export(tmp_path / "out", "torch-export", TABLE)
    assert set(report.differences) == {"encode", "decode", "reconstruct", "sample", "score"}
    root = str(Path(vaekit.__file__).parents[1]).encode()
    with zipfile.ZipFile(tmp_path / "out" / "decode.pt2") as stored:
        assert not any(root in stored.read(name) for name in stored.namelist())
    program = torch.export.load(tmp_path / "out" / "decode.pt2").module()
    z = torch.from_numpy(table.transform(TABLE))
    wanted = table.inverse_transform(z.numpy())
    manifest = json.loads((tmp_path / "out" / "vaekit_export.json").read_text())
    ports = manifest["programs"]["decode"]["outputs"]
    for port, values in zip(ports, program(z), strict=True):
        if port["labels"]:
            texts = [port["labels"][code - 1] for code in values.tolist()]
            assert texts == list(wanted[port["name"]])


def test_a_container_for_scoring_needs_no_torch(exported, tmp_path):
    folder, _ = exported
    script = (
        "import sys, numpy as np\n"
        "from vaekit import runtime\n"
        f"model = runtime.load({str(folder)!r})\n"
        "rows = {'species': ['Adelie', None], 'bill_length_mm': [40.0, None],\n"
        "        'sex': ['male', 'female'], 'year': [2007, 2008]}\n"
        "assert np.isfinite(model.encode(rows)).all()\n"
        "heavy = {'torch', 'sklearn', 'pandas', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_graph_is_what_any_runtime_of_onnx_takes(table, exported):
    session = onnxruntime.InferenceSession(exported[0] / "encode.onnx")
    feeds = {
        "species": np.array(["Adelie", "Dodo"], dtype=object),
        "bill_length_mm": np.array([40.0, 41.0]),
        "sex": np.array(["male", "<missing>"], dtype=object),
        "year": np.array([2007.0, 2008.0]),
    }
    (latents,) = session.run(["out.latents"], feeds)
    new = pd.DataFrame(
        {"species": ["Adelie"], "bill_length_mm": [40.0], "sex": ["male"], "year": [2007]}
    )
    np.testing.assert_allclose(latents[:1], table.transform(new), atol=1e-5)


def test_graphs_that_differ_are_not_written(small, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "TOLERANCE", -1.0)
    with pytest.raises(SaveError, match=r"'encode' must make of 16 items what the model does"):
        small.export(tmp_path / "out", "onnx")
    assert not list(tmp_path.iterdir())


def test_folders_of_others_are_not_replaced(table, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SaveError, match="must be a new folder, or one that an export wrote"):
        table.export(tmp_path, "onnx")


def test_unknown_programs_are_said(table, tmp_path):
    with pytest.raises(SpecError, match="unknown program 'encoder': did you mean 'encode'"):
        table.export(tmp_path / "out", "onnx", only=["encoder"])


def test_unknown_forms_are_said(table, tmp_path):
    with pytest.raises(SpecError, match="did you mean 'onnx'"):
        table.export(tmp_path / "out", "onxx")


def test_without_onnx_the_extra_is_named(table, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"vaekit\[onnx\]"):
        table.export(tmp_path / "out", "onnx")
    assert not list(tmp_path.iterdir())


def test_what_cannot_leave_says_why(tmp_path):
    frame = TABLE.assign(big=np.arange(len(TABLE)) + 2**60)
    model = Autoencoder("vae", domain=TableDomain(kinds={"big": "number"}), **SHORT).fit(frame)
    with pytest.raises(CompositionError, match="at most 53 bits; column 'big'"):
        model.export(tmp_path / "out", "onnx")


def test_commands(small, tmp_path):
    small.save(tmp_path / "run")
    SMALL.to_csv(tmp_path / "rows.csv", index=False)
    arguments = ["export", str(tmp_path / "run"), str(tmp_path / "out"), "--to", "onnx"]
    arguments += ["--only", "encode"]
    done = CliRunner().invoke(app, [*arguments, "--data", str(tmp_path / "rows.csv")])
    assert done.exit_code == 0, done.output
    assert "encode:" in done.output
    rows = pd.read_csv(tmp_path / "rows.csv")
    found = runtime.load(tmp_path / "out").encode(rows)
    np.testing.assert_allclose(found, small.transform(SMALL), atol=1e-5)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ({"species": ["Adelie"]}, r"missing \['bill_length_mm', 'sex', 'year'\]"),
        ([1, 2], "a data frame or a mapping of columns; got list"),
        (
            {"species": ["a"], "bill_length_mm": ["x"], "sex": ["b"], "year": [1]},
            "'bill_length_mm' must hold numbers",
        ),
        (
            {"species": ["a", "b"], "bill_length_mm": [1], "sex": ["b"], "year": [1]},
            "columns must be of one length",
        ),
    ],
)
def test_items_of_another_form_are_refused(exported, items, words):
    with pytest.raises(RuntimeModelError, match=words):
        runtime.load(exported[0]).encode(items)


def test_folders_that_hold_no_export_are_refused(exported, tmp_path):
    with pytest.raises(RuntimeModelError, match="must hold an export of vaekit"):
        runtime.load(tmp_path)
    (tmp_path / "vaekit_export.json").write_text('{"target": "onnx", "format": 99}')
    with pytest.raises(RuntimeModelError, match=r"format 1; got target 'onnx', format 99"):
        runtime.load(tmp_path)
    model = runtime.load(exported[0])
    with pytest.raises(RuntimeModelError, match="this export holds no 'detect'"):
        model.score(TABLE)
    with pytest.raises(RuntimeModelError, match="takes whole items"):
        model.windows([1.0])
    with pytest.raises(RuntimeModelError, match="n must be a whole number"):
        model.sample(0)


def test_molecules_are_encoded_and_their_properties_told(tmp_path):
    smiles = ["CCO", "c1ccccc1", "CC(=O)O", "CCCl", "CCOC(=O)C"] * 12
    domain = MoleculeDomain(targets=("qed", "logp"))
    model = Autoencoder("vae", domain=domain, **SHORT).fit(smiles)
    report = model.export(tmp_path / "out", "onnx", smiles, only=["encode", "predict", "decode"])
    assert set(report.differences) == {"encode", "predict"}
    assert "depends on values that it finds" in report.skipped["decode"]
    found = runtime.load(tmp_path / "out")
    steps = model.domain_.vocabulary.steps
    tokens = model.domain_.prepare_input(smiles)[:, :steps].numpy().astype(np.int64)
    np.testing.assert_allclose(found.encode(tokens), model.transform(smiles), atol=1e-5)
    told = predict_targets(model.trained_, smiles)
    for name in ("qed", "logp"):
        np.testing.assert_allclose(found.properties(tokens)[name], told[name], atol=1e-4)


def test_what_was_taught_nothing_predicts_nothing(table, tmp_path):
    with pytest.raises(CompositionError, match="it was taught nothing to predict"):
        table.export(tmp_path / "out", "onnx", only=["predict"])


def test_the_same_model_gives_the_same_bytes_and_no_paths(small, tmp_path):
    for name in ("a", "b"):
        small.export(tmp_path / name, "onnx", SMALL, only=["encode"])
    first, second = ((tmp_path / name / "encode.onnx").read_bytes() for name in ("a", "b"))
    assert first == second
    assert str(Path(vaekit.__file__).parents[1]).encode() not in first


def test_a_single_item_is_enough_to_compare_with(small, tmp_path):
    report = small.export(tmp_path / "out", "onnx", SMALL.head(1), only=["score"])
    assert list(report.differences) == ["score"]
    assert len(runtime.load(tmp_path / "out").score_samples(SMALL.head(5))) == 5


def test_options_that_a_form_does_not_know_are_refused(table, tmp_path):
    with pytest.raises(SpecError, match="must be left out of an export to diffusers"):
        table.export(tmp_path / "out", "diffusers", only=["encode"])
