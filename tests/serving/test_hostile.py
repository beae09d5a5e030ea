"""What hostile clients send is refused: no path is read, nothing is unpacked, nothing hangs."""

import base64
import gzip
import json
import os
import struct
import sys
import time
import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaekit.errors import SpecError
from vaekit.serving import ServingLimits

from .test_same_as_python import ARROW, NUMBERS, PICTURES, arrow_of, png

JSON = {"content-type": "application/json"}
PNG = {"content-type": "image/png"}
BODY = {"items": NUMBERS.tolist()}


def refused(response, *statuses):
    """Return the message of a refusal, which says nothing of the machine."""
    assert response.status_code in statuses, response.text
    error = response.json()["error"]
    assert set(error) == {"type", "message", "request"}
    assert "Traceback" not in error["message"]
    assert not any(word in error["message"] for word in ("/home", "/root", "site-packages", ".py"))
    return error["message"]


_opened = []
sys.addaudithook(
    lambda event, given: (
        _opened.append(given) if event == "open" and "secret.csv" in str(given[0]) else None
    )
)


@pytest.fixture
def secret(tmp_path, monkeypatch):
    """A file that nothing may open or ask for."""
    path = tmp_path / "secret.csv"
    path.write_text("a,b,c,d\n1,2,3,4\n")
    before, asked = os.stat, []

    def stat(place, *args, **options):
        if "secret.csv" in str(place):
            asked.append(place)
        return before(place, *args, **options)

    monkeypatch.setattr(os, "stat", stat)
    _opened.clear()
    path.exists()
    path.read_text()
    assert (len(asked), len(_opened)) == (1, 1)  # so would others be noticed
    yield str(path)
    assert (len(asked), len(_opened)) == (1, 1)


MODELS = ["numbers", "whole", "table", "images", "words", "series", "labelled", "detector"]


@pytest.mark.parametrize("model", MODELS)
def test_a_text_is_never_read_as_a_path(ask, secret, model):
    for body in (
        {"items": secret},
        {"items": [secret]},
        {"items": [[secret]]},
        {"items": {"size": secret}},
        {"items": {"size": [secret], "count": [1], "kind": ["a"], "day": ["2024-01-01"]}},
        {"items": [{"size": secret}]},
        {"items": secret, "context": secret},
        {"latents": secret},
        {"latents": [secret]},
    ):
        for operation in ("encode", "decode", "score", "detect", "impute", "edit"):
            response = ask.post(f"/models/{model}/{operation}", json=body)
            if response.status_code != 200:  # new words in a table are taken for missing
                refused(response, 400, 404, 422)
            else:
                assert "1,2,3,4" not in response.text
    for name in ("context", "where", "init", "negative", "mask", "solver", "prior"):
        refused(ask.post(f"/models/{model}/sample", json={name: secret}), 400, 422)
        refused(ask.post(f"/models/{model}/sample?{name}={secret}", json={}), 400, 422)
    items = {"items": PICTURES.tolist()}
    for name in ("labels", "like", "attribute", "protect", "method"):
        body = {**items, "attribute": "label", "to": "3", name: secret}
        refused(ask.post(f"/models/{model}/edit", json=body), 400, 404, 422)


@pytest.mark.parametrize(
    "path",
    [
        "/models/../../etc/passwd",
        "/models/..%2f..%2fetc%2fpasswd/encode",
        "/models/numbers/..%2f..%2fencode",
        "/..%2f..%2fetc/passwd",
        "/docs/../../../etc/passwd",
        "/models/nothing/encode",
        "/models/numbers/nothing",
        "/models/numbers/impute",
        "/nothing",
        "//etc/passwd",
        "/models/%00/encode",
    ],
)
def test_addresses_that_lead_nowhere(ask, path):
    refused(ask.post(path, json=BODY), 404, 405)
    refused(ask.get(path), 404, 405)


