"""Detectors as files beside those of their model: JSON and safetensors, no code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import torch
from numpy.typing import NDArray

from vaekit.errors import FormatError, VaekitError, unknown_name
from vaekit.files import read_json, to_json
from vaekit.tasks.anomalies.detector import Detector
from vaekit.tasks.anomalies.memory import Memory
from vaekit.tasks.anomalies.rarity import Rarity
from vaekit.tasks.anomalies.scores import SCORES
from vaekit.tasks.anomalies.seen import Frame
from vaekit.tasks.trained import Trained

__all__ = ["DETECTOR_FILES", "detector_files", "read_detector"]

_FORMAT = 1
_JSON, _ARRAYS = DETECTOR_FILES = ("detector.json", "detector.safetensors")
_WITH_HOLES = ("memory", "held_out", "steps.training")  # NaN where a cell is missing
_PLACES = ("low", "span", "mean", "deviation", "noise")
Arrays = dict[str, NDArray[Any]]


def detector_files(
    detector: Detector, notes: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> dict[str, bytes]:
    """Contents by name of what is to lie beside the files of the model.

    The files hold training items: those that neighbours are sought among, and those that
    `learn_further` goes on with.

    Args:
        detector: What to keep.
        notes: What else, as JSON.
        arrays: What else, as arrays; their names must not start as those of a detector.
    """
    frame = detector.frame
    document = {
        "format": _FORMAT,
        "score": detector.name,
        "num_codes": list(frame.num_codes),
        "novelty": frame.novelty,
        "fills": frame.fills,
        "usual_cost": detector.usual_cost,
        "seen": detector.memory.seen,
        "notes": dict(notes),
    }
    all_arrays: Arrays = {
        **{f"frame.{name}": getattr(frame, name) for name in _PLACES},
        "training": detector.training,
        "memory": detector.memory.rows.numpy(),
        **arrays,
    }
    if detector.usual_heat is not None:
        all_arrays["usual_heat"] = detector.usual_heat
    for i, (score, rarity) in enumerate(zip(detector.scores, detector.rarities, strict=True)):
        all_arrays[f"rarity.{i}"] = rarity.known
        all_arrays |= {f"score.{i}.{name}": array for name, array in score.arrays.items()}
    whole = {name: np.ascontiguousarray(array) for name, array in all_arrays.items()}
    return {_JSON: to_json(document), _ARRAYS: safetensors.numpy.save(whole)}


def read_detector(path: str | Path, trained: Trained) -> tuple[Detector, dict[str, Any], Arrays]:
    """Read what `detector_files` wrote.

    Args:
        path: The folder.
        trained: The model in it.

    Returns:
        The detector, and the notes and arrays that were kept with it.

    Raises:
        FormatError: Missing, damaged, of a newer format, or not of this model.
    """
    folder = Path(path)
    document = _document(folder / _JSON)
    arrays = _arrays(folder / _ARRAYS)
    try:
        detector = _restored(document, arrays, trained)
        _try(detector)
        return detector, dict(document["notes"]), arrays
    except FormatError:
        raise
    except (VaekitError, LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise FormatError(
            f"{folder} must hold a detector of the model beside it; its files are damaged or of "
            f"another: {error}."
        ) from error


def _document(path: Path) -> dict[str, Any]:
    document = read_json(path)
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        got = document.get("format") if isinstance(document, dict) else document
        raise FormatError(f"{path} must be a detector of format {_FORMAT}; got {got!r}.")
    return document


def _arrays(path: Path) -> Arrays:
    if path.resolve().parent != path.parent.resolve():
        raise FormatError(f"{path} must lie in the run folder; it points to {path.resolve()}.")
    try:
        arrays: Arrays = safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise FormatError(f"{path} must be a safetensors file; it is damaged: {error}.") from error
    for name, array in arrays.items():
        if array.dtype.kind == "f" and name not in _WITH_HOLES and not np.isfinite(array).all():
            raise FormatError(f"{path} must hold finite numbers; {name!r} does not.")
    return arrays


def _restored(document: Mapping[str, Any], arrays: Arrays, trained: Trained) -> Detector:
    name = document["score"]
    if name not in SCORES:
        raise unknown_name("score", name, SCORES)
    codes, novelty = tuple(document["num_codes"]), float(document["novelty"])
    places = {name: arrays[f"frame.{name}"] for name in _PLACES}
    frame = Frame(codes, **places, novelty=novelty, fills=bool(document["fills"]))
    scores = [score.restored(_below(arrays, f"score.{i}.")) for i, score in enumerate(SCORES[name])]
    rarities = [Rarity.of(arrays[f"rarity.{i}"]) for i in range(len(scores))]
    memory = Memory(torch.from_numpy(arrays["memory"]), int(document["seen"]))
    return Detector(
        trained,
        name,
        frame,
        scores,
        rarities,
        arrays["training"],
        memory,
        float(document["usual_cost"]),
        arrays.get("usual_heat"),
    )


def _below(arrays: Arrays, prefix: str) -> Arrays:
    found = arrays.items()
    return {name.removeprefix(prefix): array for name, array in found if name.startswith(prefix)}


def _try(detector: Detector) -> None:
    """Parts that do not fit each other or the model cannot score an item."""
    detector.score_rows(detector.memory.rows[:2])
