"""Every operation over HTTP gives what Python gives, to the byte where nothing is merged."""

import base64
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from vaekit import load, tasks
from vaekit.anomalies import VAEDetector
from vaekit.datasets import digits
from vaekit.series.domain import SeriesDomain
from vaekit.serving import Service, build_app

from .conftest import Asking

ARROW = {"content-type": "application/vnd.apache.arrow.stream"}
PICTURES = digits().images[400:410]


def ok(response):
    assert response.status_code == 200, response.text
    return response.json()


def arrow_of(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def table_of(response):
    assert response.status_code == 200, response.text
    return pa.ipc.open_stream(response.content).read_all()


def records(frame):
    def plain(value):
        if pd.isna(value):
            return None
        return value.isoformat() if isinstance(value, pd.Timestamp) else value

    rows = frame.to_dict("records")
    return [{name: plain(value) for name, value in row.items()} for row in rows]


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def same_frame(rows, frame):
    """Rows of JSON are those of a data frame, number for number."""
    assert len(rows) == len(frame)
    for name in frame.columns:
        for row, value in zip(rows, frame[name], strict=True):
            if pd.isna(value):
                assert row[name] is None
            elif isinstance(value, pd.Timestamp):
                assert pd.Timestamp(row[name]) == value
            else:
                assert row[name] == value


NUMBERS = np.random.default_rng(5).normal(size=(7, 4))


def test_encode_numbers(ask, models):
    found = ok(ask.post("/models/numbers/encode", json={"items": NUMBERS.tolist()}))
    expected = models["numbers"].transform(NUMBERS)
    assert np.array_equal(np.float32(found["latents"]), expected)


def test_decode_and_reconstruct(ask, models):
    z = np.random.default_rng(2).normal(size=(5, 2))
    found = ok(ask.post("/models/numbers/decode", json={"latents": z.tolist()}))
    assert np.array_equal(found["items"], models["numbers"].inverse_transform(z))
    columns = pa.table({"a": z[:, 0], "b": z[:, 1]})
    same = ok(ask.post("/models/numbers/decode", content=arrow_of(columns), headers=ARROW))
    assert same == found
    found = ok(ask.post("/models/numbers/reconstruct", json={"items": NUMBERS.tolist()}))
    assert np.array_equal(found["items"], models["numbers"].reconstruct(NUMBERS))


@pytest.mark.parametrize("draws", [None, 5])
def test_score(ask, models, draws):
    body = {"items": NUMBERS.tolist()} | ({} if draws is None else {"draws": draws})
    found = ok(ask.post("/models/numbers/score", json=body))
    expected = models["numbers"].score_samples(NUMBERS, draws=draws or 64)
    assert np.array_equal(found["log_p"], expected)


@pytest.mark.parametrize("name", ["numbers", "whole", "table", "images", "words", "series", "gan"])
def test_samples_of_a_seed_are_the_same_to_the_byte(ask, models, name):
    found = ok(ask.post(f"/models/{name}/sample", json={"n": 6, "seed": 3}))["items"]
    expected = models[name].sample(6, seed=3)
    if isinstance(expected, pd.DataFrame):
        same_frame(found, expected)
    elif isinstance(expected, list):
        assert found == expected
    else:
        assert np.asarray(found, expected.dtype).tobytes() == expected.tobytes()


def test_samples_without_a_seed_differ(ask):
    found = [ok(ask.post("/models/numbers/sample", json={"n": 2}))["items"] for _ in range(2)]
    assert found[0] != found[1]


def test_samples_that_meet_conditions(ask, models):
    body = {"n": 8, "seed": 1, "where": {"kind": ["a", "b"], "count": {"low": 50, "high": 400}}}
    found = ok(ask.post("/models/whole/sample", json=body))["items"]
    where = {"kind": ["a", "b"], "count": (50, 400)}
    same_frame(found, models["whole"].sample(8, seed=1, where=where))
    texts = ok(
        ask.post("/models/whole/sample", json={**body, "where": ["kind=a|b", "count=50..400"]})
    )
    assert texts["items"] == found


@pytest.mark.parametrize("operation", ["encode", "reconstruct", "score"])
@pytest.mark.parametrize("form", ["records", "columns", "arrow"])
def test_rows_of_a_table(ask, models, table, operation, form):
    rows = table.head(20)
    path = f"/models/table/{operation}"
    if form == "arrow":
        body = arrow_of(pa.Table.from_pandas(rows, preserve_index=False))
        found = ok(ask.post(path, content=body, headers=ARROW))
    else:
        items = records(rows)
        if form == "columns":
            items = {name: [row[name] for row in items] for name in rows.columns}
        found = ok(ask.post(path, json={"items": items}))
    model = models["table"]
    if operation == "encode":
        assert np.array_equal(np.float32(found["latents"]), model.transform(rows))
    elif operation == "score":
        assert np.array_equal(found["log_p"], model.score_samples(rows))
    else:
        same_frame(found["items"], model.reconstruct(rows))


def test_tables_as_columns(ask, models):
    body = {"n": 3, "seed": 1, "orient": "columns"}
    found = ok(ask.post("/models/whole/sample", json=body))["items"]
    assert found["count"] == models["whole"].sample(3, seed=1)["count"].tolist()


@pytest.mark.parametrize("options", [{}, {"estimate": "draw", "seed": 4, "draws": 20}])
def test_impute(ask, models, table, options):
    rows = table.head(15)
    found = ok(ask.post("/models/table/impute", json={"items": records(rows), **options}))
    expected = tasks.impute(models["table"].trained_, rows, **options)
    same_frame(found["items"], expected)
    assert not any(value is None for row in found["items"] for value in row.values())


def test_detect(ask, models):
    items = np.vstack([NUMBERS, [[30.0, -30.0, 30.0, -30.0]]])
    found = ok(ask.post("/models/detector/detect", json={"items": items.tolist(), "reasons": 2}))
    detector = models["detector"]
    assert np.array_equal(found["anomaly_score"], -detector.score_samples(items))
    assert np.array_equal(found["anomaly_probability"], detector.probabilities(items))
    assert found["is_anomaly"] == (detector.predict(items) == -1).tolist()
    assert found["is_anomaly"][-1]
    assert found["threshold"] == -detector.offset_
    (expected,) = detector.explain(items[-1:], 2)
    assert [r["column"] for r in found["reasons"][-1]] == [r.column for r in expected]
    assert [r["share"] for r in found["reasons"][-1]] == [r.share for r in expected]
    assert all(bool(r) == f for r, f in zip(found["reasons"], found["is_anomaly"], strict=True))


def test_detect_with_p_values(ask, models):
    found = ok(ask.post("/models/guard/detect", json={"items": NUMBERS.tolist()}))
    assert np.array_equal(found["p_value"], models["guard"].p_values(NUMBERS))
    assert "reasons" not in found
    log_p = ok(ask.post("/models/guard/score", json={"items": NUMBERS.tolist()}))["log_p"]
    assert np.array_equal(log_p, models["guard"].autoencoder_.score_samples(NUMBERS))


@pytest.mark.parametrize("form", ["values", "base64", "form", "file", "arrow"])
def test_images(ask, models, form):
    images = PICTURES[:1] if form == "file" else PICTURES
    path = "/models/images/encode"
    if form == "values":
        response = ask.post(path, json={"items": images.tolist()})
    elif form == "base64":
        items = [base64.b64encode(png(image)).decode() for image in images]
        items[0] = f"data:image/png;base64,{items[0]}"
        response = ask.post(path, json={"items": items})
    elif form == "form":
        files = [("x", (f"../../{i}", png(image), "image/png")) for i, image in enumerate(images)]
        response = ask.post(path, files=files)
    elif form == "file":
        response = ask.post(path, content=png(images[0]), headers={"content-type": "image/png"})
    else:
        tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(images)
        response = ask.post(path, content=arrow_of(pa.table({"item": tensors})), headers=ARROW)
    found = ok(response)["latents"]
    assert np.array_equal(np.float32(found), models["images"].transform(images))


def test_images_come_back_as_files_and_values(ask, models):
    body = {"n": 3, "seed": 7}
    expected = models["images"].sample(3, seed=7)
    values = ok(ask.post("/models/images/sample", json=body))["items"]
    assert np.array_equal(np.asarray(values, np.uint8), expected)
    texts = ok(ask.post("/models/images/sample", json={**body, "images": "png"}))["items"]
    files = [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in texts]
    assert np.array_equal(files, expected)
    accept = {"accept": "image/png"}
    one = ask.post("/models/images/sample", json={"n": 1, "seed": 7}, headers=accept)
    assert one.headers["content-type"] == "image/png"
    first = models["images"].sample(1, seed=7)[0]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(one.content))), first)
    assert ask.post("/models/images/sample", json=body, headers=accept).status_code == 406


