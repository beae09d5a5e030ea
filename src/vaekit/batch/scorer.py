"""One task of one run on tables of Arrow, in whatever form rows come: what all engines call."""

import functools
import hashlib
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vaekit.anomalies.reasons import Reason, reason_words
from vaekit.domains.base import Domain
from vaekit.domains.checks import is_frame
from vaekit.domains.hooks import ItemForm
from vaekit.errors import CompositionError, DataError, SpecError, unknown_name
from vaekit.fitting.conditional import read_conditions
from vaekit.fitting.latents import latent_columns
from vaekit.serving.arrow import values_table
from vaekit.serving.items import images_of
from vaekit.serving.limits import ServingLimits
from vaekit.serving.operations import OPERATIONS
from vaekit.serving.receiving import Request
from vaekit.serving.service import Service
from vaekit.serving.warned import collecting_warnings
from vaekit.storage.loading import load, locate_run, pinned_run

if TYPE_CHECKING:
    import pyarrow as pa


_ITEM = "item"
_NAMED = (_ITEM, "text", "sequence", "smiles")
_NO_LIMITS = ServingLimits(max_rows=2**31, max_pixels=2**28)


@dataclass(frozen=True)
class Rows:
    """Some rows, ready for a model.

    Attributes:
        items: As `Autoencoder` takes them.
        count: How many there are.
        context: One label or row of properties for each, or ``None``.
        kept: A table of Arrow with the columns that go into the output as they are.
        types: Types of the columns that came, by name, of Arrow; empty where none did.
    """

    items: Any
    count: int
    context: Any
    kept: Any
    types: dict[str, Any]


def rows_of(raw: Any, domain: Domain, keep: Sequence[str], context: Sequence[str]) -> Rows:
    """Return rows of a table of Arrow, a data frame, an array or a list.

    Args:
        raw: The rows.
        domain: Of the model.
        keep: Columns to hand on.
        context: Columns that are the context, and no part of the items.

    Raises:
        SpecError: No column has such a name.
        DataError: Items that come without columns, of which some were named; or rows of a form
            that such a model does not read.
    """
    import pyarrow as pa

    if is_frame(raw):
        _check_names([*keep, *context], [str(name) for name in raw.columns])
        kept = pa.Table.from_pandas(raw[list(keep)], preserve_index=False)
        items = raw.drop(columns=list(context)) if context else raw
        found = _context_of([raw[name].tolist() for name in context])
        return Rows(items, len(raw), found, kept.replace_schema_metadata(None), {})
    if not isinstance(raw, pa.Table):
        _check_no_names([*keep, *context])
        return Rows(raw, len(raw), None, None, {})
    _check_names([*keep, *context], raw.column_names)
    types = {field.name: field.type for field in raw.schema}
    found = _context_of([raw.column(name).to_pylist() for name in context])
    kept = raw.select(list(keep)).replace_schema_metadata(None)
    items = _items_of(raw.drop_columns(list(context)) if context else raw, domain, keep)
    return Rows(items, raw.num_rows, found, kept, types)


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise unknown_name("column", name, known)


def _check_no_names(names: Sequence[str]) -> None:
    if names:
        raise DataError(
            f"columns to keep, or of a context, need shards with columns; these have none to be "
            f"called {names[0]!r}. Leave the option out, or write the items as .parquet."
        )


def _context_of(columns: Sequence[list[Any]]) -> Any:
    if not columns:
        return None
    return columns[0] if len(columns) == 1 else np.column_stack(columns)


