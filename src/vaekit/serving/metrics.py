"""What Prometheus reads."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaekit.serving.batching import Batcher

_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)


class Metrics:
    """Counts what a server does; labels are names of its own models and operations alone."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        by = ("model", "operation")
        self._requests = Counter(
            "vaekit_requests",
            "Requests that were answered.",
            (*by, "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "vaekit_request_seconds", "From the head to the answer.", by, registry=self.registry
        )
        self._items = Counter(
            "vaekit_items", "Items that were answered.", by, registry=self.registry
        )
        self._batch = Histogram(
            "vaekit_batch_requests",
            "Requests that were merged into a batch.",
            by,
            registry=self.registry,
            buckets=_ROWS,
        )
        self._waiting = Gauge(
            "vaekit_waiting_requests", "Requests that wait.", ("model",), registry=self.registry
        )
        self._held = Gauge(
            "vaekit_body_bytes", "Bytes of bodies that are held.", registry=self.registry
        )

    def answered(self, model: str, operation: str, status: int, seconds: float) -> None:
        """Count a request; names are empty where there is no such page."""
        self._requests.labels(model, operation, str(status)).inc()
        self._seconds.labels(model, operation).observe(seconds)

    def batched(self, model: str, operation: str, requests: int, items: int) -> None:
        """Count a batch."""
        self._batch.labels(model, operation).observe(requests)
        self._items.labels(model, operation).inc(items)

    def page(self, batchers: "Mapping[str, Batcher]", held: int) -> tuple[bytes, str]:
        """Return the page and its type.

        Args:
            batchers: By model.
            held: Bytes of bodies that are held.
        """
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        for name, batcher in batchers.items():
            self._waiting.labels(name).set(batcher.waiting)
        self._held.set(held)
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