def test_answers_in_arrow(ask, models, table):
    accept = {"accept": "application/vnd.apache.arrow.stream"}
    response = ask.post("/models/whole/sample", json={"n": 9, "seed": 1}, headers=accept)
    found = table_of(response).to_pandas()
    expected = models["whole"].sample(9, seed=1)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    response = ask.post("/models/images/encode", json={"items": PICTURES.tolist()}, headers=accept)
    latents = table_of(response).column("latents").combine_chunks().to_numpy_ndarray()
    assert np.array_equal(latents, models["images"].transform(PICTURES))
    response = ask.post("/models/detector/detect", json={"items": NUMBERS.tolist()}, headers=accept)
    assert table_of(response).column_names == ["anomaly_score", "anomaly_probability", "is_anomaly"]


def test_contexts(ask, models):
    model, labels = models["labelled"], digits().labels[400:410].tolist()
    found = ok(
        ask.post("/models/labelled/encode", json={"items": PICTURES.tolist(), "context": labels})
    )
    assert np.array_equal(np.float32(found["latents"]), model.transform(PICTURES, labels))
    found = ok(ask.post("/models/labelled/sample", json={"n": 4, "seed": 0, "context": 7}))["items"]
    assert np.array_equal(np.asarray(found, np.uint8), model.sample(4, [7] * 4, seed=0))
    told = {"attribute": "label", "to": "3"}
    body = {"items": PICTURES.tolist(), "labels": labels, **told}
    found = ok(ask.post("/models/labelled/edit", json=body))["items"]
    expected = tasks.edit(model.trained_, PICTURES, labels, **told)
    assert np.array_equal(np.asarray(found, np.uint8), expected)


