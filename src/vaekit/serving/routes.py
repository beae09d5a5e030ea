"""The application: pages and operations of models behind HTTP, for any ASGI server."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import prometheus_client  # noqa: F401 - asked for here, so that its absence is known at once
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from vaekit.errors import MissingExtraError, SpecError
from vaekit.serving.access import Access, Guard
from vaekit.serving.answers import answer_body, answer_kind
from vaekit.serving.batching import Batcher
from vaekit.serving.bodies import IMAGES, JSON, KINDS, MULTIPART, request_of
from vaekit.serving.faults import DeadlineError, MediaTypeError, NotFoundError, UnavailableError
from vaekit.serving.limits import ServingLimits
from vaekit.serving.metrics import Metrics
from vaekit.serving.openapi import docs_page, openapi_document
from vaekit.serving.operations import Operation
from vaekit.serving.receiving import BodyBudget, Request, Result, receive_body, split_parts
from vaekit.serving.service import Service

if TYPE_CHECKING:
    from starlette.applications import Starlette


_SMALL = 2**15
_PARSERS = 2


class _Server:
    """What all pages share."""

    def __init__(self, services: Sequence[Service], limits: ServingLimits) -> None:
        if not services:
            raise SpecError("there must be a model at least to serve; got none.")
        self.services = {service.name: service for service in services}
        self.first, self.limits, self.metrics = services[0], limits, Metrics()
        self.budget = BodyBudget(limits.waiting_bytes)
        self.batchers: Mapping[str, Batcher] = {
            name: self._batcher(service) for name, service in self.services.items()
        }
        self.document = openapi_document(list(self.services.values()), limits)
        self.docs = docs_page(self.document)
        self.is_ready = False
        self._pool = ThreadPoolExecutor(_PARSERS, "vaekit-body")

    def _batcher(self, service: Service) -> Batcher:
        def watch(operation: str, requests: int, items: int) -> None:
            self.metrics.batched(service.name, operation, requests, items)

        return Batcher(service.run, service.key, self.limits, watch)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Work from the start to the end."""
        for batcher in self.batchers.values():
            batcher.start()
        self.is_ready = True
        try:
            yield
        finally:
            self.is_ready = False
            for batcher in self.batchers.values():
                await asyncio.to_thread(batcher.stop)

    # Pages.

    async def health(self, request: HttpRequest) -> Response:
        """Say that the process lives."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: HttpRequest) -> Response:
        """Say whether requests are taken."""
        if not self.is_ready:
            raise UnavailableError("the server must be running; it stops or starts.", 1)
        return JSONResponse({"status": "ready", "models": list(self.services)})

    async def show_metrics(self, request: HttpRequest) -> Response:
        """Return what Prometheus reads."""
        page, kind = self.metrics.page(self.batchers, self.budget.used)
        return Response(page, headers={"content-type": kind})

    async def models(self, request: HttpRequest) -> Response:
        """List the models."""
        return JSONResponse({"models": [s.describe() for s in self.services.values()]})

    async def model(self, request: HttpRequest) -> Response:
        """Describe one model."""
        return JSONResponse(self._service(request.path_params["model"]).describe())

    async def openapi(self, request: HttpRequest) -> Response:
        """Return the description of all operations."""
        return JSONResponse(self.document)

    async def show_docs(self, request: HttpRequest) -> Response:
        """Return a page for people."""
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        return Response(
            self.docs, media_type="text/html", headers={"content-security-policy": policy}
        )

    async def root(self, request: HttpRequest) -> Response:
        """Lead to the page for people."""
        return RedirectResponse("docs")

    # Operations.

    def _service(self, name: str | None) -> Service:
        if name is None:
            return self.first
        if name not in self.services:
            raise NotFoundError(f"a model must be one of {', '.join(self.services)}.")
        return self.services[name]

    async def operate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what is asked."""
        named, notes = scope["path_params"], scope["vaekit"]
        service = self._service(named.get("model"))
        operation = service.operation(named["operation"])
        notes.update(model=service.name, operation=operation.name)
        headers: Mapping[str, str] = notes["headers"]
        kind = answer_kind(headers.get("accept", ""))
        end = time.monotonic() + self.limits.timeout
        with self.budget.share() as take:
            body = await receive_body(headers, receive, self.limits, take)
            notes["is_read"] = True
            query = dict(QueryParams(scope["query_string"])) if scope["query_string"] else {}
            told = headers.get("content-type", "" if body else JSON)
            asked, style = await self._with_pool(
                len(body), self._asked, service, operation, told, query, body
            )
            result = await self._result(service, asked, end)
        size = asked.count * max(1, service.domain.num_features)
        answer = await self._with_pool(size, answer_body, result, service.domain, kind, style)
        lines = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(answer)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": lines})
        await send({"type": "http.response.body", "body": answer})

    def _asked(
        self,
        service: Service,
        operation: Operation,
        whole: str,
        query: Mapping[str, str],
        body: bytes,
    ) -> tuple[Request, dict[str, str]]:
        kind = whole.partition(";")[0].strip().lower()
        if kind not in KINDS:
            raise MediaTypeError(f"a body must be of type {', '.join(KINDS)}; got {kind[:60]!r}.")
        if kind != MULTIPART:
            return request_of(service, operation, kind, body, query, self.limits)
        files, fields = split_parts(body, whole)
        return request_of(service, operation, IMAGES[0], files, {**query, **fields}, self.limits)

    async def _with_pool(self, size: int, function: Any, *arguments: Any) -> Any:
        """Call a function, in another thread where it has much to do, so that others go on.

        Few at a time, as values in memory are many times as large as the text that they come in.
        """
        if size <= _SMALL:
            return function(*arguments)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(function, *arguments))

    async def _result(self, service: Service, asked: Request, end: float) -> Result:
        future = asyncio.wrap_future(self.batchers[service.name].submit(asked))
        try:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                return await future
        except TimeoutError as error:
            raise DeadlineError(
                f"an answer must be there within {self.limits.timeout:g} s; it was not. Send fewer "
                "items at a time, or try again later."
            ) from error


