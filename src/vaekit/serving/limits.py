"""How much a server takes on: of bytes, rows, time, and requests that wait."""

from dataclasses import dataclass, fields

from vaekit.errors import SpecError


@dataclass(frozen=True)
class ServingLimits:
    """What one server accepts.

    Attributes:
        max_rows: Items in a request, or asked for by one.
        max_body_mb: Megabytes of the body of a request.
        max_waiting_mb: Megabytes of all bodies that are being received or waiting.
        max_pixels: Pixels of one image file; those of a request may have eight times as many.
        timeout: Seconds until a request is answered, of which receiving it may take all.
        header_timeout: Seconds until the head of a request has come.
        queue: Requests that may wait for one model.
        batch_rows: Items that requests are merged into, at most; 1 merges none.
        batch_wait_ms: Milliseconds to wait for requests to merge with.

    Raises:
        SpecError: A limit that is not above 0.

    Example:
        >>> ServingLimits(max_rows=0)
        Traceback (most recent call last):
        ...
        vaekit.errors.SpecError: max_rows must be above 0; got 0.
    """

    max_rows: int = 10_000
    max_body_mb: float = 16.0
    max_waiting_mb: float = 64.0
    max_pixels: int = 2**24
    timeout: float = 60.0
    header_timeout: float = 10.0
    queue: int = 1024
    batch_rows: int = 256
    batch_wait_ms: float = 2.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not value > 0 and not (each.name == "batch_wait_ms" and value == 0):
                raise SpecError(f"{each.name} must be above 0; got {value!r}.")

    @property
    def body_bytes(self) -> int:
        """Bytes of the body of a request."""
        return int(self.max_body_mb * 2**20)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of all bodies at a time; at least one may be received."""
        return max(self.body_bytes, int(self.max_waiting_mb * 2**20))
