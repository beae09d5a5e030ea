"""Exported models without PyTorch: NumPy and onnxruntime are all that this needs.

A folder that ``vaekit export RUN FOLDER --to onnx`` wrote is read by `load`. Nothing else of vaekit
is imported, so that a container for scoring can do without the rest::

    pip install numpy onnxruntime
    pip install --no-deps vaekit lazy-loader
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MANIFEST = "vaekit_export.json"
FORMAT = 1
Array = NDArray[Any]

_NOISE = {"normal_noise": "normal", "uniform_noise": "uniform"}
_AT_ONCE = 256
_MOST_THREADS = 64


class RuntimeModelError(ValueError):
    """What an exported model cannot do, or was given; the message says what to do."""


@dataclass(frozen=True)
class Port:
    """One input or output of a program; see the manifest of an export.

    Attributes:
        name: Of a column its name, ``"items"`` where items are single arrays.
        tensor: What the graph calls it.
        dtype: Name of its type; ``"str"`` for text.
        shape: Of one item.
        labels: The texts that it takes.
        missing: The text of a missing cell.
        unit: ``"seconds"``, or nothing.
        decimals: Digits to round an output to, or ``None``.
    """

    name: str
    tensor: str
    dtype: str
    shape: tuple[int, ...]
    labels: tuple[str, ...]
    missing: str
    unit: str
    decimals: int | None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Port":
        """Read one of a manifest."""
        shape, labels = tuple(stored["shape"]), tuple(stored["labels"])
        rest = {name: stored[name] for name in ("name", "tensor", "dtype", "missing", "unit")}
        return cls(shape=shape, labels=labels, decimals=stored["decimals"], **rest)


@dataclass(frozen=True)
class Program:
    """What a model does, as one graph.

    Attributes:
        inputs: What it takes.
        outputs: What it gives.
        session: Of onnxruntime.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    session: Any

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return outputs by name, for inputs by name; a part of the items at a time.

        Raises:
            RuntimeModelError: onnxruntime refuses the inputs.
        """
        count = len(next(iter(feeds.values())))
        parts = []
        for start in range(0, count, _AT_ONCE):
            some = {port.tensor: feeds[port.name][start : start + _AT_ONCE] for port in self.inputs}
            try:
                parts.append(self.session.run([port.tensor for port in self.outputs], some))
            except Exception as error:  # its errors share no other class
                raise RuntimeModelError(f"onnxruntime refused the inputs: {error}") from error
        columns = (np.concatenate(part) for part in zip(*parts, strict=True))
        return {
            port.name: _shown(port, column)
            for port, column in zip(self.outputs, columns, strict=True)
        }


def _shown(port: Port, values: Array) -> Array:
    if port.labels:
        texts: Array = values.astype(object)
        texts[values == port.missing] = None
        return texts
    return values if port.decimals is None else np.round(values, port.decimals)


class RuntimeModel:
    """A model of an exported folder.

    Attributes:
        manifest: What the export wrote of it.
        programs: What it does, by name: ``"encode"``, ``"decode"``, ``"reconstruct"``,
            ``"sample"``, ``"score"``, ``"detect"``, as far as they could be exported.
        threshold: Of a detector: items with a score above it are anomalies.

    Example:
        >>> RuntimeModel({"format": 1, "programs": {}, "skipped": {}}, {}).programs
        {}
    """

    def __init__(self, manifest: Mapping[str, Any], programs: Mapping[str, Program]) -> None:
        self.manifest, self.programs = dict(manifest), dict(programs)
        self.threshold: float | None = (manifest.get("detector") or {}).get("threshold")

    def encode(self, X: Any, context: Any = None) -> Array:
        """Return posterior means, shape (items, latents).

        Args:
            X: Items: an array, or of tables a data frame or a mapping of columns.
            context: Labels or properties, of conditional models.
        """
        return self._of_items("encode", X, context)["latents"]

    def reconstruct(self, X: Any, context: Any = None) -> Any:
        """Return what the model keeps of items: an array, or of tables columns by name."""
        return self._items(self._of_items("reconstruct", X, context))

    def decode(self, Z: Any, context: Any = None) -> Any:
        """Return items of latents: an array, or of tables columns by name."""
        latents = np.asarray(Z, dtype=np.float32)
        program = self._program("decode")
        feeds = {"latents": _checked(program.inputs[0], latents)}
        return self._items(self._run(program, feeds, context, len(latents)))

    def sample(self, n: int = 1, context: Any = None, seed: int | None = None) -> Any:
        """Return new items: an array, or of tables columns by name.

        Args:
            n: How many.
            context: One label or property for each, or one for all.
            seed: For the same items again; other ones than those of the same seed in Python.
        """
        program = self._program("sample")
        return self._items(self._run(program, _noise(program, n, seed), context, n))

    def score_samples(self, X: Any, context: Any = None, seed: int = 0) -> Array:
        """Return a lower bound of log p(x) of each item, nats, from 64 draws."""
        return self._of_items("score", X, context, seed)["log_prob"]

    def score(self, X: Any, context: Any = None) -> Array:
        """Return how unusual items are, nats: the higher, the more; of detectors."""
        return self._of_items("detect", X, context)["score"]

    def properties(self, X: Any, context: Any = None) -> dict[str, Array]:
        """Return what the model predicts of items, by name; of molecules with targets."""
        return self._of_items("predict", X, context)

    def predict(self, X: Any, context: Any = None) -> Array:
        """Return -1 for anomalies and 1 for other items, as the detector does in Python."""
        return np.where(self._of_items("detect", X, context)["is_anomaly"], -1, 1)

    def detect(self, X: Any, context: Any = None) -> dict[str, Array]:
        """Return all that a detector says of items, by name: scores, verdicts, probabilities."""
        return self._of_items("detect", X, context)

    def windows(self, series: Any) -> Array:
        """Return the windows of a long series, shape (windows, steps[, channels]).

        Raises:
            RuntimeModelError: The model is of other items, or the series is too short.
        """
        window = self.manifest.get("window")
        if window is None:
            raise RuntimeModelError("this model takes whole items; pass them as they are.")
        values = np.asarray(series, dtype=np.float64)
        steps, stride = window["steps"], window["stride"]
        if len(values) < steps:
            raise RuntimeModelError(
                f"a series must have at least {steps} steps, one window; got {len(values)}."
            )
        cut = np.lib.stride_tricks.sliding_window_view(values, steps, axis=0)[::stride]
        return np.moveaxis(cut, -1, 1)

    def _program(self, name: str) -> Program:
        if name in self.programs:
            return self.programs[name]
        why = self.manifest.get("skipped", {}).get(name)
        reason = f": {why}" if why else ""
        raise RuntimeModelError(
            f"this export holds no {name!r}{reason}; it holds {', '.join(self.programs)}."
        )

    def _of_items(
        self, name: str, X: Any, context: Any, seed: int | None = None
    ) -> dict[str, Array]:
        program = self._program(name)
        feeds = read_items(self._items_of(program), X)
        count = len(next(iter(feeds.values())))
        if seed is not None:
            feeds |= _noise(program, count, seed)
        return self._run(program, feeds, context, count)

    def _items_of(self, program: Program) -> list[Port]:
        others = {*_NOISE, "latents"}
        return [
            port
            for port in program.inputs
            if port.name not in others and not _is_context(port.name)
        ]

    def _run(
        self, program: Program, feeds: dict[str, Array], context: Any, count: int
    ) -> dict[str, Array]:
        ports = [port for port in program.inputs if _is_context(port.name)]
        if context is not None and not ports:
            raise RuntimeModelError("this model takes no context; leave it out.")
        if ports:
            feeds = {**feeds, **read_context(ports, context, count)}
        return program.run(feeds)

    def _items(self, found: dict[str, Array]) -> Any:
        if "items" in found and len(found) == 1:
            dtype = self.manifest.get("dtype")
            return found["items"] if dtype is None else found["items"].astype(dtype)
        count = len(next(iter(found.values())))
        constants = self.manifest.get("constants", {})
        return {**found, **{name: np.full(count, value) for name, value in constants.items()}}


def _is_context(name: str) -> bool:
    return name == "context" or name.startswith("context:")


def _noise(program: Program, n: int, seed: int | None) -> dict[str, Array]:
    """Return random numbers; those of an item do not depend on how many there are."""
    if not (isinstance(n, int | np.integer) and n >= 1):
        raise RuntimeModelError(f"n must be a whole number of at least 1; got {n!r}.")
    found = {}
    for port in program.inputs:
        if port.name in _NOISE:
            is_normal = _NOISE[port.name] == "normal"
            rng = np.random.default_rng(None if seed is None else [seed, is_normal])
            shape = (int(n), *port.shape)
            drawn = rng.standard_normal(shape) if is_normal else rng.random(shape)
            found[port.name] = drawn.astype(np.float32)
    return found


def read_items(ports: Sequence[Port], X: Any) -> dict[str, Array]:
    """Return items as the inputs of a graph, by name.

    Args:
        ports: The inputs.
        X: An array for the one input; for several a data frame, or a mapping of columns.

    Raises:
        RuntimeModelError: A column is missing, or of another kind; an array of another shape.
    """
    if len(ports) == 1 and ports[0].name in ("items", "tokens"):
        return {ports[0].name: _checked(ports[0], np.asarray(X))}
    names = list(X.columns) if _is_frame(X) else list(X) if isinstance(X, Mapping) else None
    if names is None:
        raise RuntimeModelError(
            f"items must be a data frame or a mapping of columns; got {type(X).__name__}."
        )
    lacking = [port.name for port in ports if port.name not in names]
    if lacking:
        raise RuntimeModelError(f"columns must be those of training; missing {lacking}.")
    found = {port.name: _column(port, X[port.name]) for port in ports}
    lengths = {len(column) for column in found.values()}
    if len(lengths) != 1:
        raise RuntimeModelError(f"columns must be of one length; got {sorted(lengths)}.")
    return found


def _is_frame(X: Any) -> bool:
    return not isinstance(X, Mapping) and type(X).__name__ == "DataFrame"


def _column(port: Port, values: Any) -> Array:
    """Return a column as text, seconds or numbers."""
    array = np.asarray(values)
    if array.ndim != 1 or not len(array):
        raise RuntimeModelError(f"column {port.name!r} must hold one value for each row, and some.")
    if port.labels:
        texts = [port.missing if _is_missing(value) else str(value) for value in array.tolist()]
        return np.array(texts, dtype=object)
    if array.dtype.kind in "mM":
        seconds = array.astype(f"{array.dtype.kind}8[us]").astype(np.int64) / 1e6
        return np.where(np.isnat(array), np.nan, seconds)
    try:
        if array.dtype.kind == "O":
            array = np.array([np.nan if _is_missing(value) else value for value in array.tolist()])
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise RuntimeModelError(
            f"column {port.name!r} must hold {'times' if port.unit else 'numbers'}; {error}."
        ) from error


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value  # noqa: PLR0124 - NaN is not itself


def _checked(port: Port, array: Array) -> Array:
    if array.ndim != len(port.shape) + 1 or array.shape[1:] != port.shape or not len(array):
        raise RuntimeModelError(
            f"{port.name} must have shape (n, {', '.join(map(str, port.shape))}); got "
            f"{array.shape}."
        )
    if port.dtype == "uint8" and array.dtype != np.uint8:
        raise RuntimeModelError(
            f"{port.name} must be uint8 from 0 to 255 as in training; got {array.dtype}."
        )
    try:
        return array.astype(port.dtype, copy=False)
    except (TypeError, ValueError) as error:
        raise RuntimeModelError(f"{port.name} must hold numbers; {error}.") from error


def read_context(ports: Sequence[Port], context: Any, count: int) -> dict[str, Array]:
    """Return a context as the inputs of a graph; one value stands for all items.

    Raises:
        RuntimeModelError: None is given, an unknown label, or another number of rows.
    """
    if context is None:
        raise RuntimeModelError("this model is conditional; pass context=.")
    if len(ports) == 1 and ports[0].name == "context":
        given = {"context": context}
    elif isinstance(context, Mapping) or _is_frame(context):
        given = {port.name: context[port.name.removeprefix("context:")] for port in ports}
    else:
        raise RuntimeModelError("the context must be a mapping of columns of labels.")
    return {port.name: _context(port, given[port.name], count) for port in ports}


def _context(port: Port, values: Any, count: int) -> Array:
    array = np.asarray(values)
    wanted = len(port.shape) + 1
    if port.shape == (1,) and array.ndim == 1:  # one property of each item
        array = array[:, None]
    if array.ndim == wanted - 1:
        array = array[None]
    if len(array) == 1:
        array = np.repeat(array, count, 0)
    if array.shape != (count, *port.shape):
        raise RuntimeModelError(
            f"{port.name} must have one row for each of {count} items; got shape {array.shape}."
        )
    if not port.labels:
        return array.astype(port.dtype)
    texts = [str(value) for value in array.tolist()]
    unknown = sorted(set(texts) - set(port.labels))
    if unknown:
        raise RuntimeModelError(
            f"{port.name} must be among the labels of training, {list(port.labels)}; got "
            f"{unknown[:5]}."
        )
    return np.array(texts, dtype=object)


def load(path: str | Path, threads: int | None = None) -> RuntimeModel:
    """Read a folder that an export to ONNX wrote.

    Args:
        path: The folder.
        threads: Of onnxruntime; ``None`` takes as many as it likes.

    Raises:
        RuntimeModelError: No such folder, of another form or a newer format, damaged, or
            onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeModelError(
            "exported models need onnxruntime: pip install onnxruntime."
        ) from error
    if threads is not None and not 1 <= threads <= _MOST_THREADS:
        raise RuntimeModelError(f"threads must be from 1 to {_MOST_THREADS}; got {threads}.")
    folder = Path(path)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RuntimeModelError(f"{folder} must hold an export of vaekit: {error}.") from error
    if manifest.get("target") != "onnx" or manifest.get("format") != FORMAT:
        raise RuntimeModelError(
            f"{folder} must hold an export to onnx of format {FORMAT}; got target "
            f"{manifest.get('target')!r}, format {manifest.get('format')!r}. Export again."
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        programs = {
            name: Program(
                tuple(Port.of(port) for port in stored["inputs"]),
                tuple(Port.of(port) for port in stored["outputs"]),
                onnxruntime.InferenceSession(
                    folder / Path(stored["file"]).name, options, ["CPUExecutionProvider"]
                ),
            )
            for name, stored in manifest["programs"].items()
        }
    except (KeyError, TypeError) as error:
        raise RuntimeModelError(f"{folder / MANIFEST} is damaged: {error!r}.") from error
    except Exception as error:  # onnxruntime's errors share no other class
        raise RuntimeModelError(f"{folder} holds a graph that cannot be read: {error}") from error
    return RuntimeModel(manifest, programs)
