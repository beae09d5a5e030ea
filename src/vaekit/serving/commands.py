"""``vaekit serve``."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaekit.console.files import console
from vaekit.console.terminal import Stopped, print_message
from vaekit.errors import MissingExtraError, SpecError
from vaekit.serving.access import LOOPBACK_NAMES, is_loopback, read_keys
from vaekit.serving.limits import ServingLimits

if TYPE_CHECKING:
    from collections.abc import Sequence

    import uvicorn

KEY_VARIABLE = "VAEKIT_API_KEY"
"""The environment variable with a key, where no file of keys is named."""

_CONNECTIONS, _BACKLOG = 4096, 2048
_MOST_PORT = 65_535


def serve(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Folders written by vaekit fit or vaekit anomalies --save; NAME=FOLDER names one."
        ),
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen at; the default is this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=_MOST_PORT, help="Port to listen at; 0 for any that is free.")
    ] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            help=f"File with an API key on each line; else the variable {KEY_VARIABLE} has one."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name by which clients may call the server; may be repeated. On this machine "
            "alone it is localhost, elsewhere any."
        ),
    ] = None,
    max_rows: Annotated[int, typer.Option(min=1, help="Items in a request, at most.")] = 10_000,
    max_body_mb: Annotated[float, typer.Option(help="Megabytes of a body, at most.")] = 16.0,
    max_waiting_mb: Annotated[
        float, typer.Option(help="Megabytes of all bodies that wait, at most.")
    ] = 64.0,
    timeout: Annotated[float, typer.Option(help="Seconds until a request is answered.")] = 60.0,
    queue: Annotated[
        int, typer.Option(min=1, help="Requests that may wait for a model; beyond it 429.")
    ] = 1024,
    batch_rows: Annotated[
        int, typer.Option(min=1, help="Items that requests are merged into; 1 merges none.")
    ] = 256,
    batch_wait_ms: Annotated[
        float, typer.Option(min=0, help="Milliseconds to wait for others to merge with.")
    ] = 2.0,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of PyTorch; its own choice if not given.")
    ] = None,
) -> None:
    """Serve trained runs over HTTP, for production.

    Operations are those of Python, with the same results: encode, decode, reconstruct, score,
    detect, sample, impute and edit, as far as a run has them. GET /docs describes them. SIGTERM
    or Ctrl-C finishes requests that came and then ends.

    Examples:

    vaekit serve runs/adult

    vaekit serve runs/adult guard=runs/payments --port 9000 --api-key-file keys.txt
    """
    limits = ServingLimits(
        max_rows=max_rows,
        max_body_mb=max_body_mb,
        max_waiting_mb=max_waiting_mb,
        timeout=timeout,
        queue=queue,
        batch_rows=batch_rows,
        batch_wait_ms=batch_wait_ms,
    )
    keys = read_keys(api_key_file, os.environ.get(KEY_VARIABLE))
    hosts = _hosts(host, allow_host)
    server = make_server(runs, limits, keys, hosts, threads)
    listening = listen(host, port)
    if not is_loopback(host) and not keys:
        print_message(
            "warning",
            "bold yellow",
            f"anybody who reaches {host} may ask, as there is no key. Name a file with "
            f"--api-key-file, or set {KEY_VARIABLE}.",
        )
    place = f"[{host}]" if ":" in host else host
    address = f"http://{place}:{listening.getsockname()[1]}"
    console.print(f"serving {', '.join(runs)}: see {address}/docs", highlight=False)
    try:
        server.run([listening])
    except (Stopped, KeyboardInterrupt):  # uvicorn passes the signal on when all is done
        console.print("stopped: requests that had come are answered", highlight=False)


def _hosts(host: str, allowed: Sequence[str] | None) -> Sequence[str] | None:
    """Return the names by which the server may be called; ``None`` for any."""
    if is_loopback(host):
        return [*LOOPBACK_NAMES, host, *(allowed or ())]
    return list(allowed) if allowed else None


def make_server(
    runs: Sequence[str],
    limits: ServingLimits,
    keys: Sequence[str] = (),
    hosts: Sequence[str] | None = None,
    threads: int | None = None,
) -> uvicorn.Server:
    """Return a server that is ready to run with what `listen` returns.

    Args:
        runs: Folders, or ``NAME=FOLDER``.
        limits: What is accepted.
        keys: API keys.
        hosts: Names by which it may be called; ``None`` for any.
        threads: Of PyTorch; ``None`` for its own choice.

    Raises:
        MissingExtraError: What a server needs is not installed.
        SpecError: Runs of one name, or a key that is too short.
    """
    try:
        import uvicorn

        from vaekit.serving.receiving import patient_protocol
    except ImportError as error:
        raise MissingExtraError(
            "a server needs starlette, uvicorn and prometheus-client: pip install 'vaekit[serve]'."
        ) from error
    from vaekit.serving.routes import build_app
    from vaekit.serving.service import load_services

    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    app = build_app(load_services(runs), limits, keys=keys, hosts=hosts)
    _allow_many_files()
    config = uvicorn.Config(
        app,
        http=patient_protocol(limits),
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=int(limits.timeout) + 1,
        proxy_headers=False,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: Name or address.
        port: Port; 0 for any that is free.

    Raises:
        SpecError: No such address here, or a port that another program has.
    """
    try:
        kind, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=kind, backlog=_BACKLOG)
    except OSError as error:
        raise SpecError(
            f"--host and --port must be an address of this machine and a port that is free; {host} "
            f"and {port} are not: {error.strerror or error}. Choose another port."
        ) from error


def _allow_many_files() -> None:
    """Let as many connections be open as the system allows; few are allowed by default."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _CONNECTIONS
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
