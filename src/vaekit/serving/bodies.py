"""Bodies of requests, JSON, Arrow or images, to what a model is asked."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vaekit.domains.checks import is_frame
from vaekit.errors import SpecError
from vaekit.fitting.conditional import read_conditions
from vaekit.serving.arrow import FILE, STREAM, read_arrow
from vaekit.serving.faults import BodyError, MediaTypeError, TooLargeError
from vaekit.serving.items import check_count, context_of, images_of, items_of, numbers, ready_items
from vaekit.serving.limits import ServingLimits
from vaekit.serving.operations import Operation, check_options
from vaekit.serving.receiving import Request
from vaekit.serving.service import Service

JSON = "application/json"
IMAGES = ("image/png", "image/jpeg", "image/webp")
MULTIPART = "multipart/form-data"
KINDS = (JSON, STREAM, FILE, *IMAGES, MULTIPART)
"""Types of bodies that are read."""

ANSWER_OPTIONS = {
    "orient": ("records", "columns"),
    "images": ("values", "png"),
}
"""How an answer in JSON has tables and images; the first is taken where nothing is said."""


def read_json(body: bytes) -> dict[str, Any]:
    """Return the object of a body.

    Raises:
        BodyError: No JSON in UTF-8, no object, or one that is nested too deeply.
    """
    try:
        found = json.loads(body.decode("utf-8") or "{}", parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise BodyError("the body must be text in UTF-8; it is not.") from error
    except RecursionError as error:
        raise BodyError("the body must not be nested hundreds of levels deep; it is.") from error
    except ValueError as error:
        raise BodyError(f"the body must be JSON; {str(error)[:200]}.") from error
    if not isinstance(found, dict):
        raise BodyError('the body must be an object of JSON, such as {"items": [...]}.')
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON (missing values are null)")


def request_of(
    service: Service,
    operation: Operation,
    kind: str,
    body: bytes | Sequence[bytes],
    query: Mapping[str, str],
    limits: ServingLimits,
) -> tuple[Request, dict[str, str]]:
    """Return what is asked, and how the answer is to be.

    Args:
        service: The model.
        operation: One of its operations.
        kind: The type of the body.
        body: All bytes; of several images those of each.
        query: Of the address: the options, where the body is no JSON.
        limits: What is accepted.

    Raises:
        BodyError: A body that cannot be read.
        SpecError: Options that the operation has not.
    """
    if kind == JSON:
        if not isinstance(body, bytes):
            raise BodyError("the body must be one object of JSON.")
        given = {**_from_query(query), **read_json(body)}
        raw = given.pop(operation.takes, None) if operation.takes else None
        items = _json_items(service, operation, raw, limits)
    else:
        given = _from_query(query)
        items = _file_items(service, operation, kind, body, limits)
    answer = {name: _answer(name, given.pop(name, None)) for name in ANSWER_OPTIONS}
    context = given.pop("context", None) if operation.with_context else None
    options = check_options(operation, given)
    count = int(options.pop("n")) if "n" in options else len(items)
    check_count(count, limits)
    _check_work(options, count, limits)
    learned = service.model.context_
    told = context_of(context, learned, count)
    _read_options(service, options, count, limits)
    return Request(operation.name, items, count, told, options), answer


def _check_work(options: Mapping[str, Any], count: int, limits: ServingLimits) -> None:
    """Refuse what would take long, item by item."""
    for name, usual in (("draws", 100), ("reasons", 1), ("steps", 25), ("rerank", 1)):
        value = options.get(name)
        if value is not None and value * count > usual * limits.max_rows:
            raise TooLargeError(
                f"{name} times items must be at most {usual * limits.max_rows}; got {value} times "
                f"{count}. Send fewer items at a time, or ask for fewer."
            )


def _json_items(service: Service, operation: Operation, raw: Any, limits: ServingLimits) -> Any:
    if not operation.takes:
        return None
    if raw is None:
        raise BodyError(f"the body must have {operation.takes!r}; it has none.")
    if operation.name == "decode":
        if not isinstance(raw, list):
            raise BodyError("latents must be a list of lists of numbers.")
        check_count(len(raw), limits)
        return numbers(raw, "latents")
    return items_of(raw, service.domain, limits)


def _file_items(
    service: Service,
    operation: Operation,
    kind: str,
    body: bytes | Sequence[bytes],
    limits: ServingLimits,
) -> Any:
    if not operation.takes:
        raise MediaTypeError(f"/{operation.name} takes no items; send its options as JSON.")
    if kind in (STREAM, FILE) and isinstance(body, bytes):
        items = read_arrow(body, service.domain, limits, operation.takes)
        return _latents(items) if operation.name == "decode" else items
    if operation.name == "decode":
        raise MediaTypeError("latents must come as JSON or Arrow; got images.")
    return images_of([body] if isinstance(body, bytes) else body, service.domain, limits)


def _latents(items: Any) -> Any:
    """Return latents as an array: rows of a table have a column for each."""
    array = items.to_numpy() if is_frame(items) else np.asarray(items)
    if array.dtype.kind not in "iuf":
        raise BodyError("latents must be columns of numbers, or one of tensors.")
    return array


def _from_query(query: Mapping[str, str]) -> dict[str, Any]:
    """Return options of an address; what is JSON is read as such, all else is text."""
    found: dict[str, Any] = {}
    for name, text in query.items():
        try:
            found[name] = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            found[name] = text
    return found


def _answer(name: str, value: Any) -> str:
    known = ANSWER_OPTIONS[name]
    if value is None:
        return known[0]
    if value not in known:
        raise SpecError(f"{name} must be {' or '.join(known)}; got {str(value)[:60]!r}.")
    return str(value)


def _read_options(
    service: Service, options: dict[str, Any], count: int, limits: ServingLimits
) -> None:
    """Read those that are items, contexts or conditions themselves."""
    learned, domain = service.model.context_, service.domain
    for name in ("init", "like"):
        if options.get(name) is not None:
            options[name] = ready_items(items_of(options[name], domain, limits, name), domain)
    if options.get("mask") is not None:
        options["mask"] = numbers(options["mask"], "mask")
    if options.get("negative") is not None:
        options["negative"] = context_of(options["negative"], learned, count)
    if options.get("labels") is not None:
        options["labels"] = context_of(options["labels"], None, count)
    if options.get("where") is not None:
        options["where"] = _conditions(service, options["where"])


def _conditions(service: Service, raw: Any) -> dict[str, Any]:
    if isinstance(raw, str):
        raw = [raw]
    if isinstance(raw, list) and all(isinstance(text, str) for text in raw):
        return read_conditions(raw, service.domain)
    if not isinstance(raw, dict):
        raise BodyError('where must be texts such as "age>=30", or an object of conditions.')
    return {name: _condition(name, value) for name, value in raw.items()}


def _condition(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        if not value or not set(value) <= {"low", "high"}:
            raise BodyError(f'a range of {name[:60]!r} must be like {{"low": 1, "high": null}}.')
        ends = value.get("low"), value.get("high")
        if not all(isinstance(end, str | int | float) or end is None for end in ends):
            raise BodyError(f"ends of the range of {name[:60]!r} must be numbers, texts or null.")
        return ends
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str | int | float | bool) or part is None for part in parts):
        raise BodyError(f"a condition on {name[:60]!r} must be of texts and numbers.")
    return value
