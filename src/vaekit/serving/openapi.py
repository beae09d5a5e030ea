"""The description of a server in the form of OpenAPI, and a page for people made from it."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

from vaekit.reports import render
from vaekit.serving.arrow import FILE, STREAM
from vaekit.serving.bodies import ANSWER_OPTIONS, IMAGES, MULTIPART
from vaekit.serving.limits import ServingLimits
from vaekit.serving.operations import Operation, Option
from vaekit.serving.service import Service

JSON = "application/json"
_KINDS: Mapping[str, Mapping[str, Any]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "object": {"type": "object"},
    "any": {},
}
_ERRORS = {
    "400": "A body that cannot be read.",
    "401": "No key, or a wrong one.",
    "404": "No such model, operation or page.",
    "406": "No answer of the type that is accepted.",
    "408": "The body came too slowly.",
    "413": "More bytes, items or pixels than are accepted.",
    "415": "A body of a type that is not read.",
    "422": "Data or options that break a rule of the model.",
    "429": "Too many requests wait; try again after Retry-After seconds.",
    "503": "The server is about to stop.",
    "504": "The answer was not there in time.",
}


def openapi_document(services: Sequence[Service], limits: ServingLimits) -> dict[str, Any]:
    """Return the description, as JSON.

    Args:
        services: The models.
        limits: What is accepted.
    """
    paths: dict[str, Any] = {name: {"get": page} for name, page in _pages().items()}
    for service in services:
        for operation in service.operations.values():
            about = _operation(service, operation)
            paths[f"/models/{service.name}/{operation.name}"] = {"post": about}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vaekit",
            "version": importlib.metadata.version("vaekit"),
            "description": (
                f"Trained models: {', '.join(s.name for s in services)}. The operations of "
                f"{services[0].name} are also there without its name: POST /sample for one. A "
                f"request has at most {limits.max_rows} items and {limits.max_body_mb:g} MB, and "
                f"is answered within {limits.timeout:g} s."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": _error_schema()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _pages() -> Mapping[str, Any]:
    pages = {
        "/health": "Whether the process lives.",
        "/ready": "Whether requests are taken.",
        "/metrics": "Counts and times, as Prometheus reads them.",
        "/models": "What each model is of, and what it can be asked.",
        "/openapi.json": "This description.",
        "/docs": "A page for people.",
    }
    return {
        name: {"summary": about, "responses": {"200": {"description": about}}}
        for name, about in pages.items()
    }


def _operation(service: Service, operation: Operation) -> dict[str, Any]:
    body: dict[str, Any] = {JSON: {"schema": _request_schema(service, operation)}}
    if operation.takes:
        binary = {"schema": {"type": "string", "format": "binary"}}
        body |= {STREAM: binary, FILE: binary}
        if service.domain.draws_images and operation.name != "decode":
            body |= dict.fromkeys((*IMAGES, MULTIPART), binary)
    answers: dict[str, Any] = {JSON: {"schema": _answer_schema(operation)}}
    answers[STREAM] = {"schema": {"type": "string", "format": "binary"}}
    if service.domain.draws_images and "items" in operation.gives:
        answers["image/png"] = {"schema": {"type": "string", "format": "binary"}}
    return {
        "operationId": f"{service.name}-{operation.name}",
        "summary": operation.about,
        "tags": [service.name],
        "requestBody": {"required": bool(operation.takes), "content": body},
        "responses": {
            "200": {"description": "What came out.", "content": answers},
            **{status: _error(about) for status, about in _ERRORS.items()},
        },
    }


def _error(about: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": about, "content": {JSON: {"schema": schema}}}


def _request_schema(service: Service, operation: Operation) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if operation.takes:
        named[operation.takes] = _items_schema(service, operation)
    if operation.with_context and service.model.context_ is not None:
        about = f"One for all items, or a list of one for each: {service.model.context_.known}."
        named["context"] = {"description": about}
    named |= {name: _option_schema(option) for name, option in operation.options.items()}
    if "items" in operation.gives:
        for name, choices in ANSWER_OPTIONS.items():
            named[name] = {
                "description": "How the answer has tables, or images.",
                "enum": list(choices),
                "default": choices[0],
            }
    required = [operation.takes] if operation.takes else []
    return {"type": "object", "properties": named, "required": required}


def _items_schema(service: Service, operation: Operation) -> dict[str, Any]:
    domain = service.domain
    number: dict[str, Any] = {"type": ["number", "null"]}
    if operation.name == "decode":
        size = service.describe()["latent_dim"]
        row = {"type": "array", "items": {"type": "number"}, "minItems": size, "maxItems": size}
        return {"type": "array", "items": row}
    columns = domain.column_summaries()
    if columns:
        about = {name: {"description": text} for name, text in columns.items()}
        rows = {"type": "array", "items": {"type": "object", "properties": about}}
        by_column = {"type": "object", "properties": {n: {"type": "array"} for n in columns}}
        return {"anyOf": [rows, by_column]}
    if domain.draws_images:
        shape = "x".join(map(str, domain.event_shape))
        text = {"type": "string", "description": "A file of an image in base64."}
        array = {"type": "array", "description": f"Values of an image, {shape}."}
        return {"type": "array", "items": {"anyOf": [text, array]}}
    if domain.event_shape and domain.feature_names is None and domain.reads_one_by_one:
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "array", "items": {"anyOf": [{"type": "array", "items": number}, {}]}}


def _option_schema(option: Option) -> dict[str, Any]:
    schema: dict[str, Any] = {**_KINDS[option.kind], "description": option.about}
    if option.default is not None and option.default != ():
        schema["default"] = option.default
    if option.low is not None:
        schema["minimum"] = option.low
    if option.high is not None:
        schema["maximum"] = option.high
    if option.choices:
        schema["enum"] = list(option.choices)
    return schema


def _answer_schema(operation: Operation) -> dict[str, Any]:
    named = {name: {"description": about} for name, about in operation.gives.items()}
    about = "What there is to say of values that were taken for others, if anything."
    return {"type": "object", "properties": {**named, "warnings": {"description": about}}}


def _error_schema() -> dict[str, Any]:
    text = {"type": "string"}
    named = {"type": text, "message": text, "request": text}
    return {"type": "object", "properties": {"error": {"type": "object", "properties": named}}}


def docs_page(document: Mapping[str, Any]) -> bytes:
    """Return a page of HTML that needs nothing from any other host.

    Args:
        document: Of `openapi_document`.
    """
    pages = [(path, each["get"]) for path, each in document["paths"].items() if "get" in each]
    operations = [
        {
            "path": path,
            "summary": each["post"]["summary"],
            "fields": each["post"]["requestBody"]["content"][JSON]["schema"]["properties"],
            "kinds": list(each["post"]["requestBody"]["content"]),
            "gives": each["post"]["responses"]["200"]["content"][JSON]["schema"]["properties"],
        }
        for path, each in document["paths"].items()
        if "post" in each
    ]
    return render(
        "serving",
        info=document["info"],
        pages=pages,
        operations=operations,
        errors=_ERRORS,
    )
