"""Run folders: JSON and safetensors, checked before use; loading never runs stored code.

``model.json``         format version and the spec of the model
``model.safetensors``  its weights
``domain.json``        the schema learned from the data, and the context's
``train.json``         options, history, versions: what was done, not needed to load
``history.csv``        the history as a table
"""

import importlib.metadata
import inspect
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch

from vaekit.domains.base import Domain
from vaekit.domains.context import Context
from vaekit.errors import FormatError, SaveError, SpecError, unknown_name
from vaekit.files import (
    atomic_folder,
    expanded_path,
    heal,
    is_leftover,
    read_json,
    to_json,
)
from vaekit.models.vae import Model
from vaekit.places import check_target
from vaekit.presets.base import Preset, choose_preset
from vaekit.spec import build, describe
from vaekit.storage.migration import upgraded, upgraded_option, upgraded_weights
from vaekit.training.state import CHECKPOINT_NAME
from vaekit.training.trainer import HISTORY_NAME, TENSORBOARD_NAME, history_csv

FORMAT = 2
_READABLE = (1, 2)
_FILES = ("model.json", "model.safetensors", "domain.json", "train.json")
_EVENTS = "events.out.tfevents."
"""How the files of TensorBoard begin, which earlier versions wrote into the run itself."""
_OF_A_MODEL = (CHECKPOINT_NAME, "detector.json", "detector.safetensors")


@dataclass(frozen=True)
class RunFolder:
    """What a run folder holds.

    Attributes:
        model: The trained model.
        domain: What it knows of the data.
        context: What it knows of the context; ``None`` for unconditional models.
        estimator: The options of the estimator, as JSON.
        history: One row per epoch.
        notes: Seed, seconds, health, versions: anything else worth keeping.
    """

    model: Model
    domain: Domain
    context: Context | None = None
    estimator: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


def write_run(path: str | Path, run: RunFolder, more: Mapping[str, bytes] | None = None) -> None:
    """Write a run folder in one rename; an older run there is replaced, anything else is not.

    Args:
        path: The folder.
        run: What it holds.
        more: Contents of further files, by name.

    Raises:
        SaveError: The disk is full, or the folder holds something else; nothing is changed.
        SpecError: A part of the model cannot be described.
    """
    path = expanded_path(path)
    check_destination(path)
    documents = _documents(run)
    weights = {k: v.detach().cpu().contiguous() for k, v in run.model.state_dict().items()}
    content = safetensors.torch.save(weights)
    files = {**documents, "model.safetensors": content, **(more or {})}
    with atomic_folder(path) as folder:
        for name, document in files.items():
            (folder / name).write_bytes(document)
        if path.exists():
            _carry_over(path, folder, files)


def check_destination(path: Path) -> None:
    """Refuse a place that holds something else; worth asking before a long training, too.

    Raises:
        SaveError: Neither new, nor empty, nor a run (finished or in training).
    """
    path = expanded_path(path)
    check_target("a run", path)
    if path.exists() and not _may_replace(path):
        raise SaveError(
            f"{path} must be a new folder or a vaekit run; it holds something else, which would "
            "be lost. Choose another name."
        )


def is_finished(path: Path) -> bool:
    """Return whether a folder holds a trained model, and no training that is still to go on."""
    path = heal(expanded_path(path))
    return (path / "model.json").is_file() and not (path / CHECKPOINT_NAME).exists()


def _carry_over(old: Path, fresh: Path, files: Collection[str]) -> None:
    """Keep what else the user has put into the folder; what belongs to the old model is not."""
    for item in old.iterdir():
        if item.name in (*files, *_OF_A_MODEL) or is_leftover(item.name):
            continue
        if item.is_dir():
            shutil.copytree(item, fresh / item.name, symlinks=True)
        else:
            shutil.copy2(item, fresh / item.name, follow_symlinks=False)


def _may_replace(path: Path) -> bool:
    """Return a run, a folder with only a running training in it, or an empty folder."""
    if not path.is_dir():
        return False
    names = {p.name for p in path.iterdir()}
    training = {CHECKPOINT_NAME, HISTORY_NAME, TENSORBOARD_NAME}
    others = {n for n in names if n[0] != "." and not n.startswith(_EVENTS)} - training
    return "model.json" in names or not others


def _documents(run: RunFolder) -> dict[str, bytes]:
    context = None if run.context is None else describe(run.context)
    train = {"estimator": run.estimator, "history": list(run.history), **run.notes}
    return {
        "model.json": to_json({"format": FORMAT, "model": describe(run.model)}),
        "domain.json": to_json({"domain": describe(run.domain), "context": context}),
        "train.json": to_json(train),
        HISTORY_NAME: history_csv(run.history),
    }


