"""One file that holds all of a running training: weights, optimisers, randomness, place."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from vaekit.errors import FormatError
from vaekit.files import atomic_write

__all__ = [
    "FILE_NAME",
    "flatten_optimiser",
    "read_checkpoint",
    "restore_optimiser",
    "write_checkpoint",
]

FILE_NAME = "checkpoint.safetensors"
_FORMAT = 1


def write_checkpoint(
    folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], place: Mapping[str, Any]
) -> None:
    """Write a checkpoint in one rename.

    Args:
        folder: Where; made if needed.
        tensors: State dictionaries by name.
        place: JSON: step, epoch, history and whatever else is no tensor.

    Raises:
        SaveError: The disk is full; the checkpoint before is kept.
    """
    flat = {
        f"{part}/{name}": tensor.detach().cpu().contiguous()
        for part, state in tensors.items()
        for name, tensor in state.items()
    }
    metadata = {"vaekit": json.dumps({"format": _FORMAT, **place})}
    atomic_write(folder / FILE_NAME, safetensors.torch.save(flat, metadata))


def read_checkpoint(folder: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
    """Read a checkpoint, or ``None`` where there is none.

    Raises:
        FormatError: The file is damaged, foreign, or of a newer format.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    tensors: dict[str, dict[str, Tensor]] = {}
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            place = json.loads((file.metadata() or {})["vaekit"])
            for key in file.keys():  # noqa: SIM118 - the handle is no mapping
                part, name = key.split("/", 1)
                tensors.setdefault(part, {})[name] = file.get_tensor(key)
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as error:
        raise FormatError(f"{path} must be a vaekit checkpoint; it is damaged: {error}.") from error
    if place.pop("format", None) != _FORMAT:
        raise FormatError(f"{path} is of another format than {_FORMAT}; use a newer vaekit.")
    return tensors, place


def flatten_optimiser(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors of an optimiser's state, by parameter number and name.

    Its options are not kept: they follow from the configuration and the clock.
    """
    state = optimiser.state_dict()["state"]
    return {f"{i}.{key}": value for i, slots in state.items() for key, value in slots.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put flattened state back."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