def test_methods(ask):
    assert "another method" in refused(ask.get("/models/numbers/encode"), 405)
    refused(ask("DELETE", "/models"), 405)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"items"',
        b'{"items": [[NaN, 1, 2, 3]]}',
        b'{"items": [[Infinity, 1, 2, 3]]}',
        b'{"items": [[1e999, 1, 2, 3]]}',
        b'{"items": [["1", "2", "3", "4"]]}',
        b'{"items": [[true, false, true, true]]}',
        b'{"items": [[1, 2, 3]]}',
        b'{"items": [[1, 2, 3], [4]]}',
        b'{"items": []}',
        b'{"items": [[]]}',
        b'{"items": {}}',
        b'{"items": [{}]}',
        b'{"items": [null]}',
        b'{"items": [[' + b"9" * 5000 + b", 1, 2, 3]]}",
        b'{"items": [[' + b"9" * 400 + b", 1, 2, 3]]}",
        b'{"items": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"items": ' + b"[" * 200 + b"1" + b"]" * 200 + b"}",
        b'{"a": ' * 50_000 + b"1" + b"}" * 50_000,
        b"\xff\xfe\x00",
        b'{"items": "\xed\xa0\x80"}',
        "{}".encode("utf-16"),
        b'{"items": [[1, 2, 3, 4]], "drwas": 3}',
        b'{"items": [[1, 2, 3, 4]], "context": 1}',
        b'{"items": [[1, 2, 3, 4]], "context": {}}',
        b'{"items": [[1, 2, 3, 4]], "strict": "yes"}',
    ],
)
def test_bodies_that_are_no_items(ask, text):
    refused(ask.post("/models/numbers/encode", content=text, headers=JSON), 400, 422)


def test_deep_lists_as_context_and_where(ask):
    deep = json.loads("[" * 500 + "1" + "]" * 500)
    for name in ("context", "where", "mask", "init", "negative"):
        refused(ask.post("/models/labelled/sample", json={name: deep}), 400, 422)


OPTIONS = {
    "n": [0, -1, 10**9, 1.5, "3", True, [1]],
    "seed": [-1, 2**64, 0.5, "a"],
    "prior": ["none", 3],
    "where": [3, {"size": {"low": [1]}}, {"size": {}}, {"size": {"least": 1}}, {"nothing": 1}],
    "temperature": ["warm", True],
    "steps": [10**9, 0],
    "rerank": [10**9],
    "orient": ["rows", 3, [[]]],
    "images": ["jpeg"],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_of_sample_out_of_range(ask, name):
    for value in OPTIONS[name]:
        refused(ask.post("/models/whole/sample", json={name: value}), 400, 413, 422)


def test_work_is_bounded(ask_with):
    ask = ask_with(["numbers"], max_rows=10)
    rows = np.zeros((11, 4)).tolist()
    for body in ({"items": rows}, {"items": {"a": [1] * 11}}):
        assert "at most 10 items" in refused(ask.post("/encode", json=body), 413)
    refused(ask.post("/decode", json={"latents": [[0, 0]] * 11}), 413)
    refused(ask.post("/sample", json={"n": 11}), 413)
    refused(ask.post("/score", json={"items": rows[:1], "draws": 10**6}), 422)
    assert "draws times" in refused(
        ask.post("/score", json={"items": rows[:10], "draws": 256}), 413
    )
    table = arrow_of(pa.table({str(i): [0.0] * 11 for i in range(4)}))
    refused(ask.post("/encode", content=table, headers=ARROW), 413)


def test_bodies_that_are_too_large(ask_with):
    ask = ask_with(["numbers"], max_body_mb=0.1)
    refused(ask.post("/encode", content=b" " * 200_000, headers=JSON), 413)

    async def pieces():
        for _ in range(100):
            yield b" " * 10_000

    refused(ask.post("/encode", content=pieces(), headers=JSON), 413)
    assert ask.post("/encode", json=BODY).status_code == 200


def test_bodies_of_all_are_bounded(ask_with):
    ask = ask_with(["numbers"], max_body_mb=0.5, max_waiting_mb=0.5)
    text = json.dumps(BODY).encode() + b" " * 300_000
    asked = [("POST", "/encode", {"content": text, "headers": JSON}) for _ in range(6)]
    found = ask.all(asked)
    statuses = {response.status_code for response in found}
    assert statuses == {200, 429}
    assert all(r.headers["retry-after"] == "1" for r in found if r.status_code == 429)
    assert ask.post("/encode", json=BODY).status_code == 200


def test_nothing_is_unpacked(ask):
    bomb = gzip.compress(b" " * 2**26)
    headers = {**JSON, "content-encoding": "gzip"}
    refused(ask.post("/models/numbers/encode", content=bomb, headers=headers), 415)
    refused(ask.post("/models/numbers/encode", content=bomb, headers=JSON), 400)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-pickle", "text/csv", "image/gif"]
)
def test_other_types_of_bodies(ask, kind):
    refused(ask.post("/models/numbers/encode", content=b"abc", headers={"content-type": kind}), 415)


