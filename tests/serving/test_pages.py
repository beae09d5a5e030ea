"""Pages of a server: what it is, how it is, and who may ask."""

import re

import numpy as np
import pytest

from vaekit.errors import SpecError
from vaekit.serving import Service, build_app, load_services
from vaekit.serving.access import Access, read_keys
from vaekit.serving.operations import OPERATIONS

from .test_same_as_python import NUMBERS

KEY, OTHER = "a-key-that-nobody-guesses", "another-key-of-that-kind"
BODY = {"items": NUMBERS.tolist()}


def test_health_and_readiness(ask):
    assert ask.get("/health").json() == {"status": "ok"}
    assert ask.get("/ready").json()["models"][0] == "table"
    assert ask("HEAD", "/health").status_code == 200


def test_models_say_what_they_can_do(ask):
    told = {model["name"]: model for model in ask.get("/models").json()["models"]}
    assert told["numbers"]["operations"] == [
        *("encode", "decode", "reconstruct", "score", "sample", "edit")
    ]
    assert told["gan"]["operations"] == ["sample"]
    assert "impute" in told["table"]["operations"]
    assert "impute" not in told["whole"]["operations"]
    assert told["detector"]["kind"] == "detector"
    assert "detect" in told["detector"]["operations"]
    assert told["detector"]["merged"][-1] == "detect"
    assert set(told["whole"]["columns"]) == {"size", "count", "kind", "day"}
    assert "labels [0, 1" in told["labelled"]["context"]
    assert ask.get("/models/gan").json() == told["gan"]
    assert ask.get("/models/none").status_code == 404


def test_the_first_model_needs_no_name(ask, models):
    found = ask.post("/sample", json={"n": 2, "seed": 0}).json()["items"]
    expected = models["table"].sample(2, seed=0)
    assert [row["count"] for row in found] == expected["count"].tolist()


def test_the_description_names_every_operation(ask, services):
    document = ask.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    wanted = {f"/models/{s.name}/{name}" for s in services for name in s.operations}
    assert {path for path, each in document["paths"].items() if "post" in each} == wanted
    for path in wanted:
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        operation = OPERATIONS[path.rpartition("/")[2]]
        assert set(operation.options) <= set(body["schema"]["properties"])
    items = document["paths"]["/models/whole/encode"]["post"]["requestBody"]["content"]
    rows = items["application/json"]["schema"]["properties"]["items"]["anyOf"][0]
    assert set(rows["items"]["properties"]) == {"size", "count", "kind", "day"}
    for name, page in document["paths"].items():
        if "get" in page:
            assert ask.get(name).status_code == 200


def test_the_page_for_people_needs_no_other_host(ask, services):
    answer = ask.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", answer.text)
    assert "<script" not in answer.text
    for service in services:
        for name in service.operations:
            assert f"POST /models/{service.name}/{name}" in answer.text
    assert ask.get("/").headers["location"] == "docs"


def test_metrics(ask_with):
    ask = ask_with(["numbers"])
    ask.post("/encode", json=BODY)
    ask.post("/models/numbers/encode", json=BODY)
    ask.post("/encode", json={})
    ask.get("/no/such/page")
    text = ask.get("/metrics").text
    labels = 'model="numbers",operation="encode"'
    assert f'vaekit_requests_total{{{labels},status="200"}} 2.0' in text
    assert f'vaekit_requests_total{{{labels},status="400"}} 1.0' in text
    assert 'vaekit_requests_total{model="",operation="",status="404"} 1.0' in text
    assert f"vaekit_items_total{{{labels}}} 14.0" in text
    assert 'vaekit_waiting_requests{model="numbers"} 0.0' in text
    assert "vaekit_body_bytes 0.0" in text
    assert f"vaekit_request_seconds_count{{{labels}}} 3.0" in text


def test_every_answer_has_a_number(ask):
    numbers = {ask.get(path).headers["x-request-id"] for path in ("/health", "/models", "/none")}
    assert len(numbers) == 3
    refusal = ask.post("/models/numbers/encode", json={})
    assert refusal.json()["error"]["request"] == refusal.headers["x-request-id"]


