"""Bodies as they come over the line: counted while they come, and never unpacked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

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