def test_other_types_of_answers(ask):
    for kind in ("text/html", "application/x-pickle"):
        refused(ask.post("/models/numbers/encode", json=BODY, headers={"accept": kind}), 406)
    refused(ask.post("/models/numbers/encode", json=BODY, headers={"accept": "image/png"}), 406)


# Images.


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width, height, data=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


IMAGES = {
    "bomb": png_of(20_000, 20_000, zlib.compress(b"\0" * 2**20)),
    "larger bomb": png_of(2**31 - 1, 2**31 - 1, zlib.compress(b"\0" * 1000)),
    "text bomb": png_of(8, 8)[:33]
    + chunk(b"zTXt", b"a\0\0" + zlib.compress(b" " * 2**26))
    + png_of(8, 8)[33:],
    "no data": png_of(8, 8),
    "no size": png_of(0, 0),
    "cut off": png(PICTURES[0])[:40],
    "another size": png(np.zeros((9, 8), np.uint8)),
    "color": png(np.zeros((8, 8, 3), np.uint8)),
    "nothing": b"",
    "text": b"hello",
    "tiff": b"II*\0" + b"\xff" * 100,
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(/etc/passwd) run\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
}


@pytest.mark.parametrize("name", IMAGES)
def test_images_that_are_none(ask, name):
    began, content = time.monotonic(), IMAGES[name]
    refused(ask.post("/models/images/encode", content=content, headers=PNG), 400, 422)
    body = {"items": [base64.b64encode(content).decode()]}
    refused(ask.post("/models/images/encode", json=body), 400, 422)
    files = [("f", (f"../../{i}.png", content, "image/png")) for i in range(3)]
    refused(ask.post("/models/images/encode", files=files), 400, 422)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nabc\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a"),
        ("multipart/form-data; boundary=" + "x" * 1000, b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\n\r\n" * 5000),
    ],
)
def test_forms_that_are_none(ask, kind, body):
    response = ask.post("/models/images/encode", content=body, headers={"content-type": kind})
    refused(response, 400, 413)


def test_images_for_models_of_others(ask):
    refused(ask.post("/models/numbers/encode", content=png(PICTURES[0]), headers=PNG), 400)
    refused(ask.post("/models/images/decode", content=png(PICTURES[0]), headers=PNG), 415)
    refused(ask.post("/models/images/sample", content=png(PICTURES[0]), headers=PNG), 415)


# Arrow.


def compressed(table):
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def longer(body, rows, more):
    """A batch that says it has more rows than are there."""
    return body.replace(struct.pack("<q", rows), struct.pack("<q", more))


FOUR = pa.table({str(i): np.zeros(7) for i in range(4)})
PIECES = {
    "compressed": compressed(pa.table({"0": np.zeros(10_000)})),
    "nothing": b"",
    "no arrow": b"abc" * 100,
    "cut off": arrow_of(FOUR)[:-200],
    "end alone": b"\xff\xff\xff\xff\0\0\0\0",
    "huge head": b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    "negative head": b"\xff\xff\xff\xff\xff\xff\xff\xff",
    "longer": longer(arrow_of(FOUR), 7, 10**12),
    "a little longer": longer(arrow_of(FOUR), 7, 9000),
    "negative": longer(arrow_of(FOUR), 7, -5),
    "no rows": arrow_of(FOUR.slice(0, 0)),
    "no columns": arrow_of(pa.table({})),
    "nulls": arrow_of(pa.table({"a": pa.nulls(100)})),
    "lists": arrow_of(pa.table({"a": [[1.0], [2.0, 3.0]]})),
    "objects": arrow_of(pa.table({"a": [{"b": 1}]})),
    "bytes": arrow_of(pa.table({"a": [b"x"]})),
    "decimals": arrow_of(pa.table({"a": pa.array([1]).cast(pa.decimal128(30))})),
    "runs": arrow_of(pa.table({"a": pa.RunEndEncodedArray.from_arrays([2**30], [1.0])})),
    "zone": arrow_of(pa.table({"a": pa.array([0], pa.timestamp("s", "../../etc/passwd"))})),
    "texts": arrow_of(pa.table({str(i): ["/etc/passwd"] for i in range(4)})),
    "twice": arrow_of(pa.Table.from_arrays([pa.array([1.0])] * 4, names=["a"] * 4)),
}


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("model", ["numbers", "whole", "images", "words"])
def test_arrow_that_is_damaged(ask, model, name):
    response = ask.post(f"/models/{model}/encode", content=PIECES[name], headers=ARROW)
    refused(response, 400, 413, 422)