def _items_of(table: Any, domain: Domain, keep: Sequence[str]) -> Any:
    """Return a column that holds whole items, or else all columns as a data frame."""
    import pyarrow as pa

    types, form = pa.types, domain.item_form
    if form is not ItemForm.TABLE:
        wholes = _columns(table, keep, _is_whole)
        if (name := _only(wholes)) is not None:
            return _whole_items(table.column(name).combine_chunks(), domain)
    if form is ItemForm.TEXT:
        texts = _columns(table, keep, lambda kind: types.is_string(kind) or _is_large(kind))
        if (name := _only(texts)) is not None:
            return table.column(name).to_pylist()
    if form is ItemForm.IMAGE:
        raise DataError(
            "images must be a column of tensors, of lists of one length, or of files in bytes, "
            f"named 'item' if there are several; got {table.column_names[:8]}."
        )
    return domain.adapted(table.to_pandas(ignore_metadata=True))


def _is_large(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_whole(kind: Any) -> bool:
    """Return whether a cell of this type may be a whole item: an array, or a file."""
    import pyarrow as pa

    types = pa.types
    if isinstance(kind, pa.FixedShapeTensorType) or types.is_struct(kind):
        return isinstance(kind, pa.FixedShapeTensorType) or kind.get_field_index("bytes") >= 0
    is_list = types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)
    return bool(is_list or types.is_binary(kind) or types.is_large_binary(kind))


def _columns(table: Any, keep: Sequence[str], fits: Any) -> list[str]:
    return [f.name for f in table.schema if f.name not in keep and fits(f.type)]


def _only(names: Sequence[str]) -> str | None:
    """Return the one that is named as an item is, or else the only one."""
    named = next((each for name in _NAMED for each in names if each.lower() == name), None)
    return names[0] if len(names) == 1 else named


def _whole_items(column: Any, domain: Domain) -> Any:
    import pyarrow as pa

    if column.null_count:
        raise DataError(f"items must not be null; {column.null_count} of {len(column)} are.")
    if pa.types.is_struct(column.type):
        column = column.field("bytes")
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return images_of(column.to_pylist(), domain, _NO_LIMITS)
    return _in_dtype(_array(column), domain.item_dtype)


def _in_dtype(array: NDArray[Any], dtype: str | None) -> NDArray[Any]:
    """Return whole numbers in the type of training: engines make others of lists of bytes."""
    if dtype is None or array.dtype.kind not in "iu" or np.dtype(dtype).kind not in "iu":
        return array
    fitting = array.astype(dtype)
    return fitting if np.array_equal(fitting, array) else array


def _array(column: Any) -> NDArray[Any]:
    import pyarrow as pa

    if isinstance(column.type, pa.FixedShapeTensorType):
        found: NDArray[Any] = column.to_numpy_ndarray()
        return found
    flat = column.flatten()
    sizes = set(column.value_lengths().to_pylist())
    if len(sizes) > 1 or flat.null_count:
        raise DataError("items that are lists must be of one length, without null; they are not.")
    inner = flat.type
    values = _array(flat) if pa.types.is_nested(inner) else flat.to_numpy(zero_copy_only=False)
    return np.asarray(values).reshape(len(column), *sizes, *np.shape(values)[1:])


TASKS: Mapping[str, Sequence[str]] = {
    "encode": ("std",),
    "score": ("draws",),
    "anomalies": ("reasons",),
    "reconstruct": (),
    "impute": ("estimate", "draws", "weighted"),
    "predict": (),
    "sample": (
        *(n for n in OPERATIONS["sample"].options if n not in ("n", "seed", "init", "mask")),
        "context",
    ),
}
"""What can be done, and the options of each."""

_OPERATIONS = {"anomalies": "detect"}
_LARGEST, _MOST_ROWS, _FEWEST_ROWS = 2**22, 4096, 64


@dataclass(frozen=True)
class Scored:
    """What came of some rows.

    Attributes:
        table: One row for each.
        warnings: What Python would have warned of.
    """

    table: "pa.Table"
    warnings: Sequence[str] = ()


