"""Stored runs: what is computed from each, and whole models from stored shapes alone."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import safetensors.torch
import torch
from gold.data import MOLECULES, images, long_series, people, rows
from gold.flat import Tensors, flat, record

from vaekit import Autoencoder, load
from vaekit.anomalies import load_detector
from vaekit.errors import VaekitError
from vaekit.molecules import predict_molecules
from vaekit.networks import MLPDecoder, MLPEncoder
from vaekit.tables import impute

__all__ = [
    "RUNS",
    "RUNS_FOLDER",
    "checkpointed",
    "records_of",
    "records_of_spec",
    "shape_of",
    "used",
    "write_spec",
]

RUNS_FOLDER = Path(__file__).with_name("runs")
EXACTLY = 64
"""Tensors of at most so many numbers are stored as they are in `specs.json`."""


def used(model: Autoencoder, X: Any = None, context: Any = None) -> dict[str, Any]:
    """What a loaded model gives, as far as it can; of its own samples where no items are given."""
    several = None if context is None else [context] * 3
    if context is not None and X is not None:
        several = [context] * len(X)
    drawn = model.sample(3, context, seed=1)
    X = drawn if X is None else X
    uses: dict[str, Callable[[], Any]] = {
        "sample": lambda: drawn,
        "sample_of_model": lambda: model.sample(3, context, seed=1, prior="model"),
        "transform": lambda: model.transform(X, _contexts(several)),
        "reconstruct": lambda: model.reconstruct(X, _contexts(several)),
        "scores": lambda: model.score_samples(X, _contexts(several), draws=2),
    }
    found: dict[str, Any] = {}
    for name, use in uses.items():
        try:
            found |= flat(name, use())
        except VaekitError:
            found[name] = "refused"
    return found


def _contexts(several: list[Any] | None) -> Any:
    return None if several is None else np.array(several)


def _autoencoder(X: Any = None, context: Any = None) -> Callable[[Path], dict[str, Any]]:
    def use(folder: Path) -> dict[str, Any]:
        model = load(folder)
        told = used(model, X, context)
        told |= flat("options", _simple(model.get_params(deep=False)))
        told |= flat("health", "none" if model.health_ is None else model.health_.to_json())
        return told | flat("history", [dict(row) for row in model.history_])

    return use


def _simple(options: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in options.items() if v is None or isinstance(v, str | int | float)}


def _holes(folder: Path) -> dict[str, Any]:
    filled = impute(load(folder).trained_, people(30), draws=4)
    return _autoencoder(people(8))(folder) | flat("filled", filled)


def _targets(folder: Path) -> dict[str, Any]:
    told = predict_molecules(load(folder).trained_, MOLECULES[:5])
    return _autoencoder(MOLECULES[:5])(folder) | flat("predicted", told)


def _detector(X: Any, *, of_series: bool = False) -> Callable[[Path], dict[str, Any]]:
    def use(folder: Path) -> dict[str, Any]:
        detector = load_detector(folder)
        found = {
            "scores": detector.score_samples(X),
            "offset": detector.offset_,
            "training": detector.decision_scores_,
            "labels": detector.labels_,
            "probabilities": detector.probabilities(X),
        }
        if of_series:
            found |= {"steps": detector.step_scores(X), "events": detector.events(X)}
        else:
            found["reasons"] = [r.column for row in detector.explain(X[:5]) for r in row]
            found["drift"] = detector.drift(X)
        return flat("", found)

    return use


def checkpointed(folder: Path) -> Autoencoder:
    """The training of the stored checkpoint, before it is fitted."""
    return Autoencoder(
        "vae",
        2,
        encoder=MLPEncoder((1, 8, 8), (8,)),
        decoder=MLPDecoder(2, (8,), (1, 1, 8, 8)),
        max_epochs=4,
        batch_size=64,
        ema=0.9,
        progress=False,
        checkpoint_dir=folder,
        resume=True,
    )


def _resumed(folder: Path) -> dict[str, Any]:
    with TemporaryDirectory() as place:
        copytree(folder, f"{place}/run")
        model = checkpointed(Path(place) / "run").fit(images())
    weights = [tensor.numpy() for tensor in model.model_.state_dict().values()]
    history = np.array([row["loss"] for row in model.history_])
    return {"weights": Tensors(weights), "history": history} | used(model, images(5))


RUNS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "images": _autoencoder(images(5)),
    "numbers": _autoencoder(rows()[:6]),
    "table": _autoencoder(people(8)),
    "table_with_holes": _holes,
    "series_windows": _autoencoder(long_series()[:40]),
    "series_set": _autoencoder(),
    "sequences": _autoencoder(["axya", "bzzxcab", "aybb"]),
    "molecules": _autoencoder(MOLECULES[:5]),
    "molecules_with_targets": _targets,
    "conditional": _autoencoder(images(5), 7),
    "codes": _autoencoder(images(5)),
    "flow_prior": _autoencoder(images(5)),
    "gan": _autoencoder(),
    "detector_of_table": _detector(people(40)),
    "detector_of_rows": _detector(rows()[:40]),
    "detector_of_series": _detector(long_series(), of_series=True),
    "checkpoint": _resumed,
}
"""What is computed from each stored run, by the name of its folder."""


def records_of(make: Callable[[], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Records of what a function gives, from a fixed random stream and without warnings."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return {name: record(value) for name, value in make().items()}


def shape_of(tensor: torch.Tensor) -> dict[str, Any]:
    """What is stored of a tensor: few numbers as they are, else their range and spread."""
    told: dict[str, Any] = {"shape": list(tensor.shape), "dtype": str(tensor.dtype).split(".")[1]}
    values = tensor.detach().double()
    if tensor.numel() <= EXACTLY:
        return told | {"values": [float(f"{v:.9g}") for v in values.flatten().tolist()]}
    ends = {"low": values.min(), "high": values.max(), "mean": values.mean(), "std": values.std()}
    return told | {name: float(f"{float(v):.6g}") for name, v in ends.items()}


def tensor_of(told: dict[str, Any], place: int) -> torch.Tensor:
    """A tensor like the one that was described: at random in its range, the same at every call."""
    dtype = getattr(torch, told["dtype"])
    if "values" in told:
        return torch.tensor(told["values"], dtype=torch.float64).reshape(told["shape"]).to(dtype)
    rng = np.random.default_rng(place)
    drawn = told["mean"] + told["std"] * rng.standard_normal(told["shape"])
    values = torch.from_numpy(np.clip(drawn, told["low"], told["high"]))
    return (values if dtype.is_floating_point else values.round()).to(dtype)


def write_spec(spec: dict[str, Any], folder: Path) -> None:
    """Write a run folder in format 1 for a stored description."""
    folder.mkdir(parents=True)
    tensors = {
        name: tensor_of(told, place) for place, (name, told) in enumerate(spec["tensors"].items())
    }
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(tensors))
    train = {"estimator": {}, "history": []}
    documents = {"model": spec["model"], "domain": spec["domain"], "train": train}
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))


def records_of_spec(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a model computes that is written from its description, and loaded."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "run"
        write_spec(spec, folder)
        model = load(folder)
    X = _some_items(spec["domain"]["domain"])
    return records_of(lambda: used(model, X, _some_context(model)))


def _some_items(domain: dict[str, Any]) -> Any:
    """Items for domains whose samples are not always such; else none."""
    kind, learned = domain["type"], domain["args"]
    if kind == "domains.MoleculeDomain":
        return MOLECULES[:3]
    if kind == "domains.SeriesDomain" and learned["window"] and not learned["time"]:
        return long_series()[:40]
    return None


def _some_context(model: Autoencoder) -> Any:
    """One that the model knows, or none."""
    context = model.context_
    if context is None:
        return None
    if context.columns is not None:
        return [told[0] for _, told in context.columns]
    return list(context.mean) if context.classes is None else context.classes[0]
