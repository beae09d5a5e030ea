"""How long work takes and when it stops, by a clock of the wall or of the processor."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, final

__all__ = ["Clock", "Deadline", "Stopwatch"]

Clock = Callable[[], float]
"""Returns seconds that grow: `time.monotonic` for what a user waits, `time.process_time` for what
this process takes of the processors, all its threads together."""


@final
class Stopwatch:
    """Seconds since a start, and those counted before.

    Args:
        clock: What counts.

    Attributes:
        before: Seconds that were counted in former runs.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._start = clock, clock()
        self.before = 0.0

    def start(self) -> None:
        """Count from now, and what was counted before."""
        self._start = self._clock()

    def seconds(self) -> float:
        """Return the seconds since the start, and those before."""
        return self.before + self._clock() - self._start


@final
@dataclass(frozen=True)
class Deadline:
    """When to stop.

    Attributes:
        at: Reading of the clock.
        clock: Which one.

    Example:
        >>> half = Deadline.after(60).shared(0.5)
        >>> 29 < half.left() <= 30
        True
    """

    at: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> Self:
        """Return the time in so many seconds.

        Args:
            seconds: How many.
            clock: What counts them.
        """
        return cls(clock() + seconds, clock)

    def left(self) -> float:
        """Return the seconds until then; below 0 when it has passed."""
        return self.at - self.clock()

    def shared(self, share: float) -> "Deadline":
        """Return the time when this share of what is left has passed."""
        return Deadline.after(share * self.left(), self.clock)
