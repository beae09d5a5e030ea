"""Models as folders of graphs, which are tried against the model before they are there."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.domains.graphs import Port
from vaekit.errors import CompositionError, SaveError, SpecError, unknown_name
from vaekit.exports.diffusers import to_diffusers
from vaekit.exports.folders import MARK, ExportReport, check_destination, mark
from vaekit.exports.onnx_graph import missing_onnx, output_tensor, to_onnx, traced
from vaekit.exports.programs import NORMAL, PROGRAMS, UNIFORM, Parts, Program
from vaekit.files import atomic_folder, expanded_path, to_json
from vaekit.fitting.trained import TrainedModel
from vaekit.models.vae import VAE
from vaekit.randomness import make_generator, seeded
from vaekit.runtime import FORMAT

TOLERANCE = 1e-4
"""Largest difference between a model and its graphs, of values of a size of 1 or below."""

_TRIED = 16
_TRACED = 5

Make = Callable[[Parts], Program]


@dataclass(frozen=True)
class Extra:
    """What stands beside a model, as that of a detector.

    Attributes:
        programs: More programs, by name.
        manifest: More fields of the manifest.
    """

    programs: Mapping[str, Make] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)


NOTHING_MORE = Extra()


def export_model(
    trained: TrainedModel,
    path: str | Path,
    to: str,
    extra: Extra = NOTHING_MORE,
    data: Any = None,
    only: Sequence[str] | None = None,
) -> ExportReport:
    """Write a model in another form; see `Autoencoder.export`.

    Args:
        trained: The model.
        path: A new folder, or one that was written by this before.
        to: A key of `TARGETS`.
        extra: What else is written.
        data: Items to compare both with; ``None`` takes samples of the model.
        only: Names of the programs to write, where there are several; ``None`` for all.

    Raises:
        SpecError: No such form, or no such program.
        CompositionError: A model that has no such form.
        SaveError: Disk full, the folder holds something else, or the graphs differ from the model;
            nothing is changed.
        MissingExtraError: The other library is not installed.
    """
    if to not in TARGETS:
        raise unknown_name("form to export to", to, TARGETS)
    path = expanded_path(path)
    if to == "diffusers":
        if data is not None or only is not None:
            raise SpecError(
                "data and only must be left out of an export to diffusers, which has one program "
                "and is compared by random images; got one of them."
            )
        return to_diffusers(trained, path)
    makers: dict[str, Make] = {**extra.programs, **PROGRAMS}
    for name in only or ():
        if name not in makers:
            raise unknown_name("program", name, makers)
    if only is None and not trained.domain.prediction_ports:
        makers.pop("predict")  # which no user of such items would look for
    chosen = {name: make for name, make in makers.items() if only is None or name in only}
    return _to_graphs(trained, path, to, chosen, extra.manifest, data)


TARGETS = ("diffusers", "onnx", "torch-export")
"""Names of the forms."""


def _to_graphs(
    trained: TrainedModel,
    path: Path,
    to: str,
    makers: Mapping[str, Make],
    manifest: Mapping[str, Any],
    data: Any,
) -> ExportReport:
    check_destination(path)
    if to == "onnx":
        _require_onnx()
    trained = on_cpu(trained)
    parts = Parts(trained)
    with seeded(0), torch.no_grad():
        examples = _examples(parts, data)
    written, skipped = {}, {}
    with atomic_folder(path) as folder, torch.no_grad():
        for name, make in makers.items():
            try:
                written[name] = _written(folder, name, make(parts), to, examples)
            except CompositionError as error:
                skipped[name] = str(error)
        if not written:
            reasons = "; ".join(f"{name}: {why}" for name, why in skipped.items())
            raise CompositionError(f"nothing of this model can be exported: {reasons}")
        document = {
            **mark(to),
            "format": FORMAT,
            "model": type(trained.model).__name__,
            "domain": type(trained.domain).__name__,
            "programs": written,
            "skipped": skipped,
            **_description(parts),
            **manifest,
        }
        (folder / MARK).write_bytes(to_json(document))
    differences = {name: one["largest_difference"] for name, one in written.items()}
    return ExportReport(
        path,
        to,
        type(trained.model).__name__,
        max(differences.values()),
        differences,
        skipped,
    )


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401 - asked before anything is computed
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise missing_onnx() from error


def on_cpu(trained: TrainedModel) -> TrainedModel:
    """Return a copy of a model on the CPU, in evaluation."""
    model = copy.deepcopy(trained.model).cpu().eval().requires_grad_(False)
    return TrainedModel(model, trained.domain, trained.context)


def _description(parts: Parts) -> dict[str, Any]:
    """Return what a manifest says of items."""
    window = parts.reader.window
    return {
        "window": None if window is None else asdict(window),
        "constants": dict(parts.trained.domain.constant_columns()),
        "dtype": parts.trained.domain.item_dtype,
        "latent_dim": getattr(parts.trained.model, "latent_dim", None),
        "draws_images": parts.trained.domain.draws_images,
    }


def _written(
    folder: Path, name: str, program: Program, to: str, examples: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Write one program, and return what the manifest says of it.

    Raises:
        CompositionError: It has no such form.
        SaveError: It differs from the model.
    """
    program = program.eval()
    given = _inputs(program, examples, _TRIED)
    graph = traced(program, [tensor[:_TRACED] for tensor in given])
    file = f"{name}.{'onnx' if to == 'onnx' else 'pt2'}"
    wanted = program(*given)
    if to == "onnx":
        content = to_onnx(program, graph)
        (folder / file).write_bytes(content)
        found = _run_onnx(content, program, given)
    else:
        torch.export.save(graph, folder / file)
        found = [_as_array(part) for part in graph.module()(*given)]
    pairs = zip(program.outputs, wanted, found, strict=True)
    difference = max(_difference(port, _as_array(part), other) for port, part, other in pairs)
    if not difference <= TOLERANCE:
        raise SaveError(
            f"program {name!r} must make of {_TRIED} items what the model does, within "
            f"{TOLERANCE}; the largest difference is {difference:.2g}. Nothing was written."
        )
    return {
        "file": file,
        "inputs": [_port(port, port.name) for port in program.inputs],
        "outputs": [_port(port, output_tensor(port)) for port in program.outputs],
        "largest_difference": difference,
        "items_compared": _TRIED,
    }


