"""A real server in a process of its own: the command, slow clients, and how it ends."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest

from vaekit.autoencoder import Autoencoder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

KEY = "a-key-that-nobody-guesses"
PROGRAM = """
import sys
from vaekit import registry
from vaekit.cli.app import main
from vaekit.serving.commands import serve
if "serve" not in registry.names("commands"):
    registry.register("commands", serve, "serve")
sys.argv = ["vaekit", "serve", *sys.argv[1:]]
main()
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rows = np.random.default_rng(1).normal(size=(200, 4))
    model = Autoencoder(latent_dim=2, domain="arrays", max_epochs=2, progress=False).fit(rows)
    model.save(tmp_path_factory.mktemp("server") / "numbers")
    return tmp_path_factory.getbasetemp() / "server0" / "numbers"


class Server:
    def __init__(self, *arguments, key=None):
        environment = {**os.environ, "VAEKIT_API_KEY": key or "", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, arguments), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self.said = []
        while not (found := re.search(r"http://127.0.0.1:(\d+)/docs", " ".join(self.said))):
            line = self.process.stdout.readline()
            assert line, self.said
            self.said.append(line.strip())
        self.port = int(found[1])
        self.address = f"http://127.0.0.1:{self.port}"
        self._wait()

    def _wait(self):
        for _ in range(100):
            try:
                httpx.get(f"{self.address}/health")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=30)
        return self.process.returncode, rest


@pytest.fixture(scope="module")
def server(run):
    server = Server(run, "--timeout", 20)
    yield server
    server.stop()


def test_it_answers_as_python(server, run):
    from vaekit import load

    body = {"n": 4, "seed": 1}
    found = httpx.post(f"{server.address}/sample", json=body)
    assert np.array_equal(found.json()["items"], load(run).sample(4, seed=1))
    assert found.headers["x-request-id"]
    assert "server" not in found.headers


def test_two_hundred_clients_at_once(server, run):
    from vaekit import load

    model, rng = load(run), np.random.default_rng(0)
    parts = [rng.normal(size=(i % 4 + 1, 4)) for i in range(200)]
    found = [None] * len(parts)
    limits = httpx.Limits(max_connections=None)
    client = httpx.Client(base_url=server.address, timeout=30, limits=limits)

    def ask(place):
        found[place] = client.post("/encode", json={"items": parts[place].tolist()})

    threads = [threading.Thread(target=ask, args=[place]) for place in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    for part, answer in zip(parts, found, strict=True):
        expected = model.transform(part)
        np.testing.assert_allclose(answer.json()["latents"], expected, rtol=1e-4, atol=1e-5)


def open_line(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def request_of(path, body):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def all_of(line):
    """What comes until the server closes the line."""
    answer = b""
    while part := line.recv(2**16):
        answer += part
    line.close()
    return answer


def send_until_cut_off(line, part, most):
    """Send the same again and again, until the server closes the line."""
    sent = 0
    try:
        while sent < most:
            sent += line.send(part)
    except OSError:
        return
    finally:
        line.close()
    pytest.fail(f"{sent} bytes were taken")


def metric(server, name):
    text = httpx.get(f"{server.address}/metrics").text
    found = [line for line in text.splitlines() if line.startswith(name)]
    return float(found[0].split()[-1]) if found else 0.0


def test_a_body_without_an_end_is_refused(server):
    line = open_line(server)
    head = b"POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    line.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
    send_until_cut_off(line, b"10000\r\n" + b" " * 0x10000 + b"\r\n", 2**28)
    assert httpx.get(f"{server.address}/health").status_code == 200


def test_a_promised_body_that_is_too_large_is_refused_at_once(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("POST", "/encode")
    connection.putheader("Content-Length", str(2**40))
    connection.putheader("Content-Type", "application/json")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert json.loads(answer.read())["error"]["type"] == "TooLarge"


@pytest.mark.slow
def test_heads_that_dribble_are_cut_off(server):
    """Slow loris: a hundred lines that never end a head, and the server answers all the while."""
    lines = [open_line(server) for _ in range(100)]
    for line in lines:
        line.sendall(b"GET /health HTTP/1.1\r\n")
    began = time.monotonic()
    open_ones = set(lines)
    while open_ones and time.monotonic() - began < 20:
        time.sleep(1)
        assert httpx.get(f"{server.address}/health").status_code == 200
        for line in list(open_ones):
            try:
                line.sendall(b"X-A: b\r\n")
            except OSError:
                open_ones.discard(line)
    for line in lines:
        line.close()
    assert not open_ones


def test_hostile_hosts_and_pages_are_refused(server):
    refused = httpx.get(f"{server.address}/models", headers={"host": "evil.example"})
    assert refused.status_code == 421
    refused = httpx.post(f"{server.address}/sample", headers={"origin": "http://evil.example"})
    assert refused.status_code == 403
    own = {"origin": f"http://localhost:{server.port}"}
    assert httpx.post(f"{server.address}/sample", json={}, headers=own).status_code == 200


def test_nonsense_instead_of_http(server):
    for text in (
        b"\0" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\r\n" * 50,
    ):
        line = open_line(server)
        line.sendall(text)
        line.shutdown(socket.SHUT_WR)
        while line.recv(1000):
            pass
        line.close()
    assert httpx.get(f"{server.address}/health").status_code == 200


def test_what_came_is_answered_before_the_end(run):
    server = Server(run)
    lines = [open_line(server) for _ in range(4)]
    for line in lines:
        line.sendall(request_of("/sample", b'{"n": 10000, "seed": 1}'))
    while metric(server, 'vaekit_waiting_requests{model="numbers"}') < 1:
        time.sleep(0.01)
    time.sleep(0.1)
    status, said = server.stop()
    for line in lines:
        head, _, body = all_of(line).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert len(json.loads(body)["items"]) == 10_000
    assert status == 0
    assert "requests that had come are answered" in said


def test_a_key_from_the_environment(run):
    server = Server(run, key=KEY)
    try:
        assert httpx.get(f"{server.address}/health").status_code == 200
        refused = httpx.get(f"{server.address}/models")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        for headers in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}):
            assert httpx.get(f"{server.address}/models", headers=headers).status_code == 200
        assert httpx.get(f"{server.address}/models", headers={"x-api-key": "x"}).status_code == 401
    finally:
        server.stop()


def test_a_head_without_an_end_is_cut_off(server):
    line = open_line(server)
    line.sendall(b"GET /health HTTP/1.1\r\n")
    send_until_cut_off(line, b"X-A: " + b"b" * 1000 + b"\r\n", 2**26)
    assert httpx.get(f"{server.address}/health").status_code == 200


def test_a_trailer_without_an_end_is_cut_off(server):
    line = open_line(server)
    head = b"POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    line.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    send_until_cut_off(line, b"X-A: " + b"b" * 1000 + b"\r\n", 2**28)
    assert httpx.get(f"{server.address}/health").status_code == 200


def test_a_client_that_has_said_all_still_gets_its_answer(server):
    line = open_line(server)
    line.sendall(request_of("/sample", b'{"n": 2000, "seed": 1}'))
    line.shutdown(socket.SHUT_WR)  # and not closed
    head, _, body = all_of(line).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert len(json.loads(body)["items"]) == 2000
