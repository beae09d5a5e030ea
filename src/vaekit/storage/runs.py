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
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.bounds import SMALLEST_LARGEST, Budget, metered
from vaekit.distributed import is_first_process
from vaekit.domains.base import Domain
from vaekit.domains.context import Context
from vaekit.errors import FormatError, SaveError, SpecError, VaekitError, unknown_name
from vaekit.files import (
    atomic_folder,
    expanded_path,
    heal,
    is_leftover,
    read_json,
    to_json,
)
from vaekit.likelihoods.base import Likelihood
from vaekit.models.vae import Model
from vaekit.places import check_replaceable, check_target
from vaekit.presets.base import Preset, choose_preset
from vaekit.randomness import seeded
from vaekit.schema import check_arguments, check_document, shown
from vaekit.spec import Source, build, describe
from vaekit.storage.migration import upgraded, upgraded_option, upgraded_weights
from vaekit.tensor_files import (
    TensorHeader,
    check_kinds,
    put_weights,
    read_header,
    read_tensors,
    tensor_pieces,
)
from vaekit.training.state import CHECKPOINT_NAME
from vaekit.training.trainer import HISTORY_NAME, PREVIEW_NAME, TENSORBOARD_NAME, history_csv

FORMAT = 2
_READABLE = (1, 2)
_EVENTS = "events.out.tfevents."
"""How the files of TensorBoard begin, which earlier versions wrote into the run itself."""
_WEIGHTS = "model.safetensors"
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
    if not is_first_process():  # of several that have trained together
        return
    path = expanded_path(path)
    check_destination(path)
    documents = _documents(run)
    files = {**documents, **(more or {})}
    with atomic_folder(path) as folder:
        for name, document in files.items():
            (folder / name).write_bytes(document)
        with (folder / _WEIGHTS).open("wb") as file:
            file.writelines(tensor_pieces(run.model.state_dict()))
        if path.exists():
            _carry_over(path, folder, [*files, _WEIGHTS])


def check_destination(path: Path) -> None:
    """Refuse a place that holds something else; worth asking before a long training, too.

    Raises:
        SaveError: Neither new, nor empty, nor a run (finished or in training); or the process is
            in it.
    """
    path = expanded_path(path)
    check_target("a run", path)
    check_replaceable("a run", path)
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
    training = {CHECKPOINT_NAME, HISTORY_NAME, PREVIEW_NAME, TENSORBOARD_NAME}
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
    stored = _document(folder / "model.json", _ModelDocument)
    if stored["format"] not in _READABLE:
        raise FormatError(
            f"{folder} must be of format {FORMAT} or earlier; got {stored['format']!r}. A newer "
            "vaekit wrote it: upgrade."
        )
    with reading(folder):
        header = read_header(folder / _WEIGHTS)
        budget = Budget.of(list(header.shapes.values()))
        model = _build_model(upgraded(stored["model"]), components, folder, header)
        domain = _document(folder / "domain.json", _DomainDocument)
        train = _document(folder / "train.json", _TrainDocument)
        parts = {name: _learned(folder, domain, name, budget) for name in ("domain", "context")}
        place = str(folder / "domain.json")
        _check_support(place, _typed(parts["domain"], Domain, folder), model)
        parts["domain"].check_stored(f"{place}: domain", model)
        if parts["context"] is not None:
            _typed(parts["context"], Context, folder).check_stored(f"{place}: context", model)
        elif getattr(model, "context_dim", 0):
            raise FormatError(
                f"{place}: context must be given, as the model is told one; got null. The file is "
                "damaged or of another model: get a sound copy."
            )
        return RunFolder(
            model.eval(),
            parts["domain"],
            parts["context"],
            train.pop("estimator"),
            train.pop("history"),
            train,
        )


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Within the block, whatever a damaged folder leads to is a `FormatError`.

    The schema finds what is wrong and says where; this is for what it cannot know, as numbers that
    do not fit each other.

    Raises:
        FormatError: Some error that is none of vaekit's own came out.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that are refused just after
            with seeded(0):  # new parts draw weights, before those that are stored replace them
                yield
    except (VaekitError, MemoryError):
        raise
    except Exception as error:
        raise FormatError(
            f"{folder} must be a sound run folder; it is damaged or foreign: "
            f"{type(error).__name__}: {shown(str(error))}. Get a sound copy."
        ) from error


@dataclass(frozen=True)
class _ModelDocument:
    """What ``model.json`` holds."""

    format: Any
    model: Any


@dataclass(frozen=True)
class _DomainDocument:
    """What ``domain.json`` holds."""

    domain: Any
    context: Any


@dataclass(frozen=True)
class _TrainDocument:
    """What ``train.json`` holds, the notes of models and detectors among it."""

    estimator: Mapping[str, Any]
    history: Sequence[Mapping[str, float | None]]
    health: Mapping[str, Any] | None = None
    versions: Mapping[str, str] | None = None
    seconds: float | None = None
    preset: str | None = None


def _document(path: Path, kind: type) -> dict[str, Any]:
    return check_document(kind, read_json(path), str(path))