def _port(port: Port, tensor: str) -> dict[str, Any]:
    return {**asdict(port), "tensor": tensor}


def _as_array(part: Tensor) -> Any:
    return part.detach().numpy()


def _run_onnx(content: bytes, program: Program, given: Sequence[Tensor]) -> list[Any]:
    """Return what onnxruntime makes of the inputs, text as the numbers of its labels."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
        feeds = {
            port.name: _as_text(port, tensor)
            for port, tensor in zip(program.inputs, given, strict=True)
        }
        wanted = {value.name for value in session.get_inputs()}
        feeds = {name: value for name, value in feeds.items() if name in wanted}
        found = session.run([output_tensor(port) for port in program.outputs], feeds)
    except Exception as error:  # its errors share no class with each other
        raise CompositionError(
            f"onnxruntime cannot run it: {str(error).strip().splitlines()[0][:300]}"
        ) from error
    pairs = zip(program.outputs, found, strict=True)
    return [_from_text(port, values) if port.labels else values for port, values in pairs]


def _as_text(port: Port, codes: Tensor) -> Any:
    if not port.labels:
        return codes.numpy()
    texts = ["\N{REPLACEMENT CHARACTER}", *port.labels, port.missing]
    return np.array([texts[code] for code in codes.tolist()], dtype=object)


def _from_text(port: Port, texts: Any) -> Any:
    codes = {label: place for place, label in enumerate(port.labels, 1)}
    return np.array([codes.get(text, -1) for text in texts.tolist()])


def _difference(port: Port, wanted: Any, found: Any) -> float:
    """Return the largest difference, relative to values beyond 1; infinite where NaN differ."""
    if wanted.dtype.kind in "biu":
        return 0.0 if np.array_equal(wanted, found) else math.inf
    wanted, found = wanted.astype(np.float64), found.astype(np.float64)
    if wanted.shape != found.shape or not np.array_equal(np.isnan(wanted), np.isnan(found)):
        return math.inf
    same = (wanted == found) | np.isnan(wanted)
    apart = np.abs(np.where(same, 0.0, wanted - found)) / np.maximum(1.0, np.abs(wanted))
    return float(apart.max(initial=0.0))


def _inputs(program: Program, examples: Mapping[str, Tensor], count: int) -> list[Tensor]:
    """Return examples of a program's inputs; random numbers are drawn for it."""
    generator = make_generator(0)
    found = []
    for port in program.inputs:
        if port.name == NORMAL:
            found.append(torch.randn(count, *port.shape, generator=generator))
        elif port.name == UNIFORM:
            found.append(torch.rand(count, *port.shape, generator=generator))
        else:
            found.append(examples[port.name][:count])
    return found