def test_edits_along_directions(ask, models):
    images, labels = digits().images[:150], digits().labels[:150].tolist()
    told = {"attribute": "label", "to": "3", "strength": 1.5}
    body = {"items": images.tolist(), "labels": labels, **told}
    found = ok(ask.post("/models/images/edit", json=body))["items"]
    expected = tasks.edit(models["images"].trained_, images, labels, **told)
    assert np.array_equal(np.asarray(found, np.uint8), expected)
    body = {"items": PICTURES.tolist(), "like": images[:5].tolist(), "strength": 0.5}
    found = ok(ask.post("/models/images/edit", json=body))["items"]
    trained = models["images"].trained_
    change = tasks.transfer(trained, images[:5], PICTURES)
    expected = tasks.apply_edit(trained, PICTURES, change, 0.5)
    assert np.array_equal(np.asarray(found, np.uint8), expected)


def test_texts_and_series(ask, models):
    words = ["ABCD", "DDA"]
    found = ok(ask.post("/models/words/encode", json={"items": words}))["latents"]
    assert np.array_equal(np.float32(found), models["words"].transform(words))
    series = np.random.default_rng(3).normal(size=(3, 12)).cumsum(1)
    series[1, 4] = np.nan
    items = [[None if np.isnan(v) else v for v in row] for row in series.tolist()]
    found = ok(ask.post("/models/series/score", json={"items": items}))["log_p"]
    assert np.array_equal(found, models["series"].score_samples(series))
    ragged = [items[0][:5], items[2]]
    found = ok(ask.post("/models/series/encode", json={"items": ragged}))["latents"]
    expected = models["series"].transform([series[0, :5], series[2]])
    assert np.array_equal(np.float32(found), expected)