def _check_support(place: str, domain: Domain, model: Model) -> None:
    likelihood = getattr(model, "likelihood", None)
    if isinstance(likelihood, Likelihood) and likelihood.support not in domain.supports:
        raise FormatError(
            f"{place}: domain must be of items that the model is for; got "
            f"{type(domain).__name__} with {type(likelihood).__name__}. The file is of another "
            "run: get a sound copy."
        )


def _learned(folder: Path, document: Mapping[str, Any], name: str, budget: Budget) -> Any:
    place = f"{folder / 'domain.json'}: {name}"
    # No parts with weights: there are none stored for them here.
    source = Source(place, kinds=_WITHOUT_TENSORS, largest=budget.largest)
    return build(upgraded(document[name]), source=source)


def _build_model(
    spec: Any, components: Mapping[str, Any] | None, folder: Path, header: TensorHeader
) -> Model:
    # Sizes in the file decide how much memory and time are asked for, so a hostile one could ask
    # for all. On the meta device parameters have shapes and no memory, and the meter stops what
    # makes more of them than are stored.
    file, weights = folder / "model.json", folder / _WEIGHTS
    budget = Budget.of(list(header.shapes.values()))
    source = Source(f"{file}: model", components or {}, largest=budget.largest)
    with metered(budget, str(file)):
        skeleton = build(spec, source=source)
    state = _typed(skeleton, Model, folder).state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in state.items()}
    shapes = upgraded_weights(header.shapes, expected)
    if expected != shapes:
        wrong = sorted(
            k for k in expected.keys() | shapes.keys() if expected.get(k) != shapes.get(k)
        )
        first = wrong[0]
        raise FormatError(
            f"the weights in {folder} must fit model.json; {first!r} must have shape "
            f"{expected.get(first)}, got {shapes.get(first)} ({len(wrong)} differ)."
        )
    kinds = {name: tensor.dtype for name, tensor in state.items()}
    check_kinds(weights, upgraded_weights(header.dtypes, expected), kinds)
    model: Model = _typed(build(spec, source=source), Model, folder)
    tensors = read_tensors(weights, header)
    put_weights(model, upgraded_weights(tensors, expected))
    return model


def options_to_json(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an estimator, without callbacks.

    The user's own modules, which live in the model, are left out.
    """
    return {k: _option(value) for k, value in options.items() if k not in _NOT_STORED}


_NOT_STORED = ("callbacks",)


def _option(value: Any) -> Any:
    if isinstance(value, Preset):
        return {"preset": value.name, "options": describe(value.options)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.integer | np.floating):
        return value.item()
    described = describe(value)
    return None if isinstance(described, dict) and "external" in described else described


def options_from_json(
    stored: Any, estimator: type, place: str = "the stored options"
) -> dict[str, Any]:
    """Undo `options_to_json`.

    Args:
        stored: What it gave.
        estimator: Whose options they are.
        place: Where they are stored, as errors call it.

    Raises:
        SpecError: An option that this version does not have.
        FormatError: One is of the wrong type, or a part asks for more than options may.
    """
    known = inspect.signature(estimator).parameters.keys() - set(_NOT_STORED)
    if not isinstance(stored, dict):
        raise FormatError(f"{place} must be an object; got {shown(stored)}.")
    for name in stored:
        if name not in known:
            raise unknown_name("option", name, known)
    options = {
        name: _built_option(
            upgraded_option(name, value), Source(f"{place}.{name}", largest=SMALLEST_LARGEST)
        )
        for name, value in stored.items()
    }
    check_arguments(estimator, options, place, estimator.__name__, _MOST_OF_AN_OPTION)
    return options


_MOST_OF_AN_OPTION = 2**63


def _built_option(value: Any, source: Source) -> Any:
    """Build a part that was an option; what it would have learned is stored elsewhere."""
    if not isinstance(value, dict | list):
        return value
    if isinstance(value, dict) and set(value) == {"preset", "options"}:
        chosen = _built_part(value["options"], source)
        if not isinstance(value["preset"], str) or not isinstance(chosen, dict):
            raise FormatError(f"{source.place} must name a preset and its options; it does not.")
        return choose_preset(value["preset"], chosen)
    return _built_part(value, source)


def _built_part(described: Any, source: Source) -> Any:
    if _holds_modules(described):
        with metered(Budget(), source.place):
            build(described, source=source)
    return build(described, source=source)


_WITHOUT_TENSORS = ("domains", "components")


def _holds_modules(described: Any) -> bool:
    """Return whether a description names parts that have tensors."""
    if isinstance(described, list):
        return any(_holds_modules(item) for item in described)
    if not isinstance(described, dict):
        return False
    kind = str(described.get("type", "domains")).partition(".")[0]
    return kind not in _WITHOUT_TENSORS or any(_holds_modules(v) for v in described.values())


def versions() -> dict[str, str]:
    """Versions of what a run depends on."""
    names = ("vaekit", "torch", "lightning-fabric", "numpy", "scikit-learn")
    return {name: importlib.metadata.version(name) for name in names}


def _typed(value: Any, kind: type[Any], folder: Path) -> Any:
    if not isinstance(value, kind):
        raise SpecError(f"{folder} must describe a {kind.__name__}; got {type(value).__name__}.")
    return value