@pytest.mark.parametrize("name", PIECES)
def test_arrow_that_is_no_latents(ask, name):
    response = ask.post("/models/numbers/decode", content=PIECES[name], headers=ARROW)
    refused(response, 400, 413, 422)


def test_arrow_files_are_read_like_streams(ask, models):
    sink = pa.BufferOutputStream()
    table = pa.table({str(i): NUMBERS[:, i] for i in range(4)})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    kind = {"content-type": "application/vnd.apache.arrow.file"}
    content = sink.getvalue().to_pybytes()
    found = ask.post("/models/numbers/encode", content=content, headers=kind).json()
    assert np.array_equal(np.float32(found["latents"]), models["numbers"].transform(NUMBERS))


# Anything at all.


def nested():
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    keys = st.sampled_from(["size", "count", "kind", "day", "x", ""])
    return st.recursive(
        plain,
        lambda x: st.lists(x, max_size=4) | st.dictionaries(keys, x, max_size=4),
        max_leaves=8,
    )


NAMES = ["items", "latents", "context", "n", "seed", "where", "draws", "labels", "like", "mask"]


@settings(max_examples=120)
@given(
    st.sampled_from(MODELS),
    st.sampled_from(
        ["encode", "decode", "reconstruct", "score", "detect", "sample", "impute", "edit"]
    ),
    st.dictionaries(
        st.sampled_from([*NAMES, "init", "shift", "attribute", "to", "prior"]), nested()
    ),
)
def test_any_json(ask, model, operation, body):
    text = json.dumps(body).encode()
    response = ask.post(f"/models/{model}/{operation}", content=text, headers=JSON)
    if response.status_code != 200:
        refused(response, 400, 404, 413, 422)


@settings(max_examples=120)
@given(
    st.sampled_from(["png", "arrow", "tensors"]),
    st.lists(st.tuples(st.integers(0), st.integers(0, 255))),
    st.data(),
)
def test_files_with_any_bytes_changed(ask, kind, changes, data):
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(PICTURES[:2])
    body, model, headers = {
        "png": (png(PICTURES[0]), "images", PNG),
        "arrow": (arrow_of(FOUR), "numbers", ARROW),
        "tensors": (arrow_of(pa.table({"item": tensors})), "images", ARROW),
    }[kind]
    content = bytearray(body)
    for place, value in changes:
        content[place % len(content)] = value
    content = content[: data.draw(st.integers(0, len(content)))]
    response = ask.post(f"/models/{model}/encode", content=bytes(content), headers=headers)
    if response.status_code != 200:
        refused(response, 400, 413, 422)


def test_limits_that_are_none():
    with pytest.raises(SpecError, match="above 0"):
        ServingLimits(queue=0)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("whole/sample", {"where": {"size": ["/etc/passwd"]}}),
        ("whole/sample", {"where": {"count": {"low": "many"}}}),
        ("whole/sample", {"where": {"size": 10**400}}),
        ("whole/sample", {"top_p": 10**400}),
        ("whole/sample", {"temperature": -(10**400)}),
        ("labelled/sample", {"context": {}}),
        ("labelled/sample", {"context": []}),
        ("labelled/sample", {"n": 2, "context": [["a"], "b"]}),
        ("labelled/sample", {"context": 10**400}),
    ],
)
def test_what_was_once_a_fault_of_the_server(ask, path, body):
    refused(ask.post(f"/models/{path}", json=body), 400, 422)