def read_run(path: str | Path, components: Mapping[str, Any] | None = None) -> RunFolder:
    """Read a run folder.

    Args:
        path: The folder.
        components: The user's own modules by name; see `vaekit.spec.build`.

    Raises:
        FormatError: Missing, damaged, truncated, of a newer format, or reaching outside.
        SpecError: An unknown component, or one of the user's own that was not handed in.
    """
    folder = expanded_path(path)
    if not folder.is_dir():
        raise FormatError(f"a run must be a folder; there is none at {folder}.")
    for name in _FILES:
        _check_inside(folder, name)
    stored = _document(folder, "model.json", {"format", "model"})
    if stored["format"] not in _READABLE:
        raise FormatError(
            f"{folder} must be of format {FORMAT} or earlier; got {stored['format']!r}. A newer "
            "vaekit wrote it: upgrade."
        )
    model = _build_model(upgraded(stored["model"]), components, folder)
    _load_weights(model, folder / "model.safetensors")
    domain = _document(folder, "domain.json", {"domain", "context"})
    train = _document(folder, "train.json", {"estimator", "history"})
    context = domain["context"]
    if context is not None:
        context = _typed(build(upgraded(context)), Context, folder)
    return RunFolder(
        model.eval(),
        _typed(build(upgraded(domain["domain"])), Domain, folder),
        None
        if domain["context"] is None
        else _typed(build(upgraded(domain["context"])), Context, folder),
        train.pop("estimator"),
        train.pop("history"),
        train,
    )


def _check_inside(folder: Path, name: str) -> None:
    """A link could make a run read, or a later save overwrite, a file somewhere else."""
    file = folder / name
    if not file.exists():
        raise FormatError(f"{file} is missing; this is no complete run folder.")
    if file.resolve().parent != folder.resolve():
        raise FormatError(f"{file} must lie in the run folder; it points to {file.resolve()}.")


def _document(folder: Path, name: str, keys: set[str]) -> dict[str, Any]:
    document = read_json(folder / name)
    if not isinstance(document, dict) or not keys <= set(document):
        raise FormatError(f"{folder / name} must be an object with {sorted(keys)}; it is not.")
    return document


def _build_model(spec: Any, components: Mapping[str, Any] | None, folder: Path) -> Model:
    # Sizes in the file decide how much memory is asked for, so a hostile one could ask for all;
    # on the meta device parameters have shapes and no memory.
    with torch.device("meta"):
        skeleton = build(spec, components)
    shapes = _stored_shapes(folder / "model.safetensors")
    expected = {k: tuple(v.shape) for k, v in _typed(skeleton, Model, folder).state_dict().items()}
    shapes = upgraded_weights(shapes, expected)
    if expected != shapes:
        wrong = sorted(
            k for k in expected.keys() | shapes.keys() if expected.get(k) != shapes.get(k)
        )
        first = wrong[0]
        raise FormatError(
            f"the weights in {folder} must fit model.json; {first!r} must have shape "
            f"{expected.get(first)}, got {shapes.get(first)} ({len(wrong)} differ)."
        )
    model: Model = _typed(build(spec, components), Model, folder)
    return model


def _stored_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {k: tuple(file.get_slice(k).get_shape()) for k in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise FormatError(f"{path} must be a safetensors file; it is damaged: {error}.") from error


def _load_weights(model: Model, path: Path) -> None:
    weights = safetensors.torch.load_file(path)
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise FormatError(f"{path} must hold finite weights; {name!r} does not.")
    model.load_state_dict(upgraded_weights(weights, model.state_dict()))


def options_to_json(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an estimator; the user's own modules, which live in the model, left out."""
    return {name: _option(value) for name, value in options.items()}


def _option(value: Any) -> Any:
    if isinstance(value, Preset):
        return {"preset": value.name, "options": describe(value.options)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.integer | np.floating):
        return value.item()
    described = describe(value)
    return None if isinstance(described, dict) and "external" in described else described


def options_from_json(stored: Any, estimator: type) -> dict[str, Any]:
    """Undo `options_to_json`.

    Raises:
        SpecError: An option that this version does not have.
    """
    known = inspect.signature(estimator).parameters
    if not isinstance(stored, dict):
        raise FormatError(f"the stored options must be an object; got {stored!r}.")
    for name in stored:
        if name not in known:
            raise unknown_name("option", name, known)
    return {name: _built_option(upgraded_option(name, value)) for name, value in stored.items()}


def _built_option(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"preset", "options"}:
        return choose_preset(value["preset"], build(value["options"]))
    return build(value)


def versions() -> dict[str, str]:
    """Versions of what a run depends on."""
    names = ("vaekit", "torch", "lightning-fabric", "numpy", "scikit-learn")
    return {name: importlib.metadata.version(name) for name in names}


def _typed(value: Any, kind: type[Any], folder: Path) -> Any:
    if not isinstance(value, kind):
        raise SpecError(f"{folder} must describe a {kind.__name__}; got {type(value).__name__}.")
    return value
