"""Bodies in Arrow's IPC format, checked before any of their promises is believed."""

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from vaekit.domains.base import Domain
from vaekit.domains.checks import is_frame, plain_frame
from vaekit.domains.hooks import ItemForm
from vaekit.errors import VaekitError
from vaekit.serving.faults import BodyError, TooLargeError
from vaekit.serving.items import check_count
from vaekit.serving.limits import ServingLimits

STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"

_MAGIC = b"ARROW1\0\0"
_DICTIONARY, _BATCH = 2, 3
_MOST_COLUMNS = 10_000
_DAMAGED = (OSError, ValueError, TypeError, LookupError, ArithmeticError, NotImplementedError)
_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,2}|[+-][0-9]{2}:[0-9]{2}")


def read_arrow(body: bytes, domain: Domain, limits: ServingLimits, what: str) -> Any:
    """Return the items of a stream or a file of Arrow.

    A column of tensors, or of lists of one length, named ``item`` (or the only one) is an array;
    a column of texts is a list of a model of texts; all else is a table.

    Args:
        body: All bytes.
        domain: Of the model.
        limits: How many rows and bytes there may be.
        what: What the items are called.

    Raises:
        BodyError: No such data, compressed ones, or types that no item has.
        TooLargeError: More rows or bytes than are accepted.
    """
    import pyarrow as pa

    stream = body[len(_MAGIC) :] if body.startswith(_MAGIC) else body
    try:
        _check_messages(stream, limits)
        with pa.ipc.open_stream(pa.py_buffer(stream)) as reader:
            _check_schema(reader.schema)
            table = reader.read_all()
        check_count(table.num_rows, limits)
        table.validate(full=True)
        _check_size(table, limits)
        return _items_of(table, domain, what)
    except VaekitError:
        raise
    except (pa.ArrowException, *_DAMAGED) as error:
        raise BodyError("the body must be a stream or a file of Arrow; it is damaged.") from error


def _check_size(table: Any, limits: ServingLimits) -> None:
    if not table.num_rows or not table.num_columns:
        raise BodyError("a table must have a row and a column at least; got none.")
    if table.nbytes > 2 * limits.body_bytes + 2**20:  # columns may share bytes of the body
        raise TooLargeError("columns must not be larger together than the body may be.")


def _items_of(table: Any, domain: Domain, what: str) -> Any:
    import pyarrow as pa

    only = table.column(0) if table.num_columns == 1 else None
    if only is not None and pa.types.is_list(getattr(only.type, "storage_type", only.type)):
        raise BodyError(f"lists of {what} must be of one length: fixed-size lists.")
    if only is not None and _is_array(only.type):
        return _array(only.combine_chunks(), what)
    if domain.item_form is ItemForm.TEXT:
        if only is None:
            raise BodyError(f"{what} must be one column of texts; got {table.num_columns}.")
        return [str(text) for text in only.to_pylist()]
    if domain.item_form is ItemForm.IMAGE:
        raise BodyError(f"{what} must be one column of tensors; got {table.schema.names[:5]}.")
    return domain.adapted(table.to_pandas(ignore_metadata=True))


def _is_array(kind: Any) -> bool:
    import pyarrow as pa

    return isinstance(kind, pa.FixedShapeTensorType) or pa.types.is_fixed_size_list(kind)


def _array(column: Any, what: str) -> Any:
    import pyarrow as pa

    if column.null_count:
        raise BodyError(f"{what} must not be null; missing numbers are NaN.")
    if isinstance(column.type, pa.FixedShapeTensorType):
        return column.to_numpy_ndarray()
    flat = column.flatten()
    if flat.null_count:
        raise BodyError(f"{what} must not be null; missing numbers are NaN.")
    return flat.to_numpy(zero_copy_only=False).reshape(len(column), -1)


def _check_schema(schema: Any) -> None:
    if len(schema) > _MOST_COLUMNS:
        raise TooLargeError(f"a table must have at most {_MOST_COLUMNS} columns.")
    if len(set(schema.names)) < len(schema):
        raise BodyError("columns must have different names.")
    for column in schema:
        if not _is_plain(column.type):
            raise BodyError(
                f"columns must be of numbers, texts, truth values, times, categories or "
                f"tensors; {column.name[:60]!r} is {str(column.type)[:60]}."
            )