def test_a_value_that_training_did_not_know_is_said(ask, table):
    rows = records(table.head(2))
    rows[0]["kind"] = "never seen"
    found = ok(ask.post("/models/whole/encode", json={"items": rows}))
    assert "never seen" in found["warnings"][0]
    assert "warnings" not in ok(ask.post("/models/whole/encode", json={"items": rows[1:]}))


def test_merged_requests_give_what_each_gives_alone(ask, models):
    """The only difference is that of sums in another order: the last digits of single precision."""
    rng = np.random.default_rng(4)
    parts = [rng.normal(size=(rng.integers(1, 5), 4)) for _ in range(60)]
    asked = [("POST", "/models/numbers/encode", {"json": {"items": p.tolist()}}) for p in parts]
    for part, response in zip(parts, ask.all(asked), strict=True):
        expected = models["numbers"].transform(part)
        np.testing.assert_allclose(ok(response)["latents"], expected, rtol=1e-4, atol=1e-5)
    text = ask.get("/metrics").text
    line = 'vaekit_batch_requests_count{model="numbers",operation="encode"}'
    batches = next(float(x.split()[-1]) for x in text.splitlines() if x.startswith(line))
    assert batches < 60


def test_scores_and_samples_do_not_depend_on_who_else_asks(ask, models):
    asked = [
        ("POST", "/models/numbers/score", {"json": {"items": NUMBERS[:i].tolist()}})
        for i in (3, 5, 7)
    ]
    asked += [("POST", "/models/numbers/sample", {"json": {"n": 3, "seed": i}}) for i in range(3)]
    found = [ok(response) for response in ask.all(asked)]
    for i, answer in zip((3, 5, 7), found, strict=False):
        assert np.array_equal(answer["log_p"], models["numbers"].score_samples(NUMBERS[:i]))
    for seed, answer in enumerate(found[3:]):
        assert np.array_equal(answer["items"], models["numbers"].sample(3, seed=seed))


@pytest.fixture(scope="module")
def sensor():
    return np.sin(np.arange(400) / 5) + np.random.default_rng(0).normal(0, 0.1, 400)


@pytest.fixture(scope="module")
def steps(sensor):
    domain = SeriesDomain(window=16)
    return VAEDetector(domain=domain, max_epochs=2, progress=False).fit(sensor)


def test_steps_of_a_series(steps, sensor):
    ask = Asking(build_app([Service("steps", steps)]))
    sensor = sensor.copy()
    sensor[100:105] += 5
    found = ok(ask.post("/detect", json={"items": sensor.tolist()}))
    assert np.array_equal(found["anomaly_score"], steps.step_scores(sensor))
    events = steps.events(sensor)
    assert [event["start"] for event in found["events"]] == [event.start for event in events]
    assert events


@pytest.mark.slow
def test_molecules():
    pytest.importorskip("rdkit")
    model = load("moses")
    ask = Asking(build_app([Service("moses", model)]))
    smiles = ["CCO", "no molecule", "c1ccccc1C(=O)N"]
    found = ok(ask.post("/encode", json={"items": smiles}))
    with pytest.warns(UserWarning, match="no result for 1 of 3"):
        expected = model.transform(smiles)
    assert found["latents"][1] == [None] * expected.shape[1]
    assert np.array_equal(np.float32(found["latents"][::2]), expected[::2])
    assert "no result for 1 of 3" in found["warnings"][0]
    strict = ask.post("/encode", json={"items": smiles, "strict": True})
    assert (strict.status_code, strict.json()["error"]["type"]) == (422, "DataError")
    found = ok(ask.post("/sample", json={"n": 5, "seed": 1}))["items"]
    assert found == list(model.sample(5, seed=1))
    for items in ("moses.smi", ["/etc/passwd"]):
        assert ask.post("/encode", json={"items": items, "strict": True}).status_code in (400, 422)
