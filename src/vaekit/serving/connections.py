"""Connections that are closed when a client is too slow, in front of uvicorn's own protocol."""

import asyncio
from typing import Any

from vaekit.serving.limits import ServingLimits


def patient_protocol(limits: ServingLimits) -> type[asyncio.Protocol]:
    """Return a protocol for uvicorn's ``http=`` that waits so long for a head, and no longer.

    Uvicorn by itself waits for the head of a first request for ever, and for a client that reads
    no answer, too: a thousand such connections cost an attacker nothing (slow loris).

    Args:
        limits: With ``header_timeout`` and ``timeout``.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Patient(asyncio.Protocol):
        """Hands everything on to uvicorn's protocol, and looks at the clock."""

        def __init__(
            self, config: Any, server_state: Any, app_state: Any, _loop: Any = None
        ) -> None:
            self._inner = H11Protocol(config, server_state, app_state, _loop)
            self._head: asyncio.TimerHandle | None = None
            self._write: asyncio.TimerHandle | None = None
            self._transport: asyncio.Transport | None = None

        def connection_made(self, transport: Any) -> None:
            self._transport = transport
            self._head = self._later(limits.header_timeout)
            self._inner.connection_made(transport)

        def data_received(self, data: bytes) -> None:
            self._inner.data_received(data)
            if self._inner.conn.their_state is not h11.IDLE:
                _cancel(self._head)
                self._head = None
            elif self._head is None:
                self._head = self._later(limits.header_timeout)

        def pause_writing(self) -> None:
            self._write = self._write or self._later(limits.timeout)
            self._inner.pause_writing()

        def resume_writing(self) -> None:
            _cancel(self._write)
            self._write = None
            self._inner.resume_writing()

        def eof_received(self) -> None:
            self._inner.eof_received()

        def connection_lost(self, exc: Exception | None) -> None:
            _cancel(self._head)
            _cancel(self._write)
            self._inner.connection_lost(exc)

        def _later(self, seconds: float) -> asyncio.TimerHandle:
            return asyncio.get_running_loop().call_later(seconds, self._abort)

        def _abort(self) -> None:
            if self._transport is not None:
                self._transport.abort()

    return Patient


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
