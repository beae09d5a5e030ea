"""Damage to stored files, chosen by a seeded generator: what fuzzing feeds to the readers."""

import copy
import json
import os
import random
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_DEEP, _LONG = "\u0001deep\u0001", "\u0001long\u0001"
_MARKED = {
    json.dumps(_DEEP): ["[" * depth + "]" * depth for depth in (70, 900, 100_000)],
    json.dumps(_LONG): ["9" * digits for digits in (400, 5_000)],
}
HOSTILE_VALUES: Sequence[Any] = (
    None,
    True,
    False,
    -1,
    0,
    1,
    2,
    3,
    10**5,
    10**9,
    2**63,
    10**30,
    -(10**30),
    1.5,
    -0.5,
    1e308,
    5e-324,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    "x",
    "\ud800",
    "\u0000",
    "../../outside",
    "os.system",
    "priors.StandardNormal",
    "9" * 50,
    [],
    [[]],
    [1],
    [10**9] * 3,
    ["x"],
    [None],
    {},
    {"x": 1},
    {"type": "priors.StandardNormal", "args": {"latent_dim": 10**9}},
    {"type": "networks.MLPEncoder", "args": {"shape": [10**9], "hidden": [10**9]}},
    {"external": "encoder"},
    _DEEP,
    _LONG,
)
"""Values that a stored field is replaced by."""

_FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "C64", "F4")
_DTYPES = (*_FLOATS, "I64", "I32", "I8", "U8", "U16", "BOOL", "X", "7")


def mutated_json(content: bytes, rng: random.Random) -> bytes:
    """Return a JSON document with one to three of its values, keys or places changed."""
    document = json.loads(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        document = _changed(document, rng)
    return _as_text(document, rng).encode("utf-8", "surrogatepass")


def _as_text(document: Any, rng: random.Random) -> str:
    text = json.dumps(document)
    for marker, choices in _MARKED.items():
        text = text.replace(marker, rng.choice(choices))
    return text


def _changed(document: Any, rng: random.Random) -> Any:
    places = list(_places(document, ()))
    path = rng.choice(places)
    if not path:
        return copy.deepcopy(rng.choice(HOSTILE_VALUES)) if rng.random() < 0.2 else document
    document = copy.deepcopy(document)
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    change = rng.choice((_replaced, _replaced, _replaced, _removed, _added, _swapped, _scaled))
    change(document, parent, path[-1], rng, places)
    return document


Path_ = tuple[Any, ...]


def _places(value: Any, path: Path_) -> list[Path_]:
    found = [path]
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))[:20]
    else:
        items = []
    for key, item in items:
        found += _places(item, (*path, key))
    return found


def _replaced(
    document: Any, parent: Any, key: Any, rng: random.Random, places: Sequence[Path_]
) -> None:
    parent[key] = copy.deepcopy(rng.choice(HOSTILE_VALUES))


def _removed(
    document: Any, parent: Any, key: Any, rng: random.Random, places: Sequence[Path_]
) -> None:
    del parent[key]


def _added(
    document: Any, parent: Any, key: Any, rng: random.Random, places: Sequence[Path_]
) -> None:
    value = copy.deepcopy(rng.choice(HOSTILE_VALUES))
    if isinstance(parent, dict):
        parent[rng.choice(("x", "self", "__class__", "type", "args", "external"))] = value
    else:
        parent.extend([value] * rng.choice((1, 1, 1000)))


def _swapped(
    document: Any, parent: Any, key: Any, rng: random.Random, places: Sequence[Path_]
) -> None:
    other = document
    for step in rng.choice(places):
        other = other[step]
    parent[key] = copy.deepcopy(other)


