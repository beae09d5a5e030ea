"""Programs as ONNX graphs, text included."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaekit.domains.graphs import Port
from vaekit.errors import CompositionError, MissingExtraError
from vaekit.exports.programs import Program

if TYPE_CHECKING:
    from torch.export import ExportedProgram

MISSING_CODE, UNKNOWN_CODE = -1, 0
_ML, _ML_VERSION = "ai.onnx.ml", 2


def output_tensor(port: Port) -> str:
    """Return what a graph calls an output; an input may have the name of the column already."""
    return f"out.{port.name}"


def traced(program: Program, given: Sequence[Tensor]) -> "ExportedProgram":
    """Return a program as a graph of PyTorch, for any number of items.

    Args:
        program: In evaluation, on the CPU.
        given: Examples of its inputs, of at least two items.

    Raises:
        CompositionError: It does what no graph does; says what.
    """
    dynamic = {"given": tuple({0: torch.export.Dim.DYNAMIC} for _ in given)}
    try:
        with _quiet(), torch.no_grad():
            graph = torch.export.export(program, tuple(given), dynamic_shapes=dynamic, strict=False)
    except CompositionError:
        raise
    except Exception as error:  # whatever a model of others does in its own way
        raise CompositionError(f"PyTorch cannot trace it: {_first_line(error)}") from error
    for node in graph.graph.nodes:
        node.meta.pop("stack_trace", None)  # where in whose files it began
    return graph


def to_onnx(
    program: Program,
    graph: "ExportedProgram",
    name_output: Callable[[Port], str] = output_tensor,
) -> bytes:
    """Return a graph as an ONNX file; columns of text are text.

    Args:
        program: What the graph is of.
        graph: As `traced` gives it.
        name_output: What the file calls an output.

    Raises:
        MissingExtraError: onnx is not installed.
        CompositionError: It has an operation that ONNX has not.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 - what PyTorch needs for it
    except ImportError as error:
        raise missing_onnx() from error
    names = [f"in{place}" for place in range(len(program.inputs))]
    outputs = [f"out{place}" for place in range(len(program.outputs))]
    try:
        with _quiet():
            made = torch.onnx.export(
                graph, dynamo=True, verbose=False, input_names=names, output_names=outputs
            )
    except Exception as error:  # one of several of its own classes
        raise CompositionError(f"ONNX has no form of it: {_first_line(error)}") from error
    assert made is not None  # without a file to write it returns the graph
    proto = made.model_proto
    _forget(proto)
    _rename(proto, {name: port.name for name, port in zip(names, program.inputs, strict=True)})
    renamed = zip(outputs, program.outputs, strict=True)
    _rename(proto, {name: name_output(port) for name, port in renamed})
    _take_text(onnx, proto, program.inputs)
    _give_text(onnx, proto, {name_output(port): port for port in program.outputs})
    for value in (*proto.graph.input, *proto.graph.output):
        axis = value.type.tensor_type.shape.dim[0]
        axis.Clear()
        axis.dim_param = "items"
    proto.producer_name = "vaekit"
    found: bytes = proto.SerializeToString()
    return found


def _forget(proto: Any) -> None:
    """Take out in whose files each node began: the same model then gives the same bytes."""
    graph = proto.graph
    del graph.value_info[:]
    everything = (proto, graph, *graph.node, *graph.input, *graph.output, *graph.initializer)
    for part in (*everything, *proto.functions):
        part.doc_string = ""
        del part.metadata_props[:]


def missing_onnx() -> MissingExtraError:
    """Return the error that says what to install."""
    return MissingExtraError("an export to ONNX needs onnx: pip install 'vaekit[onnx]'.")


def _first_line(error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if "data-dependent" in str(cause):
        return "what it does next depends on values that it finds, which no graph knows."
    lines = [line for line in str(cause).strip().splitlines() if line.strip()] or [""]
    return f"{type(cause).__name__}: {lines[0].strip()[:300]}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what PyTorch says of itself; errors are raised anyway."""
    names = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export", "torch.fx")
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    nowhere = io.StringIO()
    to_stdout, to_stderr = contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere)
    with warnings.catch_warnings(), to_stdout, to_stderr:
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


def _rename(proto: Any, names: dict[str, str]) -> None:
    """Give inputs and outputs their names, wherever they occur."""
    graph = proto.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for field in (node.input, node.output):
            for place, name in enumerate(field):
                field[place] = names.get(name, name)


def _take_text(onnx: Any, proto: Any, ports: Sequence[Port]) -> None:
    """Put in front of inputs of labels what turns text into numbers."""
    texts = {port.name: port for port in ports if port.labels}
    fresh = []
    for value in proto.graph.input:
        port = texts.get(value.name)
        if port is None:
            continue
        code = f"code.{port.name}"
        _rename_inputs(proto, port.name, code)
        value.type.tensor_type.elem_type = onnx.TensorProto.STRING
        keys = [*port.labels, port.missing]
        codes = [*range(1, len(port.labels) + 1), MISSING_CODE]
        node = onnx.helper.make_node(
            "LabelEncoder",
            [port.name],
            [code],
            domain=_ML,
            keys_strings=keys,
            values_int64s=codes,
            default_int64=UNKNOWN_CODE,
        )
        fresh.append(node)
    if fresh:
        _prepend(proto, fresh)
        _use_ml(onnx, proto)


def _rename_inputs(proto: Any, name: str, new: str) -> None:
    for node in proto.graph.node:
        for place, known in enumerate(node.input):
            if known == name:
                node.input[place] = new


def _prepend(proto: Any, nodes: Sequence[Any]) -> None:
    rest = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*nodes, *rest])


def _give_text(onnx: Any, proto: Any, ports: Mapping[str, Port]) -> None:
    """Put behind outputs of labels what turns numbers into text."""
    texts = {name: port for name, port in ports.items() if port.labels}
    for value in proto.graph.output:
        port = texts.get(value.name)
        if port is None:
            continue
        code = f"code.{value.name}"
        for node in proto.graph.node:
            for field in (node.input, node.output):
                for place, known in enumerate(field):
                    field[place] = code if known == value.name else known
        value.type.tensor_type.elem_type = onnx.TensorProto.STRING
        node = onnx.helper.make_node(
            "LabelEncoder",
            [code],
            [value.name],
            domain=_ML,
            keys_int64s=list(range(1, len(port.labels) + 1)),
            values_strings=list(port.labels),
            default_string=port.missing,
        )
        proto.graph.node.append(node)
        _use_ml(onnx, proto)


def _use_ml(onnx: Any, proto: Any) -> None:
    if all(one.domain != _ML for one in proto.opset_import):
        proto.opset_import.append(onnx.helper.make_opsetid(_ML, _ML_VERSION))