def _examples(parts: Parts, data: Any) -> dict[str, Tensor]:
    """Return items, contexts and latents to try programs with, by the names of their inputs."""
    trained = parts.trained
    found = {port.name: _some_context(port, parts) for port in parts.context_ports}
    if data is None:
        x = _sampled(parts, [found[port.name] for port in parts.context_ports])
        written = dict(
            zip((port.name for port in parts.writer.outputs), parts.writer(x), strict=True)
        )
        for port in parts.reader.inputs:
            found[port.name] = _like(port, written[port.name])
    else:
        items = graph_inputs(parts.reader.inputs, trained, data)
        found |= {name: _as_many(tensor) for name, tensor in items.items()}
    if isinstance(trained.model, VAE):
        count = len(next(iter(found.values())))
        found["latents"] = torch.randn(count, trained.vae.latent_dim, generator=make_generator(1))
    return found


def _as_many(tensor: Tensor) -> Tensor:
    """Return fewer items again and again: a graph of one is a graph of one alone."""
    return tensor[torch.arange(_TRIED) % tensor.shape[0]]


def _like(port: Port, values: Tensor) -> Tensor:
    return (
        values.round().to(port.tensor_type)
        if port.dtype in ("uint8", "int32")
        else values.to(port.tensor_type)
    )


def graph_inputs(ports: Sequence[Port], trained: TrainedModel, data: Any) -> dict[str, Tensor]:
    """Return raw items as the inputs of a graph, by name, at most as many as are compared."""
    from vaekit import runtime

    rows = data[:_TRIED]
    if ports[0].name == "tokens":
        prepared = trained.domain.prepare_input(rows)[:, : ports[0].shape[0]]
        return {"tokens": prepared.long()}
    stored = [runtime.Port.of(_port(port, port.name)) for port in ports]
    arrays = runtime.read_items(stored, rows)
    return {
        port.name: torch.from_numpy(_from_text(port, arrays[port.name]))
        if port.labels
        else torch.from_numpy(np.array(arrays[port.name]))
        for port in ports
    }


def _some_context(port: Port, parts: Parts) -> Tensor:
    """Return every label in turn, or properties around their mean."""
    generator, context = make_generator(2), parts.trained.context
    if port.labels:
        return torch.arange(_TRIED) % len(port.labels) + 1
    assert context is not None, "a context has ports only where there is one"
    if context.classes is not None:
        known = torch.tensor([float(label) for label in context.classes], dtype=torch.float64)
        return known[torch.arange(_TRIED) % len(known)]
    drawn = torch.randn(_TRIED, *port.shape, generator=generator, dtype=torch.float64)
    if context.captions is not None:
        return context.prepare([""] * _TRIED).float()
    mean, scale = (torch.tensor(part) for part in (context.mean or (), context.scale or ()))
    return mean + scale * drawn


def _sampled(parts: Parts, context: Sequence[Tensor]) -> Tensor:
    """Return items as the networks make them: samples, or what is decoded where there are none."""
    rows = None if parts.context is None else parts.context(*context)
    model = parts.trained.model
    if not isinstance(model, VAE):
        return model.sample(_TRIED, rows, generator=make_generator(3))
    if model.fitted_prior is not None:
        z = model.generate(_TRIED, rows, fitted=True)
    else:
        z = torch.randn(_TRIED, model.latent_dim, generator=make_generator(3))
    return model.make(z, rows)