def _scaled(
    document: Any, parent: Any, key: Any, rng: random.Random, places: Sequence[Path_]
) -> None:
    value = parent[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        parent[key] = [value]
        return
    parent[key] = rng.choice((value + 1, value - 1, -value, value * 2, value * 10**6, value + 0.5))


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """Return a file with bits flipped, bytes lost or put in, or cut short."""
    changed = bytearray(content)
    kind = rng.choice(("flip", "flip", "cut", "insert", "lose", "empty", "noise"))
    if kind == "flip":
        for _ in range(rng.choice((1, 1, 2, 8, 64))):
            if changed:
                # The beginning of a file tells more of what it is than the rest.
                most = len(changed) if rng.random() < 0.5 else min(len(changed), 400)
                changed[rng.randrange(most)] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del changed[rng.randrange(len(changed) + 1) :]
    elif kind == "insert":
        place = rng.randrange(len(changed) + 1)
        changed[place:place] = rng.randbytes(rng.choice((1, 2, 100)))
    elif kind == "lose":
        place = rng.randrange(len(changed) + 1)
        del changed[place : place + rng.choice((1, 2, 100))]
    elif kind == "empty":
        changed.clear()
    else:
        changed = bytearray(rng.randbytes(rng.choice((1, 8, 9, 1000))))
    return bytes(changed)


def mutated_tensors(content: bytes, rng: random.Random) -> bytes:
    """Return a safetensors file with its header or some of its numbers changed."""
    length = struct.unpack("<Q", content[:8])[0]
    header, body = json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])
    names = [name for name in header if name != "__metadata__"]
    kind = rng.choice(("dtype", "shape", "json", "numbers", "numbers", "length", "rename", "meta"))
    entry = header[rng.choice(names)] if names else {}
    if kind == "dtype" and entry:
        entry["dtype"] = rng.choice(_DTYPES)
        if rng.random() < 0.7:
            _refit(entry, body)
    elif kind == "shape" and entry:
        _reshape(entry, rng)
    elif kind == "json":
        return _packed(mutated_json(json.dumps(header).encode(), rng), bytes(body))
    elif kind == "numbers" and entry:
        start, end = entry["data_offsets"]
        filler = rng.choice(
            (b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\xff" * 4, b"\0" * 4, rng.randbytes(4))
        )
        span = slice(start, end) if rng.random() < 0.5 else slice(start, min(end, start + 4))
        count = span.stop - span.start
        body[span] = (filler * (count // 4 + 1))[:count]
    elif kind == "length":
        wrong = rng.choice((0, 1, length - 1, length + 1, 2**31, 2**62, 2**64 - 1))
        return struct.pack("<Q", wrong) + content[8:]
    elif kind == "rename" and len(names) > 1:
        first, second = rng.sample(names, 2)
        header[first], header[second] = header[second], header[first]
    elif kind == "meta":
        return _with_other_notes(header, bytes(body), rng)
    return _packed(json.dumps(header).encode(), bytes(body))


def _with_other_notes(header: Any, body: bytes, rng: random.Random) -> bytes:
    """Change the JSON that a checkpoint keeps in the header, or the notes themselves."""
    notes = header.get("__metadata__")
    if isinstance(notes, dict) and notes and rng.random() < 0.9:
        name = rng.choice(list(notes))
        try:
            inner = mutated_json(notes[name].encode(), rng)
        except ValueError:
            inner = mutated_bytes(notes[name].encode(), rng)
        header["__metadata__"] = {**notes, name: inner.decode("utf-8", "replace")}
    else:
        header["__metadata__"] = copy.deepcopy(rng.choice(HOSTILE_VALUES))
    return _packed(json.dumps(header).encode(), body)


_BYTES = {"F64": 8, "I64": 8, "C64": 8, "F16": 2, "BF16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1}


def _refit(entry: Any, body: bytearray) -> None:
    """Give a tensor the shape that makes its bytes fit its type, so that the reader goes on."""
    start, end = entry["data_offsets"]
    size = _BYTES.get(entry["dtype"], 1 if entry["dtype"].startswith("F8") else 4)
    if (end - start) % size == 0:
        entry["shape"] = [(end - start) // size]


def _reshape(entry: Any, rng: random.Random) -> None:
    shape = list(entry["shape"])
    choices: list[list[Any]] = [
        shape[::-1],
        [1, *shape],
        [*shape, 1],
        [0, *shape],
        [10**9],
        [2**63],
        [-1],
        [*shape, 10**6],
        [],
        ["x"],
    ]
    entry["shape"] = rng.choice(choices)
    if rng.random() < 0.2:
        entry["data_offsets"] = rng.choice(([0, 0], [0, 10**12], [-1, 4], [4, 0], ["x", 1]))


def _packed(header: bytes, body: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def mutate_file(path: Path, others: Sequence[Path], rng: random.Random) -> str:
    """Damage one file in place, or put something else there; return what was done.

    Args:
        path: The file.
        others: Files that may take its place.
        rng: What decides.
    """
    kind = rng.choices(
        ("content", "bytes", "place", "other"), weights=(70, 15, 7, 8 if others else 0)
    )[0]
    if kind == "place":
        return _replace_by_another_kind(path, rng)
    if kind == "other":
        chosen = rng.choice(list(others))
        path.write_bytes(chosen.read_bytes())
        return f"{path.name}: {chosen.name} of {chosen.parent.name} in its place"
    change = _CHANGES.get(path.suffix, mutated_bytes) if kind == "content" else mutated_bytes
    try:
        path.write_bytes(change(path.read_bytes(), rng))
    except (ValueError, RecursionError):
        change = mutated_bytes
        path.write_bytes(change(path.read_bytes(), rng))
    return f"{path.name}: {change.__name__}"


_CHANGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".json": mutated_json,
    ".safetensors": mutated_tensors,
}


def _replace_by_another_kind(path: Path, rng: random.Random) -> str:
    kinds = ["gone", "fifo", "folder", "link", "zeros", "loop", "dangling"]
    if path.suffix in _CHANGES:  # of data, any size is the user's own affair
        kinds.append("sparse")
    kind = rng.choice(kinds)
    content = path.read_bytes()
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        outside = path.parent.parent / "outside"
        outside.write_bytes(content)
        path.symlink_to(outside)
    elif kind == "zeros":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "sparse":
        with path.open("wb") as file:
            file.write(content)
            file.truncate(20 * 2**30)
    return f"{path.name}: {kind}"