class _Operate:
    """An application of its own, as Starlette's requests and answers cost time."""

    def __init__(self, server: _Server) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._server.operate(scope, receive, send)


def _raise(request: HttpRequest, error: Exception) -> Response:
    """Leave the errors of Starlette to the guard, as all others."""
    raise error


def make_application(
    services: Sequence[Service],
    limits: ServingLimits,
    keys: Sequence[str],
    hosts: Sequence[str] | None,
) -> Starlette:
    """See `vaekit.serving.build_app`."""
    server = _Server(services, limits)
    access = Access(keys, hosts)
    get, post, operate = ["GET"], ["POST"], _Operate(server)
    routes = [
        Route("/models/{model}/{operation}", operate, methods=post),
        Route("/{operation}", operate, methods=post),
        Route("/", server.root, methods=get),
        Route("/health", server.health, methods=get),
        Route("/ready", server.ready, methods=get),
        Route("/metrics", server.show_metrics, methods=get),
        Route("/models", server.models, methods=get),
        Route("/openapi.json", server.openapi, methods=get),
        Route("/docs", server.show_docs, methods=get),
        Route("/models/{model}", server.model, methods=get),
    ]
    handlers = {HTTPException: _raise}
    app = Starlette(routes=routes, lifespan=server.lifespan, exception_handlers=handlers)
    app.router.redirect_slashes = False
    app.add_middleware(Guard, access=access, metrics=server.metrics)
    return app


def build_app(
    services: Sequence[Service],
    limits: ServingLimits | None = None,
    *,
    keys: Sequence[str] = (),
    hosts: Sequence[str] | None = None,
) -> "Starlette":
    """Return an application that serves models.

    It works from the start-up event of ASGI on, and finishes what waits at the shutdown event.

    Args:
        services: The models; the first also answers without its name in the address.
        limits: What is accepted.
        keys: Any of them has to come with a request; without any, nobody is asked for one.
        hosts: Names by which clients may call the server; ``None`` for any.

    Raises:
        MissingExtraError: Starlette and what goes with it are not installed.
        SpecError: No model, or a key that is too short.

    Example:
        >>> from starlette.testclient import TestClient
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> model = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(digits().images)
        >>> with TestClient(build_app([Service("digits", model)])) as client:
        ...     answer = client.post("/sample", json={"n": 2, "seed": 0})
        >>> len(answer.json()["items"])
        2
    """
    try:
        from vaekit.serving.routes import make_application
    except ImportError as error:
        raise MissingExtraError(
            "a server needs starlette, uvicorn and prometheus-client: pip install 'vaekit[serve]'."
        ) from error
    return make_application(services, limits or ServingLimits(), keys, hosts)
