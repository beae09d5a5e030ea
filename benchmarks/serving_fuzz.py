"""Requests made to do harm, against a real server: none may hang, leak, or make it read a file."""

import asyncio
import base64
import gzip
import io
import json
import random
import struct
import time
import zlib

import numpy as np
import pyarrow as pa
from PIL import Image
from serving_load import head_of, read_answer

MODELS = ("table", "numbers", "images", "detector")
OPERATIONS = (
    *("encode", "decode", "reconstruct", "score"),
    *("detect", "sample", "impute", "edit"),
)
LEAKS = (b"Traceback", b"site-packages", b'File "', b"root:x:", b"CANARY", b".py")
PATIENCE = 45
AT_ONCE = 64

PROGRAM = """
import json, os, sys
opened, is_open = set(), [False]

def hook(event, given):
    if event == "socket.listen" or event == "socket.bind":
        is_open[0] = True
    elif event == "open" and is_open[0] and not isinstance(given[0], int):
        opened.add(os.fsdecode(given[0]))

from vaekit.cli.app import main
sys.addaudithook(hook)
sys.argv = ["vaekit", "serve", *sys.argv[2:]]
target = os.environ["OPENED_FILES"]
try:
    main()
finally:
    is_open[0] = False
    with open(target, "w") as file:
        json.dump(sorted(opened), file)
"""


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width, height, data):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def arrow_of(table, **options):
    sink = pa.BufferOutputStream()
    written = pa.ipc.IpcWriteOptions(**options)
    with pa.ipc.new_stream(sink, table.schema, options=written) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


