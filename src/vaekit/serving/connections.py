"""Connections that are closed when a client is too slow, in front of uvicorn's own protocol."""

import asyncio
import importlib.util
from typing import Any

from vaekit.serving.limits import ServingLimits

_MOST_HEAD = 2**16
_SPARE = 2**20


def patient_protocol(limits: ServingLimits) -> type[asyncio.Protocol]:
    """Return a protocol for uvicorn's ``http=`` that waits so long for a head, and no longer.

    Uvicorn by itself waits for the head of a first request for ever, and for a client that reads
    no answer, too: a thousand such connections cost an attacker nothing (slow loris). It parses
    with httptools where that is installed, which has no limits of its own, so bytes are counted.

    Args:
        limits: With ``header_timeout``, ``timeout`` and ``max_body_mb``.
    """
    inner_class = _parser()
    most_bytes = 2 * limits.body_bytes + _SPARE  # with what chunks cost

    class Patient(asyncio.Protocol):
        """Hands everything on to uvicorn's protocol, and looks at the clock."""

        def __init__(
            self, config: Any, server_state: Any, app_state: Any, _loop: Any = None
        ) -> None:
            self._inner = inner_class(config, server_state, app_state, _loop)
            self._transport: asyncio.Transport | None = None
            self._head: asyncio.TimerHandle | None = None
            self._write: asyncio.TimerHandle | None = None
            self._cycle: Any = None
            self._bytes = self._head_bytes = 0

        def connection_made(self, transport: Any) -> None:
            self._transport = transport
            self._head = self._later(limits.header_timeout)
            self._inner.connection_made(transport)

        def data_received(self, data: bytes) -> None:
            self._bytes += len(data)
            self._inner.data_received(data)
            cycle = self._inner.cycle
            if cycle is not self._cycle:  # a head has come whole
                self._cycle, self._bytes, self._head_bytes = cycle, 0, 0
                self._head = _cancelled(self._head)
            elif cycle is not None and not cycle.response_complete:  # of its body
                if self._bytes > most_bytes:
                    self._abort()
            else:
                self._in_head(len(data))

        def _in_head(self, count: int) -> None:
            self._head_bytes += count
            if self._head_bytes > _MOST_HEAD:
                self._abort()
            elif self._head is None:
                self._head = self._later(limits.header_timeout)

        def pause_writing(self) -> None:
            self._write = self._write or self._later(limits.timeout)
            self._inner.pause_writing()

        def resume_writing(self) -> None:
            self._write = _cancelled(self._write)
            self._inner.resume_writing()

        def eof_received(self) -> bool:
            """Keep the line of a client that has said all, and now waits for the answer."""
            self._inner.eof_received()
            cycle = self._inner.cycle
            return cycle is not None and not (cycle.response_complete or cycle.more_body)

        def connection_lost(self, exc: Exception | None) -> None:
            self._head = _cancelled(self._head)
            self._write = _cancelled(self._write)
            self._inner.connection_lost(exc)

        def _later(self, seconds: float) -> asyncio.TimerHandle:
            return asyncio.get_running_loop().call_later(seconds, self._abort)

        def _abort(self) -> None:
            if self._transport is not None:
                self._transport.abort()

    return Patient


def _parser() -> Any:
    if importlib.util.find_spec("httptools") is None:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        return H11Protocol
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    return HttpToolsProtocol


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer, and return none in its place."""
    if timer is not None:
        timer.cancel()
    return None
