"""Requests as they come over the line: counted while they come, closed when too slow."""

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vaekit.domains.checks import is_frame
from vaekit.errors import MissingExtraError
from vaekit.serving.faults import (
    BodyError,
    MediaTypeError,
    QueueFullError,
    ReceiveTimeoutError,
    TooLargeError,
)
from vaekit.serving.limits import ServingLimits

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class BodyBudget:
    """Bytes of all bodies that are held at a time.

    Example:
        >>> budget = BodyBudget(100)
        >>> with budget.share() as take:
        ...     take(60)
        ...     budget.used
        60
        >>> budget.used
        0
    """

    def __init__(self, most: int) -> None:
        self.most, self.used = most, 0

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """Give what takes bytes; all that were taken are given back at the end.

        Raises:
            QueueFullError: By what takes, where too many are held.
        """
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            if self.used + count > self.most:
                raise QueueFullError(
                    "the bodies of all requests must fit in what the server holds of them; they "
                    "do not. Try again in 1 s.",
                    retry_after=1,
                )
            self.used += count
            taken += count

        try:
            yield take
        finally:
            self.used -= taken


async def receive_body(
    headers: Mapping[str, str],
    receive: Receive,
    limits: ServingLimits,
    take: Callable[[int], None],
) -> bytes:
    """Return the whole body of a request.

    Args:
        headers: Of the request, in lower case.
        receive: Of ASGI.
        limits: How many bytes and seconds it may take.
        take: Of `BodyBudget.share`.

    Raises:
        MediaTypeError: A body that is packed.
        TooLargeError: More bytes than are accepted, as soon as they are promised or there.
        ReceiveTimeoutError: It takes too long.
        QueueFullError: Too many bytes of others are held.
    """
    if headers.get("content-encoding", "identity") != "identity":
        raise MediaTypeError("a body must come unpacked, without a Content-Encoding.")
    promised = headers.get("content-length", "0")
    if promised.isdigit() and int(promised[:20]) > limits.body_bytes:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.timeout):
            return await _collected(receive, limits, take)
    except TimeoutError as error:
        raise ReceiveTimeoutError(
            f"a body must come within {limits.timeout:g} s; it did not."
        ) from error


async def _collected(receive: Receive, limits: ServingLimits, take: Callable[[int], None]) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyError("the body must be whole; the client went away.")
        chunk = message.get("body", b"")
        if len(body) + len(chunk) > limits.body_bytes:
            raise _too_large(limits)
        take(len(chunk))
        body += chunk
        if not message.get("more_body", False):
            return bytes(body)


def _too_large(limits: ServingLimits) -> TooLargeError:
    return TooLargeError(
        f"a body must have at most {limits.max_body_mb:g} MB; this one has more. Send fewer items "
        "at a time."
    )


_MOST_PARTS = 1000


def split_parts(body: bytes, kind: str) -> tuple[list[bytes], dict[str, str]]:
    """Return the files of a form, in their order, and its other fields. Names of files are ignored.

    Args:
        body: All bytes.
        kind: The content type with its boundary.

    Raises:
        BodyError: No such form, or one without files.
        TooLargeError: More than 1,000 parts.
    """
    try:
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser, parse_options_header
    except ImportError as error:
        raise MissingExtraError(
            "forms with files need python-multipart: pip install 'vaekit[serve]'."
        ) from error

    _, options = parse_options_header(kind)
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise BodyError("a form must name its boundary; it does not.")
    form = _Form(parse_options_header)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BodyError("a form must be whole; it is damaged.") from error
    if not form.files:
        raise BodyError("a form must have a file at least; it has none.")
    return form.files, form.fields


class _Form:
    """Collects the parts of a form."""

    def __init__(self, parse: Callable[[bytes], tuple[bytes, dict[bytes, bytes]]]) -> None:
        self.files: list[bytes] = []
        self.fields: dict[str, str] = {}
        self._parse = parse
        self._field, self._value, self._data = bytearray(), bytearray(), bytearray()
        self._about: dict[bytes, bytes] = {}

    def callbacks(self) -> Any:
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._adding(self._field),
            "on_header_value": self._adding(self._value),
            "on_header_end": self._end_header,
            "on_part_data": self._adding(self._data),
            "on_part_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.files) + len(self.fields) >= _MOST_PARTS:
            raise TooLargeError(f"a form must have at most {_MOST_PARTS} parts; it has more.")
        self._data.clear()
        self._about = {}

    @staticmethod
    def _adding(to: bytearray) -> Callable[[bytes, int, int], None]:
        def add(data: bytes, start: int, end: int) -> None:
            to.extend(data[start:end])

        return add

    def _end_header(self) -> None:
        if bytes(self._field).lower() == b"content-disposition":
            _, self._about = self._parse(bytes(self._value))
        self._field.clear()
        self._value.clear()

    def _end(self) -> None:
        if b"filename" in self._about or b"filename*" in self._about:
            self.files.append(bytes(self._data))
        else:
            name = self._about.get(b"name", b"").decode("utf-8", "replace")
            self.fields[name] = bytes(self._data).decode("utf-8", "replace")


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