def test_a_fault_of_the_server_says_nothing_of_it(ask_with, services, monkeypatch, caplog):
    ask, service = ask_with(["numbers"]), next(s for s in services if s.name == "numbers")

    def fail(request):
        raise KeyError("/home/me/secret")

    monkeypatch.setitem(service._runs, "encode", fail)
    answer = ask.post("/encode", json=BODY)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error"]["type"] == "InternalError"
    assert answer.headers["x-request-id"] in caplog.text
    assert "/home/me/secret" in caplog.text


def test_what_takes_too_long(ask_with, services, monkeypatch):
    import time

    ask, service = ask_with(["numbers"], timeout=0.2), services[2]
    assert service.name == "numbers"
    before = service._runs["encode"]

    def slow(request):
        time.sleep(0.6)
        return before(request)

    monkeypatch.setitem(service._runs, "encode", slow)
    asked = [("POST", "/encode", {"json": BODY}), ("GET", "/health", {})]
    late, health = ask.all(asked)
    assert (late.status_code, late.json()["error"]["type"]) == (504, "Timeout")
    assert health.status_code == 200


def test_beyond_the_queue(ask_with):
    ask = ask_with(["numbers"], queue=2)
    asked = [("POST", "/score", {"json": BODY}) for _ in range(20)]
    found = ask.all(asked)
    assert {answer.status_code for answer in found} == {200, 429}
    refused = [answer for answer in found if answer.status_code == 429]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)


def test_keys(ask_with, tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"# of the team\n{KEY}\n\n{OTHER}\n")
    ask = ask_with(["numbers"], keys=read_keys(file, "ignored-as-there-is-a-file"))
    assert ask.get("/health").status_code == ask.get("/ready").status_code == 200
    for path in ("/models", "/metrics", "/docs", "/openapi.json", "/", "/none"):
        answer = ask.get(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    for headers in ({"authorization": f"bearer {OTHER}"}, {"x-api-key": KEY}):
        assert ask.post("/encode", json=BODY, headers=headers).status_code == 200
    for wrong in ("", KEY[:-1], f"{KEY}x", "é" * 20):
        headers = {"x-api-key": wrong.encode()}
        assert ask.post("/encode", json=BODY, headers=headers).status_code == 401
    assert ask.get("/models?key=" + KEY).status_code == 401


def test_keys_that_are_none(tmp_path):
    (tmp_path / "empty").write_text("# nothing\n")
    (tmp_path / "short").write_text("1234\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfd")
    for name in ("empty", "short", "bytes", "none"):
        with pytest.raises(SpecError, match="key"):
            read_keys(tmp_path / name, None)
    with pytest.raises(SpecError, match="16 characters"):
        read_keys(None, "short")
    for key in ("é" * 20, "a key with spaces in it"):
        with pytest.raises(SpecError, match="ASCII"):
            read_keys(None, key)
    assert read_keys(None, None) == read_keys(None, "") == ()
    with pytest.raises(SpecError, match="16 characters"):
        Access([""], None)


def test_hosts(ask_with):
    ask = ask_with(["numbers"], hosts=["localhost", "models.example"])
    for host in ("localhost", "localhost:8000", "Models.Example:80"):
        assert ask.get("/models", headers={"host": host}).status_code == 200
    for host in ("evil.example", "localhost.evil.example", "localhost@evil.example", "127.0.0.1"):
        assert ask.get("/models", headers={"host": host}).status_code == 421
    for origin, status in (("http://models.example", 200), ("null", 403), ("http://evil", 403)):
        assert ask.get("/models", headers={"origin": origin}).status_code == status


def test_runs_are_loaded_by_name(models, tmp_path):
    models["numbers"].save(tmp_path / "numbers")
    models["detector"].save(tmp_path / "detector")
    found = load_services([tmp_path / "numbers", f"guard={tmp_path / 'detector'}"])
    assert [service.name for service in found] == ["numbers", "guard"]
    assert "detect" in found[1].operations
    with pytest.raises(SpecError, match="different names"):
        load_services([tmp_path / "numbers", tmp_path / "numbers"])
    with pytest.raises(SpecError, match="letters, digits"):
        load_services([f"a b={tmp_path / 'numbers'}"])
    with pytest.raises(SpecError, match="at least"):
        load_services([])
    with pytest.raises(SpecError, match="at least"):
        build_app([])
    with pytest.raises(SpecError, match="can be served"):
        Service("x", np.zeros(3))
