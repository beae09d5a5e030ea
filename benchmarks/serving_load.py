"""Clients that ask a server all at once, in one process and without a library that costs time."""

import asyncio
import json
import time


class Load:
    """What a number of clients saw.

    Attributes:
        seconds: From the first request to the last answer.
        latencies: Seconds of each request that was answered, retries and waits included.
        statuses: How often each status came.
        lost: Requests without an answer.
        wrong: Answers that are not what is expected.
    """

    def __init__(self):
        self.seconds, self.latencies, self.statuses = 0.0, [], {}
        self.lost = self.wrong = self.retries = self.items = 0

    def percentile(self, share):
        """Seconds within which this share of requests was answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def head_of(path, size, port, kind="application/json", more=""):
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {size}\r\n{more}\r\n"
    ).encode()


async def read_answer(reader):
    """Status, headers and body of an answer with a length."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(head.split(None, 2)[1]), headers, body


class Client:
    """One connection, opened again when it was closed."""

    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None

    async def ask(self, path, body):
        """Status, headers and body of the answer."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(head_of(path, len(body), self.port) + body)
        status, headers, answer = await read_answer(self.reader)
        if headers.get("connection") == "close":
            self.close()
        return status, headers, answer

    def close(self):
        """Close the connection; the next request opens another."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


async def _one(client, path, place, body, load, answers):
    began = time.perf_counter()
    for _ in range(200):
        try:
            async with asyncio.timeout(120):
                status, headers, answer = await client.ask(path, body)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            client.close()
            load.lost += 1
            return
        load.statuses[status] = load.statuses.get(status, 0) + 1
        if status != 429:
            break
        load.retries += 1
        await asyncio.sleep(float(headers["retry-after"]))
    load.latencies.append(time.perf_counter() - began)
    answers.append((place, status, answer))


def ask_all(port, path, pieces, clients, requests, is_right):
    """Each of so many clients asks so often, one request after the other.

    Args:
        port: of the server, on this machine.
        path: of the operation.
        pieces: bodies and how many items each has; client c asks for c, c + 1, ... in turn.
        clients: how many at once.
        requests: of each.
        is_right: tells of the number of a piece and the body of its answer.
    """
    load, bodies, answers = Load(), [json.dumps(body).encode() for body, _ in pieces], []

    async def work(number):
        client = Client(port)
        for step in range(requests):
            place = (number + step) % len(bodies)
            await _one(client, path, place, bodies[place], load, answers)
            load.items += pieces[place][1]
        client.close()

    async def all_of_them():
        await asyncio.gather(*(work(number) for number in range(clients)))

    began = time.perf_counter()
    asyncio.run(all_of_them())
    load.seconds = time.perf_counter() - began
    # Looked at afterwards, as the clients share the processor with the server.
    load.wrong = sum(
        status != 200 or not is_right(place, answer) for place, status, answer in answers
    )
    return load
