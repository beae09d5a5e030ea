"""Labels of items: columns of text, one label per item and column."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains.checks import is_frame
from vaekit.errors import DataError, unknown_name

__all__ = ["Labels", "is_label_table"]

Words = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Labels:
    """What is known of each item, as text. Arrays are shared, not copied.

    Attributes:
        columns: The labels of each column by its name, each of shape (items,).
        items: What errors call the items: file names, or ``row 0``, ``row 1``, ….

    Example:
        >>> labels = Labels.of({"mouth": ["smile", "frown"], "age": [3, 40]})
        >>> len(labels), labels.values("mouth")
        (2, ('frown', 'smile'))
    """

    columns: Mapping[str, Words]
    items: Sequence[str]

    @classmethod
    def of(cls, raw: Any, count: int | None = None) -> Self:
        """Read labels from a data frame, a dict of columns, an array or a list.

        Args:
            raw: Text, whole numbers or booleans; columns without names are called ``label`` if
                there is one, else ``0``, ``1``, ….
            count: How many items there are; ``None`` takes as many as there are labels.

        Raises:
            DataError: Columns of other or differing lengths, a label missing, floats.
        """
        labels = raw if isinstance(raw, cls) else cls(*_read(raw))
        if count is not None and len(labels) != count:
            raise DataError(
                f"labels must be one per item; got {len(labels)} for {count} items. Pass the "
                "labels of these items, in their order."
            )
        return labels

    def __len__(self) -> int:
        return len(self.items)

    def column(self, attribute: str) -> Words:
        """The labels of one column.

        Raises:
            SpecError: No column has that name; suggests the nearest.
        """
        if attribute not in self.columns:
            raise unknown_name("attribute", attribute, self.columns)
        return self.columns[attribute]

    def values(self, attribute: str) -> tuple[str, ...]:
        """The different labels of one column, sorted."""
        return tuple(np.unique(self.column(attribute)).tolist())

    def having(self, attribute: str, value: str) -> NDArray[np.bool_]:
        """Which items have this label, shape (items,).

        Raises:
            SpecError: No column, or no label of it, has that name; suggests the nearest.
        """
        found: NDArray[np.bool_] = self.column(attribute) == value
        if not found.any():
            raise unknown_name(f"value of attribute {attribute!r}", value, self.values(attribute))
        return found

    def at(self, index: NDArray[Any]) -> "Labels":
        """The labels of some of the items."""
        columns = {name: labels[index] for name, labels in self.columns.items()}
        return Labels(columns, np.asarray(self.items)[index].tolist())


def is_label_table(raw: Any) -> bool:
    """Whether data are columns of labels, and neither one column of them nor properties.

    So are a data frame or dict with a column that is not numeric, or without floats, and an
    array of text with two axes.
    """
    if isinstance(raw, Labels):
        return True
    if is_frame(raw) or isinstance(raw, Mapping):
        kinds = {np.asarray(raw[name]).dtype.kind for name in _names(raw)}
        return not kinds <= set("biuf") or "f" not in kinds
    return not isinstance(raw, Tensor) and _is_text_table(np.asarray(raw))


def _is_text_table(array: NDArray[Any]) -> bool:
    return array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "OSU"


def _read(raw: Any) -> tuple[dict[str, Words], list[str]]:
    columns = _columns(raw)
    lengths = {name: len(labels) for name, labels in columns.items()}
    if not columns or len(set(lengths.values())) != 1:
        raise DataError(f"columns of labels must be of one length; got {lengths or 'none'}.")
    count = next(iter(lengths.values()))
    return columns, [f"row {row}" for row in range(count)]


def _columns(raw: Any) -> dict[str, Words]:
    if is_frame(raw) or isinstance(raw, Mapping):
        return {str(name): _text(str(name), np.asarray(raw[name])) for name in _names(raw)}
    array = raw.detach().cpu().numpy() if isinstance(raw, Tensor) else np.asarray(raw)
    if array.ndim == 1:
        return {"label": _text("label", array)}
    if array.ndim != 2:
        raise DataError(f"labels must have axes (items) or (items, columns); got {array.shape}.")
    names = ["label"] if array.shape[1] == 1 else list(map(str, range(array.shape[1])))
    return {name: _text(name, array[:, place]) for place, name in enumerate(names)}


def _names(raw: Any) -> list[Any]:
    return list(raw.columns) if is_frame(raw) else list(raw)


def _text(name: str, array: NDArray[Any]) -> Words:
    """One column as text; ``np.atleast_1d`` lets a single label stand for one row."""
    array = np.atleast_1d(array)
    if array.ndim != 1:
        raise DataError(f"a column of labels must have one axis; {name!r} has {array.shape}.")
    if array.dtype.kind == "f" and np.isfinite(array).all():
        raise DataError(
            f"labels must be text, whole numbers or booleans; got floats in column {name!r}, "
            f"{array[0]!r} first. Make classes of them, or leave the column out."
        )
    missing = np.flatnonzero([_is_missing(value) for value in array.tolist()])
    if len(missing):
        raise DataError(
            f"every item must have a label in column {name!r}; {len(missing)} have none, the "
            f"first at row {missing[0]}. Name what is missing, for instance 'none', or leave the "
            "column out."
        )
    return array.astype(str)


def _is_missing(value: Any) -> bool:
    """None, no text, a masked cell of pandas, or NaN."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return value == "" or (isinstance(value, float) and math.isnan(value))
