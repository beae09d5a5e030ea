"""How far all shards are: a bar on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

from vaekit.batch.job import Outcome
from vaekit.batch.shards import Shard

_SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """Counts rows and shards, and shows them.

    Args:
        shards: All that are to be done.
        console: Where to; ``None`` shows nothing.

    Example:
        >>> with Progress([Shard("a", None, 10)], None) as progress:
        ...     progress.add(10)
        ...     progress.finish(Outcome("a", 10))
        ...     progress.words().split(", ")[:2]
        ['1 of 1 shards', '10 of 10 rows']
    """

    def __init__(self, shards: Sequence[Shard], console: Console | None) -> None:
        self.count, self.console = len(shards), console
        known = [shard.rows for shard in shards]
        self.total = None if None in known else sum(rows or 0 for rows in known)
        self.rows, self.shards, self.failed = 0, 0, 0
        self.started = self.last = time.monotonic()
        self._bar: Any = None
        if console is not None and console.is_terminal:
            self._bar = RichProgress(
                BarColumn(), TextColumn("{task.description}"), console=console, transient=True
            )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("starting", total=self.total or self.count)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def add(self, rows: int) -> None:
        """Count rows; fewer than none where a shard is begun again."""
        self.rows += rows
        self._show()

    def finish(self, outcome: Outcome) -> None:
        """Count a shard."""
        self.shards += 1
        self.failed += outcome.error is not None
        self._show()

    def words(self) -> str:
        """Return how far it is, how fast, and how long it will take."""
        passed = max(time.monotonic() - self.started, 1e-9)
        of = "" if self.total is None else f" of {self.total:,}"
        parts = [
            f"{self.shards} of {self.count} shards",
            f"{self.rows:,}{of} rows",
            f"{self.rows / passed:,.0f} rows/s",
        ]
        if self.failed:
            parts.append(f"{self.failed} failed")
        share = self.rows / self.total if self.total else self.shards / max(1, self.count)
        if 0 < share < 1:
            parts.append(f"{_time(passed * (1 - share) / share)} left")
        return ", ".join(parts)

    def _show(self) -> None:
        if self.console is None:
            return
        if self._bar is not None:
            done = self.rows if self.total else self.shards
            self._bar.update(self._task, completed=done, description=self.words())
        elif time.monotonic() - self.last >= _SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            self.console.print(self.words(), highlight=False, soft_wrap=True)


def _time(seconds: float) -> str:
    """Return a time in words.

    Example:
        >>> _time(50), _time(200), _time(9000)
        ('50 s', '3 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
