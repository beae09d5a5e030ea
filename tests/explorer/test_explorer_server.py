"""The local server: who may ask, what it gives away, and what it refuses."""

import json
import re
import sys

import pytest
from starlette.testclient import TestClient

from vaekit import Autoencoder
from vaekit.datasets import digits
from vaekit.errors import MissingExtraError, SpecError
from vaekit.explorer import open_session
from vaekit.explorer import server as server_module
from vaekit.explorer.server import free_socket, link, make_app, make_token

TOKEN, PORT = "a-secret", 4321
ALLOWED = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def client():
    images = digits().images[:100]
    model = Autoencoder("vae", 2, steps=20, progress=False).fit(images)
    session = open_session(model, images, name="</script><b>odd")
    with TestClient(make_app([session], TOKEN, PORT), f"http://127.0.0.1:{PORT}") as found:
        yield found


def test_the_page_brings_no_data_and_names_no_other_host(client):
    page = client.get("/")
    assert page.status_code == 200
    assert not re.findall(r"https?://", page.text)
    assert TOKEN not in page.text
    assert "</script><b>" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy


def test_all_modules_of_the_page_are_there(client):
    mapping = re.search(r'<script type="importmap">(.*?)</script>', client.get("/").text)
    imports = json.loads(mapping.group(1))["imports"]
    assert {"preact", "htm", "regl-scatterplot", "vaekit/main.js"} <= imports.keys()
    for path in imports.values():
        found = client.get(path)
        assert found.status_code == 200
        assert found.headers["content-type"].startswith("text/javascript")
        for name in re.findall(r'^import [^;]*? from "([^"]+)"', found.text, flags=re.MULTILINE):
            assert name in imports


@pytest.mark.parametrize(
    "path",
    [
        "/page/../server.py",
        "/page/%2e%2e/server.py",
        "/page//etc/passwd",
        "/page/vendor/LICENSES.txt",
        "/page/",
        "/etc/passwd",
    ],
)
def test_no_other_file_is_given_away(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN[:3]}]
)
def test_operations_need_the_token(client, headers):
    found = client.post("/call/info", json={}, headers=headers)
    assert found.status_code == 403
    assert set(found.json()) == {"error"}


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1:1", ""])
def test_other_names_of_this_computer_are_refused(client, host):
    for path in ("/", "/page/main.js"):
        assert client.get(path, headers={"host": host}).status_code == 421
    asked = client.post("/call/info", json={}, headers={**ALLOWED, "host": host})
    assert asked.status_code == 421


def test_an_operation_answers(client):
    found = client.post("/call/info", json={"run": 0}, headers=ALLOWED)
    assert found.status_code == 200
    assert found.json()["count"] == 100
    assert found.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "must be JSON"),
        (b"[1]", "must be a record"),
        (b'{"run": 1}', "run must be from 0 to 0"),
        (b'{"run": "../x"}', "run must be"),
        (b'{"index": -1}', "must be from 0"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(client, body, words):
    found = client.post("/call/item", content=body, headers=ALLOWED)
    assert found.status_code == 400
    assert words in found.json()["error"]
    assert "Traceback" not in found.text


def test_a_huge_request_is_not_read(client, monkeypatch):
    monkeypatch.setattr(server_module, "MOST_BYTES", 1000)
    found = client.post("/call/info", content=b" " * 2000, headers=ALLOWED)
    assert found.status_code == 413


def test_tokens_are_long_and_never_the_same():
    tokens = {make_token() for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 32


def test_the_token_is_in_the_part_of_the_link_that_is_never_sent():
    assert link(80, "x") == "http://127.0.0.1:80/#token=x"


def test_only_this_computer_is_served_and_a_taken_port_is_refused():
    with free_socket(0) as bound:
        host, port = bound.getsockname()
        assert host == "127.0.0.1"
        bound.listen()
        with pytest.raises(SpecError, match="--port must be free"):
            free_socket(port)


def test_a_missing_server_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    with pytest.raises(MissingExtraError, match=r"vaekit\[serve\]"):
        make_app([], TOKEN, PORT)