@dataclass(frozen=True)
class Columns:
    """A table as it came in JSON: data frames of one row cost more than models.

    Attributes:
        values: Cells of each column by its name, all of one length.
        kinds: Of each column the types that its cells have: tables in which they are the same give
            data frames of the same types, be they one or joined.
    """

    values: Mapping[str, list[Any]]
    kinds: tuple[frozenset[type], ...]

    @classmethod
    def of(cls, values: Mapping[str, list[Any]]) -> "Columns":
        """Look at the cells."""
        return cls(values, tuple(frozenset(map(type, column)) for column in values.values()))

    def __len__(self) -> int:
        return len(next(iter(self.values.values()), ()))

    def frame(self) -> Any:
        """Return a data frame.

        Example:
            >>> Columns.of({"age": [30, None], "job": ["cook", "vet"]}).frame()
                age   job
            0  30.0  cook
            1   NaN   vet
        """
        import pandas as pd

        return pd.DataFrame({name: pd.Series(column) for name, column in self.values.items()})


@dataclass(frozen=True)
class Request:
    """One operation on some items.

    Attributes:
        operation: Its name, ``"encode"`` for one.
        items: As `Autoencoder` takes them: an array, a data frame or a list; or a table as
            `Columns`; ``None`` of samples.
        count: How many items come back.
        context: Labels or properties, one for each item; ``None`` for none.
        options: The other arguments, checked.
    """

    operation: str
    items: Any
    count: int
    context: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cost(self) -> int:
        """Items that it counts as in a batch."""
        return max(1, self.count)


@dataclass(frozen=True)
class Result:
    """What a request gave.

    Attributes:
        values: By name what there is of each item, all of one length.
        facts: By name what is said of all.
        warnings: What Python would have warned of.
    """

    values: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def part(self, start: int, stop: int) -> "Result":
        """Return the values of some of the items.

        Example:
            >>> Result({"scores": [1.0, 2.0, 3.0]}).part(1, 3).values
            {'scores': [2.0, 3.0]}
        """
        return replace(self, values={n: _cut(v, start, stop) for n, v in self.values.items()})


def _cut(values: Any, start: int, stop: int) -> Any:
    if is_frame(values):
        return values.iloc[start:stop].reset_index(drop=True)
    return values[start:stop]


def merge_key(request: Request) -> tuple[Any, ...] | None:
    """Return what requests have to have in common to be merged; ``None`` of one that stays alone.

    Example:
        >>> merge_key(Request("encode", np.zeros((2, 3)), 2))
        ('encode', '{}', ('array', '<f8', (3,)), None)
    """
    form, context = _form(request.items), request.context
    if form is None or (context is not None and not _is_each(context, request.count)):
        return None
    told = None if context is None else type(context[0]).__name__
    return request.operation, repr(dict(sorted(request.options.items()))), form, told


def _is_each(context: Any, count: int) -> bool:
    return isinstance(context, list) and len(context) == count


def _form(items: Any) -> tuple[Any, ...] | None:
    if is_frame(items):
        return "frame", tuple(map(str, items.columns)), tuple(map(str, items.dtypes))
    if isinstance(items, np.ndarray) and items.ndim > 1:
        return "array", items.dtype.str, items.shape[1:]
    if isinstance(items, list) and items and isinstance(items[0], str):
        return ("texts",)
    if isinstance(items, Columns):
        return "columns", tuple(items.values), items.kinds
    return None


def merged(requests: Sequence[Request]) -> Request:
    """Return one request for the items of several that have one `merge_key`.

    Example:
        >>> both = merged([Request("encode", ["CCO"], 1), Request("encode", ["CC", "CN"], 2)])
        >>> both.items, both.count
        (['CCO', 'CC', 'CN'], 3)
    """
    first = requests[0]
    items = _joined([request.items for request in requests])
    context = None if first.context is None else [one for r in requests for one in r.context]
    return replace(first, items=items, context=context, count=sum(r.count for r in requests))


def _joined(parts: Sequence[Any]) -> Any:
    if is_frame(parts[0]):
        import pandas as pd

        return pd.concat(parts, ignore_index=True)
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    if isinstance(parts[0], Columns):
        names = parts[0].values
        return Columns({n: [v for p in parts for v in p.values[n]] for n in names}, parts[0].kinds)
    return [item for part in parts for item in part]
