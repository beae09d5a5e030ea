"""The weights of a model at some moments of its training."""

import copy
import time
from collections.abc import Sequence

from torch import Tensor

from vaekit.training import Event

__all__ = ["Snapshots"]


class Snapshots:
    """Listens to a training and keeps the weights when these times have passed.

    Args:
        due: Seconds since the first step, rising.
    """

    def __init__(self, due: Sequence[float]) -> None:
        self.due = list(due)
        self.kept: list[tuple[float, dict[str, Tensor]]] = []
        self._started: float | None = None

    def __call__(self, event: Event) -> None:
        """Copying weights takes milliseconds, so that the training is not held up."""
        if event.kind != "step":
            return
        now = time.monotonic()
        self._started = now if self._started is None else self._started
        if self.due and now - self._started >= self.due[0]:
            self.due.pop(0)
            self.kept.append((now - self._started, copy.deepcopy(event.model.state_dict())))