class Maker:
    """Makes hostile requests, the same for the same seed."""

    def __init__(self, canary, seed=0):
        self.rng, self.canary = random.Random(seed), canary
        rows = np.random.default_rng(seed).normal(size=(5, 30))
        image = np.random.default_rng(seed).integers(0, 255, (32, 32)).astype(np.uint8)
        table = {"age": [30, 40], "hours": [40.0, None], "job": ["cook", "vet"]}
        self.image, self.bomb = png(image), gzip.compress(b" " * 2**24)
        record = {"age": 30, "hours": 40.0, "job": "cook", "income": "<=50K"}
        text = base64.b64encode(self.image).decode()
        of_rows, of_items = ("encode", "score", "reconstruct", "edit"), ("encode", "reconstruct")
        self.bodies = [
            ({"items": rows.tolist()}, [f"/models/numbers/{name}" for name in of_rows]),
            ({"items": rows.tolist(), "reasons": 2}, ["/models/detector/detect"]),
            ({"latents": rows[:, :2].tolist()}, [f"/models/{name}/decode" for name in MODELS]),
            ({"items": [record] * 3}, [f"/models/table/{name}" for name in of_rows]),
            ({"items": {**table, "income": ["<=50K", None]}}, ["/models/table/encode"]),
            ({"items": [text] * 2}, [f"/models/images/{name}" for name in of_items]),
            ({"items": image[None].tolist()}, ["/models/images/score"]),
            ({"n": 3, "seed": 1, "where": ["age>=30"]}, ["/models/table/sample"]),
            ({"n": 3, "seed": 1, "images": "png"}, ["/models/images/sample"]),
            ({"items": rows.tolist(), "like": rows.tolist()}, ["/models/numbers/edit"]),
        ]
        frame = pa.table({str(i): rows[:, i] for i in range(30)})
        tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.stack([image] * 3))
        self.arrows = [
            arrow_of(frame),
            arrow_of(pa.table({"item": tensors})),
            arrow_of(pa.table(table)),
            arrow_of(pa.table({"age": np.zeros(100_000)}), compression="zstd"),
            arrow_of(pa.table({"age": pa.array(["a", "b"]).dictionary_encode()})),
        ]
        self.pictures = [
            self.image,
            png_of(30_000, 30_000, zlib.compress(b"\0" * 2**20)),
            png_of(32, 32, zlib.compress(b"\0" * 2**24)),
            b"%!PS-Adobe-3.0 EPSF-3.0\n(" + canary.encode() + b") run\n",
        ]
        kinds = (
            *(self.json_changed, self.json_made, self.paths, self.addresses, self.arrow),
            *(self.picture, self.form, self.heads, self.lengths, self.packed, self.noise),
        )
        self.kinds, self.slow = kinds, (self.half_head, self.half_body, self.endless)

    def path(self):
        """Any operation of any model."""
        return f"/models/{self.rng.choice(MODELS)}/{self.rng.choice(OPERATIONS)}"

    def body(self):
        """A body that is right, and mostly the operation for it."""
        body, paths = self.rng.choice(self.bodies)
        return body, self.rng.choice(paths) if self.rng.random() < 0.8 else self.path()

    def changed(self, content):
        """Some bytes replaced, taken out, doubled or cut off."""
        rng, content = self.rng, bytearray(content)
        for _ in range(rng.choice((0, 1, 2, 8))):
            place = rng.randrange(len(content) or 1)
            choice = rng.randrange(4)
            if choice == 0 and content:
                content[place % len(content)] = rng.randrange(256)
            elif choice == 1:
                del content[place : place + rng.randrange(40)]
            elif choice == 2:
                content[place:place] = content[place : place + 60]
            else:
                content[place:place] = rng.choice((b"\0", b"null", b"[", b"{", b"9" * 400, b"\xff"))
        return bytes(content[: rng.randrange(len(content) + 1)] if rng.random() < 0.2 else content)

    def send(self, content, kind="application/json", path=None, more=""):
        """A request with this body."""
        return head_of(path or self.path(), len(content), 80, kind, more) + content

    def json_changed(self):
        """JSON with bytes changed."""
        body, path = self.body()
        return self.send(self.changed(json.dumps(body).encode()), path=path)

    def value(self, depth=0):
        """Any value."""
        rng = self.rng
        plain = [
            None,
            True,
            -1,
            0,
            2**63,
            1e308,
            -1e-320,
            "",
            "a",
            self.canary,
            "\0",
            "😀",
            10**400,
        ]
        if depth > 3 or rng.random() < 0.5:
            return rng.choice(plain)
        if rng.random() < 0.6:
            return [self.value(depth + 1) for _ in range(rng.randrange(4))]
        names = ("age", "hours", "job", "income", "low", "high", "0", "__class__", "$ref")
        return {rng.choice(names): self.value(depth + 1) for _ in range(rng.randrange(4))}

    def json_made(self):
        """JSON of odd values."""
        rng = self.rng
        if rng.random() < 0.1:
            depth = rng.choice((100, 1000, 100_000))
            return self.send(b'{"items": ' + b"[" * depth + b"]" * depth + b"}")
        names = (
            *("items", "latents", "context", "n", "seed", "where", "draws", "labels", "like"),
            *("init", "mask", "prior", "solver", "shift", "attribute", "to", "orient", "images"),
        )
        right, path = self.body()
        body = {name: self.value() for name in rng.sample(names, rng.randrange(1, 5))}
        whole = {**right, **body} if rng.random() < 0.5 else body
        return self.send(json.dumps(whole).encode(), path=path)

    def paths(self):
        """Names of files where items belong."""
        rng, canary = self.rng, self.canary
        name = rng.choice(
            (canary, f"file://{canary}", "../" * 9 + canary, "/etc/passwd", "/proc/self/environ")
        )
        field = rng.choice(
            ("items", "context", "init", "labels", "like", "where", "mask", "negative")
        )
        value = rng.choice(
            (name, [name], [[name]], {"path": name}, {"age": [name]}, [{"job": name}])
        )
        right, path = self.body()
        body = {**right, field: value}
        query = rng.choice(("", f"?{field}={name}", f"?context={name}"))
        return self.send(json.dumps(body).encode(), path=path + query)

    def addresses(self):
        """Addresses that lead up and out."""
        rng = self.rng
        up = rng.choice(
            ("../", "..%2f", "%2e%2e/", "..\\", "..%5c", "%00/", "....//", "%c0%ae%c0%ae/")
        )
        start = rng.choice(("/", "/models/", "/docs/", "/models/table/", "http://evil/", "//"))
        path = (
            start + up * rng.randrange(1, 9) + rng.choice(("etc/passwd", self.canary, "a" * 5000))
        )
        method = rng.choice(("GET", "POST", "PUT", "OPTIONS", "HEAD", "TRACE", "CONNECT", "X" * 30))
        return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()

    def arrow(self):
        """Arrow with bytes changed."""
        kind = self.rng.choice(("stream", "file"))
        place = self.rng.randrange(len(self.arrows))
        content = self.changed(self.arrows[place])
        path = f"/models/{('numbers', 'images')[place]}/encode" if place < 2 else self.path()
        return self.send(content, f"application/vnd.apache.arrow.{kind}", path)

    def picture(self):
        """Images with bytes changed, and bombs."""
        content = self.changed(self.rng.choice(self.pictures))
        kind = self.rng.choice(("png", "jpeg", "webp"))
        return self.send(content, f"image/{kind}", "/models/images/encode")

    def form(self):
        """Forms with names of files that lead out."""
        name = self.rng.choice((self.canary, "../../x", "a\0b", "x" * 3000))
        part = (
            f'--b\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode()
        )
        content = (part + self.image + b"\r\n") * self.rng.randrange(1, 4) + b"--b--\r\n"
        kind = self.rng.choice(("multipart/form-data; boundary=b", "multipart/form-data"))
        return self.send(self.changed(content), kind, "/models/images/encode")

    def heads(self):
        """Odd lines in heads."""
        rng = self.rng
        more = rng.choice(
            (
                "X-A: " + "b" * rng.choice((100, 9000, 90_000)) + "\r\n",
                "".join(f"X-{i}: b\r\n" for i in range(rng.choice((10, 3000)))),
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "Transfer-Encoding: chunked, gzip\r\n",
                "Upgrade: websocket\r\nConnection: Upgrade\r\n",
                "Expect: 100-continue\r\n",
                "Authorization: Bearer " + "a" * 5000 + "\r\n",
                "X-A\0: b\r\n",
                " folded: b\r\n",
                "Origin: http://evil.example\r\n",
                "Accept: text/html\r\n",
            )
        )
        return self.send(
            json.dumps(self.bodies[0][0]).encode(), more=more + "Connection: close\r\n"
        )

    def lengths(self):
        """Lengths and chunks that lie."""
        rng, content = self.rng, json.dumps(self.bodies[0][0]).encode()
        length = rng.choice(("-1", "1e9", "999999999999999", "0x10", "", "5, 6", str(2**70)))
        head = (
            f"POST {self.path()} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        )
        if rng.random() < 0.5:
            return f"{head}Content-Length: {length}\r\n\r\n".encode() + content
        size = rng.choice(("-5", "ffffffffffffffffff", "g", "10;" + "x" * 9000, "0" * 5000 + "5"))
        return f"{head}Transfer-Encoding: chunked\r\n\r\n{size}\r\n".encode() + content

    def packed(self):
        """Packed bodies."""
        more = self.rng.choice(("Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n", ""))
        return self.send(self.bomb, more=more)

    def noise(self):
        """No HTTP, or nearly."""
        rng = self.rng
        if rng.random() < 0.3:
            return b"\x16\x03\x01" + rng.randbytes(rng.randrange(300))
        return self.changed(self.send(json.dumps(self.body()[0]).encode()))

    # What takes its time.

    def half_head(self):
        """A head without an end."""
        return b"POST /models/table/encode HTTP/1.1\r\nHost: localhost\r\nX-A: "

    def half_body(self):
        """Less of a body than is promised."""
        return head_of(self.path(), 5000, 80) + b'{"items": ['

    def endless(self):
        """A body without an end."""
        head = f"POST {self.path()} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        return f"{head}Content-Type: application/json\r\n\r\n".encode()


class Seen:
    """What came of the requests."""

    def __init__(self):
        self.statuses, self.hangs, self.leaks, self.examples = {}, 0, 0, []

    def note(self, status, answer, sent):
        """Count an answer, and look for what it must not say."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 500 or any(word in answer for word in LEAKS):
            self.leaks += status != 500 or any(word in answer for word in LEAKS)
            self.examples.append((status, answer[:300], sent[:300]))


async def _try(port, content, seen, slowly):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**25)
    try:
        await asyncio.wait_for(_exchange(reader, writer, content, seen, slowly), PATIENCE)
    except TimeoutError:
        seen.hangs += 1
        seen.examples.append(("hang", b"", content[:300]))
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        seen.statuses["closed"] = seen.statuses.get("closed", 0) + 1
    finally:
        writer.close()


async def _exchange(reader, writer, content, seen, slowly):
    writer.write(content)
    if slowly is not None:
        pump = asyncio.create_task(_drip(writer, slowly))
    try:
        # Half a request is a client that goes away: it is not to be waited for.
        if slowly is None:
            await writer.drain()
            writer.write_eof()
        status, _, answer = await read_answer(reader)
        while status == 100:
            status, _, answer = await read_answer(reader)
        seen.note(status, answer, content)
    finally:
        if slowly is not None:
            pump.cancel()


async def _drip(writer, kind):
    """A byte now and then, or as many as will go."""
    while True:
        if kind == "endless":
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            await writer.drain()
        else:
            writer.write(b" ")
            await asyncio.sleep(0.5)


async def _all(port, canary, tries, seed, seen):
    maker = Maker(canary, seed)
    slow = min(tries // 50, 200)
    asked = [(maker.rng.choice(maker.kinds)(), None) for _ in range(tries - slow)]
    for _ in range(slow):
        kind = maker.rng.choice(maker.slow)
        asked.append((kind(), "endless" if kind == maker.endless else "slow"))
    gate, slow_gate = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(200)

    async def one(content, slowly):
        async with gate if slowly is None else slow_gate:
            await _try(port, content, seen, slowly)

    await asyncio.gather(*(one(*each) for each in asked))


def run(port, folder, tries, seed):
    """Ask, and look at the server afterwards; returns the figures."""
    canary = folder / "canary.csv"
    canary.write_text("CANARY\n1\n")
    seen, began = Seen(), time.perf_counter()
    asyncio.run(_all(port, str(canary), tries, seed, seen))
    for example in seen.examples[:10]:
        print(example)
    print("statuses:", dict(sorted(seen.statuses.items(), key=str)))
    return {
        "hangs": seen.hangs,
        "leaks": seen.leaks,
        "faults of the server (500)": seen.statuses.get(500, 0),
        "answered": sum(n for status, n in seen.statuses.items() if status != "closed"),
        "closed without an answer": seen.statuses.get("closed", 0),
        "seconds": time.perf_counter() - began,
    }
