"""Around all pages: who may ask, errors as JSON, numbers of requests, and what is counted."""

import itertools
import json
import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vaekit.serving.access import Access
from vaekit.serving.faults import MethodError, NotFoundError, RequestError, fault_of, is_own
from vaekit.serving.metrics import Metrics

_log = logging.getLogger("vaekit.serving")


class Guard:
    """A middleware of ASGI that lets nothing but JSON out where something is wrong.

    Args:
        app: What answers.
        access: Who may ask.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, access: Access, metrics: Metrics) -> None:
        self._app, self._access, self._metrics = app, access, metrics
        self._start, self._numbers = secrets.token_hex(6), itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        notes: dict[str, Any] = {"model": "", "operation": "", "is_read": False, "status": 0}
        notes["headers"] = {}
        scope["vaekit"] = notes
        number = f"{self._start}-{next(self._numbers):x}"

        async def numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                notes["status"] = message["status"]
                message = {**message, "headers": [*message["headers"], *_headers(number)]}
            await send(message)

        try:
            notes["headers"] = _named(scope)
            self._access.check(scope["path"], notes["headers"])
            await self._app(scope, receive, numbered)
        except Exception as error:
            error = _known(error)
            if is_own(error):
                _log.exception("request %s failed", number, exc_info=error)
            if not notes["status"]:
                await _refuse(error, number, numbered, closes=_has_more(scope))
        self._metrics.answered(
            notes["model"], notes["operation"], notes["status"], time.monotonic() - began
        )


def _named(scope: Scope) -> Mapping[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _headers(number: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-request-id", number.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]


def _known(error: Exception) -> Exception:
    """Return the error of this package for one of Starlette."""
    if not isinstance(error, HTTPException):
        return error
    if error.status_code == 405:
        return MethodError("this page must be asked by another method: see /docs.")
    if error.status_code == 404:
        return NotFoundError("there is no such page; see /docs for those that there are.")
    return RequestError(str(error.detail))


def _has_more(scope: Scope) -> bool:
    """Return whether there is a body of which not all was read: then the line is of no more use."""
    names = {name for name, _ in scope["headers"]}
    return not scope["vaekit"]["is_read"] and bool(
        names & {b"content-length", b"transfer-encoding"}
    )


async def _refuse(error: Exception, number: str, send: Send, *, closes: bool) -> None:
    status, kind, message, retry_after = fault_of(error)
    document = {"error": {"type": kind, "message": message, "request": number}}
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
