"""Values of JSON to items as a domain takes them. Text in them is data, and never a path."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.base import Domain
from vaekit.domains.context import Context
from vaekit.domains.hooks import ItemForm
from vaekit.serving.faults import BodyError, TooLargeError
from vaekit.serving.limits import ServingLimits
from vaekit.serving.receiving import Columns

_MOST_TEXT = 10_000
_MOST_CELLS, _MOST_COLUMNS = 5_000_000, 10_000
_SCALARS = frozenset({str, int, float, bool, type(None)})
_LARGEST = 2**63 - 1


def items_of(raw: Any, domain: Domain, limits: ServingLimits, what: str = "items") -> Any:
    """Return items for a `Request`: an array, columns, or a list of texts or arrays.

    Args:
        raw: A list of items, or of a table an object of columns, as JSON has them.
        domain: Of the model.
        limits: How many there may be.
        what: What they are called.

    Raises:
        BodyError: They are of another form.
        TooLargeError: More than are accepted.
        DataError: A file of an image that cannot be read.
    """
    if isinstance(raw, dict):
        return _table_of(_columns(raw, what), domain, limits)
    if not isinstance(raw, list) or not raw:
        raise BodyError(
            f"{what} must be a list with an item at least, or of a table an object of columns; "
            f"got {_kind(raw)}."
        )
    check_count(len(raw), limits)
    if isinstance(raw[0], dict):
        return _table_of(_records(raw, what), domain, limits)
    return _list_of(raw, domain, limits, what)


def _list_of(raw: list[Any], domain: Domain, limits: ServingLimits, what: str) -> Any:
    """Return a list of no objects as the kind of data has it."""
    form = domain.item_form
    if form is ItemForm.TABLE:
        raise BodyError(
            f'{what} must be rows such as {{"age": 30}}, or an object of columns; got a list of '
            f"{_kind(raw[0])}."
        )
    if form is ItemForm.IMAGE:
        return _images(raw, domain, limits)
    if form is ItemForm.SERIES:
        return _series(raw, what)
    if form is ItemForm.TEXT:
        return _texts(raw, what)
    return numbers(raw, what)


def check_count(count: int, limits: ServingLimits) -> None:
    """Refuse more items than are accepted in a request.

    Raises:
        TooLargeError: There are more.
    """
    if count > limits.max_rows:
        raise TooLargeError(
            f"a request must have at most {limits.max_rows} items; got {count}. Send fewer at a "
            "time."
        )


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    if value is None:
        return "null"
    if isinstance(value, list) and not value:
        return "an empty list"
    return names.get(type(value), "a number")


def numbers(raw: Any, what: str, *, holes: bool = False) -> NDArray[np.float64]:
    """Return nested lists of numbers as an array.

    Args:
        raw: Nested lists, all of one shape.
        what: What they are called.
        holes: Whether null is a missing value, NaN.

    Raises:
        BodyError: Something else among them, or lists of different lengths.
    """
    try:
        array = np.asarray(raw)
    except ValueError as error:
        raise BodyError(f"{what} must be lists of numbers, all of one length.") from error
    if array.dtype.kind == "O" and holes and _are_numbers(array.flat):
        array = array.astype(np.float64)
    if array.dtype.kind not in "iuf":
        allowed = "numbers or null" if holes else "numbers"
        raise BodyError(f"{what} must be lists of {allowed}, all of one length.")
    return array.astype(np.float64)


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(v is None or (isinstance(v, int | float) and abs(v) < 2**1023) for v in values)


def _series(raw: Sequence[Any], what: str) -> Any:
    """Return one array, or where the series are of different lengths a list of arrays."""
    lengths = {len(item) if isinstance(item, list) else -1 for item in raw}
    if len(lengths) == 1:
        return numbers(raw, what, holes=True)
    if -1 in lengths and any(isinstance(item, list) for item in raw):
        raise BodyError(f"{what} must be all lists or all numbers; got both.")
    return [numbers(item, what, holes=True) for item in raw]


def _texts(raw: Sequence[Any], what: str) -> list[Any]:
    for place, item in enumerate(raw):
        parts = item if isinstance(item, list) else [item]
        if not all(isinstance(part, str) for part in parts) or not parts:
            raise BodyError(
                f"{what} must be texts, or lists of tokens; number {place} is {_kind(item)}."
            )
        if sum(map(len, parts)) > _MOST_TEXT:
            raise TooLargeError(
                f"a text must have at most {_MOST_TEXT} characters; number {place} has more."
            )
    return list(raw)


# Images.


def _images(raw: Sequence[Any], domain: Domain, limits: ServingLimits) -> Any:
    if isinstance(raw[0], str):
        return images_of([_decoded(text, place) for place, text in enumerate(raw)], domain, limits)
    array = numbers(raw, "images")
    whole = domain.item_dtype == "uint8" and array.size and not (array % 1).any()
    if whole and array.min() >= 0 and array.max() <= 255:
        return array.astype(np.uint8)
    return array


def _decoded(text: Any, place: int) -> bytes:
    if not isinstance(text, str):
        raise BodyError(f"images must be all files in base64 or all numbers; number {place} isn't.")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BodyError(f"an image in text must be in base64; number {place} is not.") from error


def images_of(files: Sequence[bytes], domain: Domain, limits: ServingLimits) -> Any:
    """Return files of images as an array in the layout of the training images.

    Args:
        files: Contents of files, PNG, JPEG or WebP.
        domain: Of the model.
        limits: How many files, and how many pixels of each, there may be.

    Raises:
        BodyError: The model is of other data.
        TooLargeError: More files than are accepted.
        DataError: A file that cannot be read, or images of different sizes.
    """
    if domain.item_form is not ItemForm.IMAGE:
        raise BodyError("images must be sent to a model of images; this one's data are others.")
    check_count(len(files), limits)
    return domain.read_contents(files, limits.max_pixels)


# Tables.


def _columns(raw: Mapping[str, Any], what: str) -> dict[str, list[Any]]:
    lengths = {len(values) if isinstance(values, list) else -1 for values in raw.values()}
    if len(lengths) != 1 or min(lengths) < 1:
        raise BodyError(f"columns of {what} must be lists of one length, at least 1.")
    return dict(raw)


def _records(raw: Sequence[Any], what: str) -> dict[str, list[Any]]:
    names: dict[str, None] = {}
    for place, row in enumerate(raw):
        if not isinstance(row, dict):
            raise BodyError(f"{what} must be all objects; number {place} is {_kind(row)}.")
        names.update(dict.fromkeys(row))
        if len(names) * len(raw) > _MOST_CELLS:
            raise TooLargeError(f"{what} must have at most {_MOST_CELLS} cells; got more.")
    return {name: [row.get(name) for row in raw] for name in names}


def _table_of(columns: dict[str, list[Any]], domain: Domain, limits: ServingLimits) -> Any:
    if domain.item_form in (ItemForm.IMAGE, ItemForm.TEXT):
        raise BodyError("rows with names are for models of tables; this one's data are others.")
    count = len(next(iter(columns.values()), []))
    if not count:
        raise BodyError("rows must have a column at least; got none.")
    check_count(count, limits)
    if len(columns) > _MOST_COLUMNS:
        raise TooLargeError(f"a table must have at most {_MOST_COLUMNS} columns; got more.")
    found = Columns.of(columns)
    for name, kinds in zip(columns, found.kinds, strict=True):
        if not kinds <= _SCALARS:
            raise BodyError(
                f"cells must be texts, numbers, true, false or null; see {name[:60]!r}."
            )
        if int in kinds and any(type(v) is int and abs(v) > _LARGEST for v in columns[name]):
            raise BodyError(f"whole numbers must have 64 bits at most; see {name[:60]!r}.")
    return found


def ready_items(items: Any, domain: Domain) -> Any:
    """Return items as `Autoencoder` takes them: a data frame in place of columns.

    Raises:
        DataError: Cells that are no times, in a column of times.
    """
    return domain.adapted(items.frame()) if isinstance(items, Columns) else items


# Contexts.


def context_of(raw: Any, learned: Context | None, count: int) -> Any:
    """Return a context with one entry for each item, so that no lone text is taken for a name.

    Args:
        raw: One label, property row or caption for all, or a list of one for each; or an object
            of columns.
        learned: What the model knows of contexts; ``None`` of a model without.
        count: How many items there are.

    Raises:
        BodyError: Something else.
    """
    if raw is None:
        return None
    if isinstance(raw, dict):
        return {name: _each(values, count) for name, values in raw.items()}
    if isinstance(raw, list) and not raw:
        raise BodyError("a context must be a value, or a list of one for each item; got none.")
    is_properties = learned is not None and learned.mean is not None and len(learned.mean) > 1
    if is_properties and isinstance(raw, list) and isinstance(raw[0], int | float):
        raw = [raw]
    return _each(raw, count)


def _each(raw: Any, count: int) -> list[Any]:
    values = raw if isinstance(raw, list) else [raw]
    for value in values:
        parts = value if isinstance(value, list) else [value]
        if not parts or not all(type(part) in _SCALARS for part in parts):
            raise BodyError("a context must be of texts, numbers, true or false, or lists of them.")
    return values * count if len(values) == 1 else values