class Scorer:
    """Does one task of a trained run on tables of Arrow: ``scorer(table)`` returns a table.

    Each row in gives the row out at the same place. Tables are worked on in slices of a fixed
    number of rows, so memory is bounded, and the same table gives the same bytes in every process
    and on every engine. Rows depend on no other rows in ``encode``, ``reconstruct``, ``predict``
    and of most detectors ``anomalies``; what draws (``score``, ``impute``, ``sample``) depends on
    the seed and on where in the table a row stands.

    It can be pickled: of a run that was named by its path only the path and the options travel,
    and the run is loaded once in each process.

    Args:
        run: Folder of a run or detector, name of the hub (of which the commit is kept) or of a
            model of the package, or a fitted `Autoencoder` or `VAEDetector`.
        task: ``"encode"`` (columns ``z0``, ``z1``, ...: the posterior mean; with ``std`` also
            ``s0``, ...: the posterior's standard deviation), ``"score"`` (``log_p``, nats),
            ``"anomalies"`` (of a detector), ``"reconstruct"``, ``"impute"``, ``"predict"`` (of
            molecules with targets), or ``"sample"`` (as many new items as the table has rows).
        options: Of the task; see `TASKS`. They mean what they mean on the command line.
        keep: Columns of the table that are put in front of the result as they are, keys for one.
        context: Of conditional models: the columns with the label or the properties of each row.
        seed: Of ``"impute"`` and ``"sample"``.
        threads: Threads of each call. With another number sums may round differently.

    Raises:
        SpecError: An unknown task or option.

    Example:
        >>> import pyarrow as pa
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import wine
        >>> frame = wine()
        >>> model = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(frame)
        >>> scorer = Scorer(model, "encode")
        >>> scorer(pa.Table.from_pandas(frame.head(3))).column_names
        ['z0', 'z1']
    """

    def __init__(
        self,
        run: Any,
        task: str,
        options: Mapping[str, Any] | None = None,
        *,
        keep: Sequence[str] = (),
        context: Sequence[str] = (),
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        if task not in TASKS:
            raise unknown_name("task", task, TASKS)
        for name in options or {}:
            if name not in TASKS[task]:
                raise unknown_name(f"option of {task}", name, TASKS[task])
        for name, value in {"keep": keep, "context": context}.items():
            if isinstance(value, str):
                raise SpecError(
                    f"{name} must be a list of columns; got {value!r}. Write [{value!r}]."
                )
        if threads < 1:
            raise SpecError(f"threads must be at least 1; got {threads}.")
        self.run = pinned_run(run) if isinstance(run, str | Path) else run
        self.task, self.options = task, dict(options or {})
        self.keep, self.context = tuple(keep), tuple(context)
        self.seed, self.threads = seed, threads
        self._own: Service | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what travels: not what was loaded."""
        return {**vars(self), "_own": None}

    def __call__(self, table: "pa.Table") -> "pa.Table":
        """Return one row for each row of a table.

        Args:
            table: Columns as in training; or a column of tensors, of lists of one length, of image
                files in bytes, or of texts, for models of arrays, images and texts.

        Raises:
            VaekitError: As of the task; names the rows of the table.
        """
        import pyarrow as pa

        if not table.num_rows:
            return self.schema(table.schema).empty_table()
        parts, size = [], self.slice_rows
        for number, start in enumerate(range(0, table.num_rows, size)):
            rows = table.slice(start, size)
            try:
                parts.append(self.slice(rows, number).table)
            except DataError as error:
                last = start + rows.num_rows - 1
                raise type(error)(f"rows {start} to {last}: {error}") from error
        return pa.concat_tables([part.cast(parts[0].schema) for part in parts])

    def schema(self, given: "pa.Schema | None" = None) -> "pa.Schema":
        """Return the schema of results, as Spark and Dask ask for it in advance.

        Args:
            given: Of the tables that come; without it as if they had none but the items.

        Raises:
            DataError: A context is needed to tell.
        """
        import pyarrow as pa

        types = {} if given is None else {field.name: field.type for field in given}
        for name in (*self.keep, *self.context):
            if name not in types:
                raise unknown_name("column", name, types)
        with _threads(self.threads):
            items = self._service.model.sample(1, None, 0)
            found = self._run(Rows(items, len(items), None, None, types), 0, "").table
        kept = [pa.field(name, types[name]) for name in self.keep]
        return pa.schema([*kept, *(f for f in found.schema if f.name not in self.keep)])

    @property
    def domain(self) -> Domain:
        """What the run knows of its data."""
        return self._service.domain

    @property
    def slice_rows(self) -> int:
        """Rows that are worked on at a time: fixed by the run, as results may depend on it."""
        values = max(1, self.domain.num_features)
        return max(_FEWEST_ROWS, min(_MOST_ROWS, _LARGEST // values))

    def slice(self, raw: Any, number: int, place: str = "") -> Scored:
        """Return what comes of one slice: at most `slice_rows` rows.

        Args:
            raw: A table of Arrow, a data frame, an array or a list; a number of ``"sample"``.
            number: Which slice it is, from 0.
            place: Of what; with the seed and the number it gives the random numbers.
        """
        if isinstance(raw, int):
            rows = Rows(None, raw, None, None, {})
        else:
            rows = rows_of(raw, self.domain, self.keep, self.context)
        with _threads(self.threads):
            found = self._run(rows, number, place)
        if found.table.num_rows != rows.count:
            raise CompositionError(
                f"{self.task} of a data set needs an item in each row; {rows.count} rows gave "
                f"{found.table.num_rows} items. Work on one file at a time."
            )
        if rows.kept is None or not rows.kept.num_columns:
            return found
        table = found.table
        for name in reversed(rows.kept.column_names):
            if name in table.column_names:
                table = table.drop_columns([name])
            table = table.add_column(0, rows.kept.field(name), rows.kept.column(name))
        return Scored(table, found.warnings)

    def _run(self, rows: Rows, number: int, place: str) -> Scored:
        seed = slice_seed(self.seed, place, number)
        with collecting_warnings() as said:
            values = _DOERS.get(self.task, _operate)(self._service, self, rows, seed)
            types = {**rows.types, **self._learned_types()} if self.task == "impute" else {}
        return Scored(_plain(values_table(values), types), tuple(said))

    def _learned_types(self) -> Mapping[str, Any]:
        """Return the types of columns in training, be there holes in a slice or none."""
        service = self._service
        if service not in _learned:
            with torch.random.fork_rng(devices=[]):
                table = values_table({"items": service.model.sample(1, None, 0)})
            _learned[service] = {field.name: field.type for field in table.schema}
        return _learned[service]

    @property
    def _service(self) -> Service:
        if isinstance(self.run, str):
            service = _load(self.run)
        else:
            service = self._own = self._own or Service("run", self.run)
        _check_service(service, self.task)
        return service

    def __repr__(self) -> str:
        """Return how it was made."""
        return f"Scorer({self.run!r}, {self.task!r}, {self.options!r})"


def slice_seed(seed: int, place: str, number: int) -> int:
    """Return a seed of 32 bits for one slice.

    Example:
        >>> slice_seed(0, "part-1", 0) == slice_seed(0, "part-2", 0)
        False
    """
    digest = hashlib.sha256(f"{seed}/{number}/{place}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def run_digest(run: str | Path) -> str:
    """Return a digest of what a run folder knows, whatever the folder is called.

    Example:
        >>> len(run_digest("moses"))
        16
    """
    folder, found = locate_run(run), hashlib.sha256()
    for name in ("model.json", "domain.json", "model.safetensors"):
        found.update(_digest(folder / name))
    for path in sorted(folder.glob("detector.*")):
        found.update(path.name.encode() + _digest(path))
    return found.hexdigest()[:16]


def _digest(path: Path) -> bytes:
    if not path.is_file():
        return b"-"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


_learned: "weakref.WeakKeyDictionary[Service, Mapping[str, Any]]" = weakref.WeakKeyDictionary()

# Loading, once in each process.

_lock = threading.Lock()


def _load(run: str) -> Service:
    folder = locate_run(run)
    weights = folder / "model.safetensors"
    stamp = weights.stat().st_mtime_ns if weights.is_file() else 0
    with _lock:  # engines call from several threads
        return _loaded(str(folder), stamp)


@functools.lru_cache(maxsize=4)
def _loaded(folder: str, stamp: int) -> Service:
    return Service("run", load(folder))


def _check_service(service: Service, task: str) -> None:
    """Refuse tasks that a run has not, or that need rows to be seen together.

    Raises:
        CompositionError: It is so.
    """
    operation = _OPERATIONS.get(task, task)
    if operation in OPERATIONS and operation not in service.operations:
        names = {_OPERATIONS.get(name, name): name for name in TASKS}
        has = ", ".join(names[each] for each in service.operations if each in names)
        raise CompositionError(f"{task} needs a run that can do it; this one can {has}.")
    if task != "sample" and service.domain.items_overlap:
        raise CompositionError(
            "a data set must have an item in each row; the items of this run are windows of a "
            "series. Work on one file at a time."
        )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let PyTorch and the libraries below it use so many threads; as before afterwards."""
    before = torch.get_num_threads()
    with threadpool_limits(count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


# The tasks.


def _operate(service: Service, scorer: Scorer, rows: Rows, seed: int) -> Mapping[str, Any]:
    operation = _OPERATIONS.get(scorer.task, scorer.task)
    options = dict(scorer.options)
    if "seed" in OPERATIONS[operation].options:
        options["seed"] = seed
    request = Request(operation, rows.items, rows.count, rows.context, options)
    return service.run(request).values


def _encode(service: Service, scorer: Scorer, rows: Rows, seed: int) -> Mapping[str, Any]:
    std = bool(scorer.options.get("std"))
    return latent_columns(service.model.trained_, rows.items, rows.context, std=std)


def _anomalies(service: Service, scorer: Scorer, rows: Rows, seed: int) -> Mapping[str, Any]:
    is_rows = is_frame(rows.items) or np.ndim(rows.items) == 2
    top = scorer.options.get("reasons", 0) if is_rows else 0
    if service.detector is not None and service.detector.steps_ is not None:
        raise CompositionError("steps of a series must be seen together; score one file at a time.")
    request = Request("detect", rows.items, rows.count, None, {"reasons": top})
    values = dict(service.run(request).values)
    if "reasons" in values:
        values["reasons"] = [
            "; ".join(reason_words(Reason(**each)) for each in some) for some in values["reasons"]
        ]
    return values


def _predict(service: Service, scorer: Scorer, rows: Rows, seed: int) -> Mapping[str, Any]:
    return service.domain.predictions(service.model.trained_, rows.items, rows.context)


def _sample(service: Service, scorer: Scorer, rows: Rows, seed: int) -> Mapping[str, Any]:
    options = dict(scorer.options)
    context = options.pop("context", None) if rows.context is None else rows.context
    if options.get("where"):
        options["where"] = read_conditions(options["where"], service.domain)
    request = Request("sample", None, rows.count, context, {**options, "seed": seed})
    return service.run(request).values


_DOERS = {"encode": _encode, "anomalies": _anomalies, "predict": _predict, "sample": _sample}


def _plain(table: "pa.Table", types: Mapping[str, Any]) -> "pa.Table":
    """Return a table whose types are the same for all slices.

    Categories become what they stand for, columns of nothing become text, and columns that came
    in have the type that they came in with, where their values have it.
    """
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        kind = _common_type(field.type)
        column = table.column(place)
        column = column if kind == field.type else column.cast(kind)
        if (asked := types.get(field.name)) is not None and _common_type(asked) != kind:
            column = _cast(column, _common_type(asked))
        table = table.set_column(place, pa.field(field.name, column.type), column)
    return table


def _common_type(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return kind.value_type
    return pa.string() if pa.types.is_null(kind) else kind


def _cast(column: Any, kind: Any) -> Any:
    import pyarrow as pa

    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return column
