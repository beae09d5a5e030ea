"""How items look in a browser: records of plain values that pages draw."""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import is_frame
from vaekit.errors import DataError

ItemView = dict[str, Any]
"""A record with a ``"kind"`` and what such an item shows:

- ``"pixels"``: ``width``, ``height``, ``channels`` and ``data``, bytes by row in base64;
- ``"card"``: ``cells``, a list of ``{"name", "value"}``;
- ``"lines"``: ``channels``, a list of ``{"name", "values"}``, ``None`` where missing;
- ``"molecule"``: ``text``, ``svg`` (empty for what is no molecule), ``cells``;
- ``"text"``: ``text``.
"""

_DIGITS = 6


def plain_value(value: Any) -> Any:
    """Return a value as JSON has it: floats of 6 digits, ``None`` where there is none.

    Example:
        >>> plain_value(np.float64(3.14159)), plain_value(float("nan")), plain_value(np.int64(7))
        (3.14159, None, 7)
    """
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return None if str(value) in ("NaT", "<NA>", "nan") else str(value)


def card_views(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[ItemView]:
    """Return a card for each row.

    Example:
        >>> card_views(["age"], [[31]])
        [{'kind': 'card', 'cells': [{'name': 'age', 'value': 31}]}]
    """
    return [
        {
            "kind": "card",
            "cells": [
                {"name": str(name), "value": plain_value(value)}
                for name, value in zip(names, row, strict=True)
            ],
        }
        for row in rows
    ]


def pixel_views(images: NDArray[np.uint8]) -> list[ItemView]:
    """Return pictures.

    Args:
        images: Shape (items, height, width, channels), with 1, 3 or 4 channels.
    """
    height, width, channels = images.shape[1:]
    size = {"kind": "pixels", "width": width, "height": height, "channels": channels}
    return [{**size, "data": base64.b64encode(image.tobytes()).decode()} for image in images]


def line_views(series: NDArray[np.float64], names: Sequence[str]) -> list[ItemView]:
    """Return series as lines.

    Args:
        series: Shape (items, steps, channels), NaN where missing.
        names: One for each channel.
    """
    return [
        {
            "kind": "lines",
            "channels": [
                {"name": name, "values": [plain_value(value) for value in channel.tolist()]}
                for name, channel in zip(names, item.T, strict=True)
            ],
        }
        for item in series
    ]


def usual_views(items: Any, names: Sequence[str] | None) -> list[ItemView]:
    """Return cards of rows, and text of what is no row.

    Args:
        items: A data frame, an array, or a list.
        names: Of the columns of an array.

    Example:
        >>> usual_views(["ACD"], None)
        [{'kind': 'text', 'text': 'ACD'}]
    """
    if is_frame(items):
        return card_views(list(items.columns), items.to_numpy(object).tolist())
    if isinstance(items, list) or np.ndim(items) != 2:
        return [{"kind": "text", "text": text_of_item(item)} for item in items]
    rows = np.asarray(items).tolist()
    return card_views(list(names or map(str, range(len(rows[0]) if rows else 0))), rows)


def text_of_item(item: Any) -> str:
    """Return an item in words: a string as it is, tokens with spaces between."""
    return item if isinstance(item, str) else " ".join(map(str, np.ravel(item).tolist()))


def columns_of_frame(items: Any) -> Mapping[str, Sequence[Any]]:
    """Return the columns of a data frame as plain values; nothing of other items."""
    if not is_frame(items):
        return {}
    return {str(name): [plain_value(v) for v in items[name].tolist()] for name in items.columns}


def row_values(row: Any, names: Sequence[str]) -> list[float]:
    """Return the numbers of a row that was dropped, in the order of the columns.

    Args:
        row: Values by column, as numbers or as text of them.
        names: Of the columns.

    Raises:
        DataError: A column is missing, or holds no number.

    Example:
        >>> row_values({"b": "2", "a": 1}, ["a", "b"])
        [1.0, 2.0]
    """
    missing = [name for name in names if name not in row]
    if missing:
        raise DataError(f"a row must have the columns {list(names)}; it lacks {missing}.")
    values = []
    for name in names:
        try:
            values.append(float(row[name]))
        except (TypeError, ValueError) as error:
            raise DataError(f"{name!r} must be a number; got {row[name]!r}.") from error
    return values


def number_column(name: str, scale: float, center: float) -> dict[str, Any]:
    """Return how a page shows a number: value = center + scale * x."""
    return {"name": name, "scale": scale, "center": center}
