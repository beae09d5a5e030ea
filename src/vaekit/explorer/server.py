"""The local server: files of the page, and operations of sessions for those with the token."""

import base64
import hashlib
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vaekit.errors import MissingExtraError, SpecError, VaekitError
from vaekit.explorer.pages import (
    CLASSIC,
    asset_names,
    import_map,
    page_html,
    read_asset,
    setup_html,
)
from vaekit.explorer.session import Session

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
"""The only address that is served: this computer."""

MOST_BYTES = 32 * 2**20
"""Of the body of a request."""


def make_token() -> str:
    """Return a secret that only the link of the page knows."""
    return secrets.token_urlsafe(24)


def make_app(sessions: Sequence[Session], token: str, port: int) -> "Starlette":
    """Return the application.

    Files of the page hold no data and are given to anyone on this computer. Operations need the
    token. Hosts other than this computer's own names are refused, so that no page of another site
    can reach it by a name of its own. No request names a path: bodies are data.

    Args:
        sessions: The run, and perhaps another beside it.
        token: The secret that requests have to carry.
        port: That the server listens on.

    Raises:
        MissingExtraError: The extra ``serve`` is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route
    except ImportError as error:
        raise _missing() from error
    desk = _Desk(sessions, token, port)
    return Starlette(
        routes=[
            Route("/", desk.page),
            Route("/page/{name:path}", desk.asset),
            Route("/call/{operation}", desk.call, methods=["POST"]),
        ]
    )


def _missing() -> MissingExtraError:
    return MissingExtraError(
        "explore in a browser needs a server that is not installed: pip install 'vaekit[serve]'. "
        "A page that needs no server is written with --out page.html."
    )


class _Desk:
    """Answers requests."""

    def __init__(self, sessions: Sequence[Session], token: str, port: int) -> None:
        self.sessions, self.token, self.port = sessions, token, port
        self.assets = asset_names()
        mapping = import_map("/page/")
        title = " beside ".join(session.name for session in sessions)
        self.html = page_html(
            import_map=mapping,
            classic=f'<script src="/page/{CLASSIC}"></script>',
            style='<link rel="stylesheet" href="/page/style.css">',
            start='<script type="module" src="/page/main.js"></script>',
            data=setup_html({"backend": "server", "runs": len(sessions), "title": title}),
        )
        digest = base64.b64encode(hashlib.sha256(mapping.encode()).digest()).decode()
        # The drawing library compiles its shaders' calls, hence 'unsafe-eval'.
        self.policy = (
            "default-src 'none'; connect-src 'self'; img-src 'self' data: blob:; style-src 'self' "
            f"'unsafe-inline'; script-src 'self' 'unsafe-eval' 'sha256-{digest}'; "
            "worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    async def page(self, request: "Request") -> "Response":
        """Return the page, which holds no data."""
        return self._refused(request) or self._answer(self.html, "text/html; charset=utf-8")

    async def asset(self, request: "Request") -> "Response":
        """Return a file of the page, out of a fixed list."""
        name = request.path_params["name"]
        if (refused := self._refused(request)) is not None:
            return refused
        if name not in self.assets:
            return self._failed("no such file", 404)
        return self._answer(read_asset(name), f"{self.assets[name]}; charset=utf-8")

    async def call(self, request: "Request") -> "Response":
        """Do an operation of a session."""
        from starlette.concurrency import run_in_threadpool

        if (refused := self._refused(request)) is not None:
            return refused
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            return self._failed("the link must carry the token that the program printed.", 403)
        body = await _body(request)
        if body is None:
            return self._failed(f"a request must have at most {MOST_BYTES:,} bytes.", 413)
        try:
            session, arguments = self._asked(body)
            operation = request.path_params["operation"]
            answer = await run_in_threadpool(session.call, operation, arguments)
        except VaekitError as error:
            return self._failed(str(error), 400)
        content = json.dumps(answer, allow_nan=False, separators=(",", ":"))
        return self._answer(content.encode(), "application/json")

    def _asked(self, body: bytes) -> tuple[Session, Mapping[str, Any]]:
        try:
            given = json.loads(body or b"{}")
        except ValueError as error:
            raise SpecError(f"a request must be JSON; {error}.") from error
        if not isinstance(given, dict):
            raise SpecError("a request must be a record of arguments.")
        run = given.pop("run", 0)
        if not isinstance(run, int) or not 0 <= run < len(self.sessions):
            raise SpecError(f"run must be from 0 to {len(self.sessions) - 1}; got {run!r}.")
        return self.sessions[run], given

    def _refused(self, request: "Request") -> "Response | None":
        """Refuse requests that reached this computer by another name than its own."""
        host = request.headers.get("host", "")
        if host in (f"{HOST}:{self.port}", f"localhost:{self.port}"):
            return None
        return self._failed("the host must be this computer.", 421)

    def _failed(self, message: str, status: int) -> "Response":
        return self._answer(json.dumps({"error": message}).encode(), "application/json", status)

    def _answer(self, content: bytes, kind: str, status: int = 200) -> "Response":
        from starlette.responses import Response

        headers = {
            "content-security-policy": self.policy,
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "cross-origin-resource-policy": "same-origin",
        }
        return Response(content, status, headers, kind)


async def _body(request: "Request") -> bytes | None:
    """Return the body, or ``None`` of one that is too long, which is not read to its end."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def free_socket(port: int) -> socket.socket:
    """Return a socket of this computer that is bound and listens to nobody yet.

    Args:
        port: 0 for any that is free.

    Raises:
        SpecError: The port is taken.
    """
    # The protocol is named, as else asyncio lets answers wait 40 ms for more to send with them.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError as error:
        bound.close()
        raise SpecError(
            f"--port must be free; {port} is not ({error.strerror}). Leave it out to take any."
        ) from error
    return bound


def serve(
    sessions: Sequence[Session], bound: socket.socket, token: str, ready: Callable[[str], None]
) -> None:
    """Serve until the program is stopped.

    Args:
        sessions: The run, and perhaps another beside it.
        bound: Of `free_socket`.
        token: Of `make_token`.
        ready: Called with the link once requests are answered.

    Raises:
        MissingExtraError: The extra ``serve`` is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise _missing() from error
    port = bound.getsockname()[1]
    app: Any = _Announced(make_app(sessions, token, port), lambda: ready(link(port, token)))
    config = uvicorn.Config(app, log_level="warning", lifespan="on", access_log=False)
    uvicorn.Server(config).run(sockets=[bound])


def link(port: int, token: str) -> str:
    """Return the address of the page; what follows # is never sent to a server."""
    return f"http://{HOST}:{port}/#token={token}"


class _Announced:
    """An application that says when it has started."""

    def __init__(
        self, app: Callable[[Any, Any, Any], Awaitable[None]], started: Callable[[], None]
    ) -> None:
        self.app, self.started = app, started

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass everything on."""

        async def sending(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self.started()

        await self.app(scope, receive, sending)
