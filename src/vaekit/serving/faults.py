"""What goes wrong with a request, and what the client is told of it."""

from collections.abc import Mapping

from vaekit.errors import (
    CompositionError,
    DataError,
    MissingExtraError,
    SpecError,
    VaekitError,
)


class RequestError(VaekitError):
    """A request that cannot be answered.

    Args:
        message: What must be which rule, what was got, what to do.
        retry_after: Seconds after which it may be tried again; ``None`` where that would not help.
    """

    status = 400
    kind = "BadRequest"

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BodyError(RequestError):
    """A body that cannot be read."""


class UnauthorizedError(RequestError):
    """No key, or a wrong one."""

    status, kind = 401, "Unauthorized"


class ForbiddenError(RequestError):
    """A page of another host asks."""

    status, kind = 403, "Forbidden"


class NotFoundError(RequestError):
    """No such page, model or operation."""

    status, kind = 404, "NotFound"


class MethodError(RequestError):
    """The page is there, for another method."""

    status, kind = 405, "MethodNotAllowed"


class NotAcceptableError(RequestError):
    """No answer of the kind that is asked for."""

    status, kind = 406, "NotAcceptable"


class ReceiveTimeoutError(RequestError):
    """The body came too slowly."""

    status, kind = 408, "RequestTimeout"


class TooLargeError(RequestError):
    """More bytes, rows or pixels than are accepted."""

    status, kind = 413, "TooLarge"


class MediaTypeError(RequestError):
    """A body of a kind that is not read."""

    status, kind = 415, "UnsupportedMediaType"


class MisdirectedError(RequestError):
    """A name of a host that this server does not have."""

    status, kind = 421, "MisdirectedRequest"


class QueueFullError(RequestError):
    """As many requests wait as may."""

    status, kind = 429, "TooManyRequests"


class UnavailableError(RequestError):
    """The server is about to stop, or has not started."""

    status, kind = 503, "Unavailable"


class DeadlineError(RequestError):
    """It took too long."""

    status, kind = 504, "Timeout"


_OTHERS: Mapping[type[VaekitError], int] = {
    DataError: 422,
    SpecError: 422,
    CompositionError: 422,
    MissingExtraError: 501,
}
_OWN = (
    "this is a fault of the server itself; its log has more under the request's number. Report it "
    "if it comes again."
)


def fault_of(error: BaseException) -> tuple[int, str, str, int | None]:
    """Return the status, the kind and the message for an exception, and when to try again.

    Example:
        >>> fault_of(DataError("X must have 3 columns; got 2."))
        (422, 'DataError', 'X must have 3 columns; got 2.', None)
        >>> fault_of(KeyError("/home/me/secret"))[:2]
        (500, 'InternalError')
    """
    if isinstance(error, RequestError):
        return error.status, error.kind, str(error), error.retry_after
    if isinstance(error, MemoryError):
        return 503, "OutOfMemory", "the items must fit in memory; send fewer at a time.", 1
    if isinstance(error, VaekitError):
        kind = next((kind for kind in _OTHERS if isinstance(error, kind)), None)
        if kind is not None:
            return _OTHERS[kind], type(error).__name__, str(error), None
    return 500, "InternalError", _OWN, None


def is_own(error: BaseException) -> bool:
    """Return whether an exception is a fault of the server, to be logged."""
    return fault_of(error)[0] == 500
