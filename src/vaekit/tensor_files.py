"""Files of tensors: their header is checked before a tensor is made of them."""

import itertools
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor, nn

from vaekit.errors import FormatError
from vaekit.files import parse_json, stored_file

_LENGTH_BYTES = 8
_MOST_HEADER_BYTES = 100_000_000  # as of the safetensors format
_MOST_AXES = 16
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""The types of numbers that vaekit writes, by their names in a header."""


@dataclass(frozen=True)
class TensorHeader:
    """What the header of a file of tensors says.

    Attributes:
        shapes: Of each tensor, by name.
        dtypes: Of each tensor, by name.
        notes: Texts that were stored beside the tensors.
    """

    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, torch.dtype]
    notes: Mapping[str, str]


def read_header(path: Path) -> TensorHeader:
    """Read and check the header of a safetensors file; no tensor is read.

    Raises:
        FormatError: Missing, no regular file, damaged, or of types that vaekit does not write.
    """
    with stored_file(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            if not 1 < length <= min(_MOST_HEADER_BYTES, size - _LENGTH_BYTES):
                raise _damaged(path, f"a header of {length} bytes in a file of {size}")
            content = file.read(length)
        except OSError as error:
            raise _damaged(path, str(error)) from error
    header = parse_json(content, f"the header of {path}")
    if not isinstance(header, dict):
        raise _damaged(path, "its header is no object")
    if len(_names_in(content)) != len(header):
        raise _damaged(path, "two of its tensors have one name")
    notes = header.pop("__metadata__", None)
    _check_places(path, header, size - _LENGTH_BYTES - length)
    return TensorHeader(
        {name: tuple(entry["shape"]) for name, entry in header.items()},
        {name: _DTYPES[entry["dtype"]] for name, entry in header.items()},
        _checked_notes(path, notes),
    )


def _damaged(path: Path, why: str) -> FormatError:
    return FormatError(f"{path} must be a safetensors file; it is damaged: {why}.")


def _names_in(content: bytes) -> list[str]:
    pairs: list[list[tuple[str, Any]]] = []

    def collect(found: list[tuple[str, Any]]) -> None:
        pairs.append(found)

    json.loads(content, object_pairs_hook=collect)
    return [name for name, _ in pairs[-1]]  # the outermost object ends last


def _check_places(path: Path, header: Mapping[str, Any], size: int) -> None:
    """Check that each tensor has a type, a shape and as many bytes as they take, in one row."""
    ends = []
    for name, entry in header.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise _damaged(path, f"tensor {name!r} has no dtype, shape and data_offsets")
        dtype, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise FormatError(
                f"{path}: the dtype of {name!r} must be one of {', '.join(_DTYPES)}; got "
                f"{dtype!r}. The file is damaged or foreign: get a sound copy."
            )
        if not _are_counts(shape) or not _are_counts(place) or len(place) != len(("start", "end")):
            raise _damaged(path, f"tensor {name!r} has a shape or a place that is none")
        bytes_of_one = _DTYPES[dtype].itemsize
        for side in shape:
            bytes_of_one *= side
        start, end = place
        if end - start != bytes_of_one:
            raise _damaged(path, f"tensor {name!r} must take {bytes_of_one} bytes")
        ends.append((start, end))
    reached = 0
    for start, end in sorted(ends):
        if start != reached:
            raise _damaged(path, "its tensors do not lie one after the other")
        reached = end
    if reached != size:
        raise _damaged(path, f"its tensors take {reached} bytes, and there are {size}")


def _are_counts(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > _MOST_AXES:
        return False
    return all(type(number) is int and 0 <= number < 2**48 for number in value)


def _checked_notes(path: Path, notes: Any) -> dict[str, str]:
    if notes is None:
        return {}
    if not isinstance(notes, dict) or not all(isinstance(v, str) for v in notes.values()):
        raise _damaged(path, "its notes are no texts")
    return notes


def tensor_pieces(
    tensors: Mapping[str, Tensor], notes: Mapping[str, str] | None = None
) -> Iterator[bytes | memoryview]:
    """Yield what a safetensors file of these tensors holds, to the byte, without a copy of them.

    Args:
        tensors: By name.
        notes: Texts to store beside them.

    Example:
        >>> from safetensors.torch import save
        >>> weights = {"b": torch.zeros(3), "a": torch.ones(2, dtype=torch.int64)}
        >>> b"".join(tensor_pieces(weights)) == save(weights)
        True
    """
    called = {dtype: name for name, dtype in _DTYPES.items()}
    order = sorted(tensors, key=lambda name: (_IN_FILES.index(called[tensors[name].dtype]), name))
    header: dict[str, Any] = {"__metadata__": dict(notes)} if notes else {}
    end = 0
    for name in order:
        tensor = tensors[name]
        start, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": called[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    yield len(text).to_bytes(_LENGTH_BYTES, "little") + text
    for name in order:
        flat = tensors[name].detach().cpu().reshape(-1)
        yield flat.view(torch.uint8).numpy().data


_IN_FILES = ("I64", "F64", "F32", "I32", "BF16", "F16", "I16", "I8", "U8", "BOOL")
"""The order of types in a file: those of more bytes first."""


def read_tensors(
    path: Path, header: TensorHeader, with_holes: Collection[str] = ()
) -> dict[str, Tensor]:
    """Read all tensors of a file.

    Args:
        path: The file.
        header: What `read_header` found.
        with_holes: Names of tensors that may hold NaN.

    Raises:
        FormatError: Damaged, changed meanwhile, or with numbers that are not finite.
    """
    tensors = {}
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            for name, shape in header.shapes.items():
                tensors[name] = file.get_tensor(name)
                if tuple(tensors[name].shape) != shape:
                    raise _damaged(path, "it changed while it was read")
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise _damaged(path, str(error)) from error
    for name, tensor in tensors.items():
        allowed = name in with_holes
        if tensor.is_floating_point() and not allowed and not torch.isfinite(tensor).all():
            raise FormatError(f"{path} must hold finite weights; {name!r} does not.")
    return tensors


def put_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into a model, as ``load_state_dict`` does, in time that grows with their number.

    That of PyTorch looks, for each module, at all names below the one that holds it: of a table
    of thousands of columns, each with modules of its own, that takes minutes.

    Args:
        model: Takes them.
        weights: All that its ``state_dict`` has.

    Raises:
        RuntimeError: Other names or shapes, as of ``load_state_dict``.
    """
    held = dict(itertools.chain(model.named_parameters(), model.named_buffers()))
    own = {name: held[name] for name in model.state_dict() if name in held}
    fits = own.keys() == weights.keys() and all(
        tensor.shape == weights[name].shape for name, tensor in own.items()
    )
    if not fits:  # tensors under two names, or what is none of the model's: PyTorch knows, or says
        model.load_state_dict(weights)
        return
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])


def check_kinds(
    path: Path, dtypes: Mapping[str, torch.dtype], expected: Mapping[str, torch.dtype]
) -> None:
    """Refuse numbers of another kind than expected; floats may be half, single or double.

    Raises:
        FormatError: Names the first tensor that is.
    """
    for name, dtype in expected.items():
        found = dtypes.get(name, dtype)
        if found != dtype and not {found, dtype} <= _FLOATS:
            raise FormatError(
                f"{path}: {name!r} must hold {_called(dtype)}; got {_called(found)}. The file is "
                "damaged or foreign: get a sound copy."
            )


_FLOATS = {torch.float16, torch.float32, torch.float64}
"""Kinds that stand for each other: a model that comes with the package is stored in half."""


def _called(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
