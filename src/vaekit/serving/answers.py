"""Results to bodies of answers: JSON, Arrow or an image."""

import base64
import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from torch import Tensor

from vaekit.domains.base import Domain
from vaekit.domains.checks import is_frame, plain_frame
from vaekit.domains.hooks import ItemForm
from vaekit.serving.arrow import STREAM, arrow_bytes
from vaekit.serving.faults import NotAcceptableError
from vaekit.serving.receiving import Result

JSON, PNG = "application/json", "image/png"
_ANY = ("*/*", "application/*")


def answer_kind(accept: str) -> str:
    """Return the type of the answer that is asked for, JSON where none is.

    Raises:
        NotAcceptableError: No answer is of that type.

    Example:
        >>> answer_kind("text/html, image/png;q=0.8"), answer_kind("*/*")
        ('image/png', 'application/json')
    """
    asked = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for kind in filter(None, asked):
        if kind in (JSON, STREAM, PNG):
            return kind
        if kind in _ANY:
            return JSON
    if not any(asked):
        return JSON
    raise NotAcceptableError(f"an answer is of type {JSON}, {STREAM} or {PNG}; accept one of them.")


def answer_body(result: Result, domain: Domain, kind: str, style: Mapping[str, str]) -> bytes:
    """Return the body of an answer.

    Args:
        result: What came out.
        domain: Of the model.
        kind: Of `answer_kind`.
        style: How JSON has tables (``orient``) and images (``images``).

    Raises:
        NotAcceptableError: A picture of what is not one image.
    """
    values = {name: _plain(value) for name, value in result.values.items()}
    if kind == STREAM:
        return arrow_bytes(values)
    if kind == PNG:
        images = values.get("items")
        is_image = domain.item_form is ItemForm.IMAGE
        if not is_image or images is None or len(images) != 1:
            raise NotAcceptableError(
                'an answer in image/png is of one image; ask for JSON, with "images": "png" for '
                "several."
            )
        return domain.file_content(images[0])
    document = {name: _json(value, domain, style) for name, value in values.items()}
    document |= {name: _json(value, domain, style) for name, value in result.facts.items()}
    if result.warnings:
        document["warnings"] = list(result.warnings)
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    """Return an array for a tensor, and a data frame for a table of another library."""
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else plain_frame(value)


def _json(value: Any, domain: Domain, style: Mapping[str, str]) -> Any:
    if is_frame(value):
        columns = {str(name): _cells(value[name]) for name in value.columns}
        if style.get("orient") == "columns":
            return columns
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if isinstance(value, np.ndarray):
        wants_files = style.get("images") == "png" and value.ndim >= 3
        if wants_files and domain.item_form is ItemForm.IMAGE:
            return [base64.b64encode(domain.file_content(image)).decode() for image in value]
        return _numbers(value)
    return _value(value)


def _numbers(array: Any) -> Any:
    """Return nested lists, null for what is no number."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        holes = array.astype(object)
        holes[~np.isfinite(array)] = None
        return holes.tolist()
    return array.tolist() if array.dtype.kind in "biuf" else [_value(v) for v in array.tolist()]


def _cells(column: Any) -> list[Any]:
    if column.dtype.kind in "biuf" and isinstance(column.dtype, np.dtype):
        cells: list[Any] = _numbers(column.to_numpy())
        return cells
    known = column.notna().to_numpy()
    values = column.astype(object).tolist()
    return [_value(v) if k else None for v, k in zip(values, known, strict=True)]


def _value(value: Any) -> Any:
    """Return one value, or lists and objects of them, as JSON has it."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _value(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        value = _numbers(value)
    if isinstance(value, list | tuple):
        return [_value(each) for each in value]
    return value.isoformat() if isinstance(value, date) else str(value)