def _is_plain(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    if isinstance(kind, pa.FixedShapeTensorType):
        in_order = kind.permutation in (None, list(range(len(kind.shape))))
        return in_order and _is_number(kind.value_type)
    if types.is_fixed_size_list(kind):
        return _is_number(kind.value_type) and kind.list_size > 0
    if types.is_dictionary(kind):
        return _is_plain(kind.value_type) and not types.is_dictionary(kind.value_type)
    named = types.is_boolean(kind) or types.is_string(kind) or types.is_large_string(kind)
    timed = types.is_date(kind) or types.is_duration(kind)
    if types.is_timestamp(kind):  # zones are names of files to those who know them
        timed = kind.tz is None or _ZONE.fullmatch(kind.tz) is not None
    return bool(named or timed or _is_number(kind))


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


# What a message says of itself, read without believing it: its head is a flatbuffer.


def _check_messages(stream: bytes, limits: ServingLimits) -> None:
    """Refuse compressed batches, which may unfold to any size, and batches of too many rows.

    Raises:
        BodyError: A compressed batch.
        TooLargeError: More rows than are accepted.
    """
    import pyarrow as pa

    rows = 0
    for message in _messages(pa.ipc.MessageReader.open_stream(pa.py_buffer(stream))):
        try:
            count, is_compressed = _batch_facts(message.metadata.to_pybytes())
        except (struct.error, IndexError) as error:
            raise BodyError("a message of Arrow must be whole; one is damaged.") from error
        if is_compressed:
            raise BodyError("Arrow must come without compression; this is compressed.")
        rows += max(count, 0)
        if count < 0 or rows > 2 * limits.max_rows:  # of categories and of rows
            check_count(max(rows, limits.max_rows + 1), limits)


def _messages(reader: Any) -> Iterator[Any]:
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _batch_facts(head: bytes) -> tuple[int, bool]:
    """Return how many rows a message has, and whether it is compressed; (0, False) of a schema."""
    message = struct.unpack_from("<I", head, 0)[0]
    kind_at = _field(head, message, 1)
    kind = head[kind_at] if kind_at else 0
    if kind not in (_DICTIONARY, _BATCH):
        return 0, False
    batch = _table(head, _field(head, message, 2))
    if kind == _DICTIONARY:
        batch = _table(head, _field(head, batch, 1))
    length_at = _field(head, batch, 0)
    rows = struct.unpack_from("<q", head, length_at)[0] if length_at else 0
    return rows, _field(head, batch, 3) != 0


def _table(head: bytes, at: int) -> int:
    return int(at + struct.unpack_from("<I", head, at)[0])


def _field(head: bytes, table: int, number: int) -> int:
    """Return where a field of a table lies; 0 where it is not there."""
    vtable = table - struct.unpack_from("<i", head, table)[0]
    if vtable < 0:
        raise IndexError(vtable)
    size = struct.unpack_from("<H", head, vtable)[0]
    entry = 4 + 2 * number
    if entry + 2 > size:
        return 0
    offset = struct.unpack_from("<H", head, vtable + entry)[0]
    return int(table + offset) if offset else 0


# Answers.


def arrow_bytes(values: dict[str, Any]) -> bytes:
    """Return values of each item as a stream of Arrow.

    Tables keep their columns; arrays of several axes are a column of tensors.

    Args:
        values: By name, arrays, data frames or lists of one length.
    """
    import pyarrow as pa

    table = values_table(values)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def values_table(values: Mapping[str, Any]) -> Any:
    """Return values of each item as a table of Arrow; see `arrow_bytes`."""
    import pyarrow as pa

    tables = [_as_table(name, value) for name, value in values.items()]
    fields = [field for table in tables for field in table.schema]
    columns = [column for table in tables for column in table.columns]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _as_table(name: str, value: Any) -> Any:
    import pyarrow as pa

    frame = plain_frame(value)
    if is_frame(frame):
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    if isinstance(value, list):
        return pa.table({name: pa.array(value)})
    array = np.ascontiguousarray(value)
    if array.ndim == 1:
        return pa.table({name: pa.array(array)})
    return pa.table({name: pa.FixedShapeTensorArray.from_numpy_ndarray(array)})
