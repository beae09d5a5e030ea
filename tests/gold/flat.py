"""Results of any kind to flat dictionaries of plain values, and those to digests and summaries."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch

__all__ = ["Tensors", "agree", "flat", "record"]

RTOL, ATOL = 2e-3, 1e-4
SHOWN = 4


class Tensors(list):
    """Arrays that are recorded as one entry, in their order and without their names."""


def flat(name: str, value: Any, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """Take a result apart: mappings, lists, data classes and data frames give one entry a part.

    Args:
        name: What the entries' names begin with.
        value: Numbers, text, arrays, or what is made of them.
        but: Names of parts to leave out, wherever they stand.
    """
    parts = _parts(value)
    if parts is None:
        return {name: _plain(value)}
    found: dict[str, Any] = {}
    for key, part in parts.items():
        if str(key) not in but:
            found |= flat(f"{name}/{key}" if name else str(key), part, but)
    return found or {name: "nothing"}


def _parts(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Tensors):
        return None
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if hasattr(value, "iloc") and hasattr(value, "columns"):
        return {str(name): value[name].to_numpy() for name in value.columns}
    if isinstance(value, list | tuple) and not _is_row(value):
        return dict(enumerate(value))
    return None


def _is_row(value: Any) -> bool:
    """Whether a list is best kept as one array, or as one text."""
    return all(v is None or isinstance(v, str | int | float | np.generic) for v in value)


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if hasattr(value, "iloc"):
        value = value.to_numpy()
    if isinstance(value, list | tuple) and not isinstance(value, Tensors):
        value = np.array(value, dtype=None if _is_number(value) else object)
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUS":
        return "\n".join(map(str, value.ravel()))
    if isinstance(value, np.ndarray) and value.dtype.kind in "mM":
        return value.astype("int64")
    known = bool | int | float | str | bytes | np.generic | np.ndarray | Tensors
    return value if isinstance(value, known) else str(value)


def _is_number(values: Any) -> bool:
    return all(isinstance(v, int | float | np.number | np.bool_) for v in values)


def record(value: Any) -> dict[str, Any]:
    """The exact digest of a plain value, and a summary that other machines can be held to."""
    if isinstance(value, str | bytes):
        content = value.encode() if isinstance(value, str) else value
        return {"kind": "text", "digest": _digest(content)}
    if isinstance(value, Tensors):
        arrays = [_normal(np.asarray(part)) for part in value]
        shapes = [list(part.shape) for part in arrays]
        parts = [
            str(shape).encode() + part.tobytes() for shape, part in zip(shapes, arrays, strict=True)
        ]
        joined = np.concatenate([p.ravel().astype(np.float64) for p in arrays] or [np.zeros(0)])
        told = {"kind": "tensors", "digest": _digest(b"".join(parts)), "shapes": _short(shapes)}
        return told | _summary(joined)
    array = np.asarray(value)
    content = f"{array.shape}".encode() + _normal(array).tobytes()
    kind = {"f": "floats", "c": "floats"}.get(array.dtype.kind, "integers")
    told = {"kind": kind, "digest": _digest(content), "shape": list(array.shape)}
    return told | _summary(array.ravel().astype(np.float64))


def _normal(array: np.ndarray) -> np.ndarray:
    kind = array.dtype.kind
    return np.ascontiguousarray(array.astype("<f8" if kind == "f" else "<i8"))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _short(shapes: Any) -> str:
    return _digest(str(shapes).encode())


def _summary(values: np.ndarray) -> dict[str, Any]:
    there = values[np.isfinite(values)]
    missing = int(len(values) - len(there))
    positions = np.unique(np.linspace(0, max(len(there) - 1, 0), SHOWN).round().astype(int))
    shown = [_rounded(v) for v in there[positions]] if len(there) else []
    told = {"values": shown} | ({"missing": missing} if missing else {})
    if len(there) > SHOWN:
        told |= {"mean": _rounded(there.mean()), "std": _rounded(there.std())}
    return told


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def agree(found: dict[str, Any], stored: dict[str, Any], *, only_shapes: bool = False) -> bool:
    """Whether two records are of the same value, but for the last digits.

    Args:
        found: Of now.
        stored: Of then.
        only_shapes: Compare kinds and shapes alone, of what may branch on another machine.
    """
    exact = {"kind", "shape", "shapes"} if only_shapes else {"kind", "shape", "shapes", "missing"}
    if any(found.get(key) != stored.get(key) for key in exact):
        return False
    if only_shapes:
        return True
    if stored["kind"] == "text":
        return bool(found["digest"] == stored["digest"])
    if found["digest"] == stored["digest"]:
        return True
    near = [np.ravel(r.get(k, 0.0)) for k in ("values", "mean", "std") for r in (found, stored)]
    pairs = zip(near[::2], near[1::2], strict=True)
    # a whole number that was rounded from one half may come out as its neighbour
    slack = [1.0 if stored["kind"] == "integers" else ATOL, ATOL, ATOL]
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=RTOL, atol=atol)
        for (a, b), atol in zip(pairs, slack, strict=True)
    )
