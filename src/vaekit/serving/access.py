"""Around all pages: who may ask, by which names; errors as JSON, and what is counted."""

import hashlib
import hmac
import ipaddress
import itertools
import json
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vaekit.errors import SpecError
from vaekit.files import expanded_path
from vaekit.serving.faults import (
    ForbiddenError,
    MethodError,
    MisdirectedError,
    NotFoundError,
    RequestError,
    UnauthorizedError,
    fault_of,
    is_own,
)
from vaekit.serving.metrics import Metrics

OPEN = ("/health", "/ready")
"""Pages for which no key is asked, so that those who watch over a server need none."""

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

_SHORTEST = 16


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host.

    Example:
        >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_keys(path: str | Path | None, variable: str | None) -> tuple[str, ...]:
    """Return the keys of a file, one on each line, or the one of an environment variable.

    Args:
        path: Of the file, in which lines that begin with # are comments.
        variable: The value of the variable.

    Raises:
        SpecError: A file without a key, or a key of fewer than 16 characters.
    """
    if path is None:
        return check_keys([variable.strip()] if variable else [])
    try:
        lines = expanded_path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"--api-key-file must be a readable text; {path} is not.") from error
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not keys:
        raise SpecError(f"--api-key-file must hold a key on a line of its own; {path} has none.")
    return check_keys(keys)


def check_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Return keys that are long enough to be none that one guesses, and fit into a head.

    Raises:
        SpecError: One is not.
    """
    for key in keys:
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise SpecError(
                "an API key must be of letters, digits and signs of ASCII without spaces; one is "
                "not. Make one: python -c 'import secrets; print(secrets.token_urlsafe())'."
            )
        if len(key) < _SHORTEST:
            raise SpecError(
                f"an API key must have at least {_SHORTEST} characters; one has {len(key)}. Make "
                "one: python -c 'import secrets; print(secrets.token_urlsafe())'."
            )
    return tuple(keys)


class Access:
    """Says who may ask.

    Args:
        keys: Any of them is enough; without any nobody is asked for one.
        hosts: Names by which a client may call the server; ``None`` for any. A page of another
            site that a name of its own leads here (DNS rebinding) is refused so.

    Example:
        >>> access = Access(["a-long-secret-key"], None)
        >>> access.check("/models", {"x-api-key": "a-long-secret-key"})
        >>> access.check("/models", {"x-api-key": "another"})
        Traceback (most recent call last):
        ...
        vaekit.serving.faults.UnauthorizedError: a request must have a key: Authorization: Bearer...
    """

    def __init__(self, keys: Sequence[str], hosts: Sequence[str] | None) -> None:
        self._keys = [_digest(key) for key in check_keys(keys)]
        self._hosts = None if hosts is None else {host.lower() for host in hosts}

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """Refuse who may not.

        Args:
            path: What is asked for.
            headers: By name in lower case.

        Raises:
            MisdirectedError: Another host is called.
            ForbiddenError: A page of another host asks.
            UnauthorizedError: A key is wanted, and there is none or a wrong one.
        """
        if self._hosts is not None:
            self._check_host(headers)
        if self._keys and path not in OPEN:
            self._check_key(headers)

    def _check_host(self, headers: Mapping[str, str]) -> None:
        known = self._hosts or set()
        if _name_of(headers.get("host", "")) not in known:
            raise MisdirectedError(
                "the host that is called must be one that this server has; see --allow-host."
            )
        origin = headers.get("origin")
        if origin is not None and _name_of(origin.partition("://")[2]) not in known:
            raise ForbiddenError("pages of other hosts may not ask; see --allow-host.")

    def _check_key(self, headers: Mapping[str, str]) -> None:
        given = headers.get("x-api-key", "")
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            given = token.strip()
        digest = _digest(given)
        found = [hmac.compare_digest(digest, key) for key in self._keys]  # all, in equal time
        if not any(found):
            raise UnauthorizedError(
                "a request must have a key: Authorization: Bearer KEY, or X-API-Key: KEY."
            )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _name_of(host: str) -> str:
    """Return the name or address of ``name:port``.

    Example:
        >>> _name_of("[::1]:8000"), _name_of("Localhost:8000"), _name_of("127.0.0.1")
        ('::1', 'localhost', '127.0.0.1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


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
