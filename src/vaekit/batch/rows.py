"""Rows of a shard to items as a domain takes them, whatever form they come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.base import Domain
from vaekit.domains.checks import is_frame
from vaekit.domains.hooks import ItemForm
from vaekit.errors import DataError, unknown_name
from vaekit.serving.items import images_of
from vaekit.serving.limits import ServingLimits

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
