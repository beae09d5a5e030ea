"""Shards in this process, or in several of this machine, and how far all of them are."""

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

from vaekit.batch.job import Job, Outcome
from vaekit.batch.shards import Shard
from vaekit.errors import VaekitError

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


_MOST_TRIES = 3


def run_here(job: Job, numbers: Sequence[int], progress: Progress) -> list[Outcome]:
    """Do shards one after the other in this process."""
    found = []
    for number in numbers:
        found.append(job.work(number, progress.add))
        progress.finish(found[-1])
    return found


def run_processes(
    job: Job, numbers: Sequence[int], progress: Progress, processes: int
) -> list[Outcome]:
    """Do shards in several processes, one shard in each at a time.

    A process that dies, for want of memory for instance, is replaced, and its shard is done again,
    three times at most. What it had not finished has left no file, so each shard is there once.

    Args:
        job: What is done.
        numbers: Which shards.
        progress: Is told of rows and shards.
        processes: How many at a time.
    """
    pool = _Pool(job, numbers, progress)
    try:
        pool.start(min(processes, len(numbers)))
        while pool.workers:
            pool.step()
    finally:
        pool.stop()
    return pool.outcomes


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    number: int | None = None
    rows: int = 0


class _Pool:
    """Processes, each with a pipe of its own: one that is killed holds no lock of the others."""

    def __init__(self, job: Job, numbers: Sequence[int], progress: Progress) -> None:
        self.job, self.progress = job, progress
        self.waiting = deque(numbers)
        self.tries = dict.fromkeys(numbers, 0)
        self.workers: dict[Connection, _Worker] = {}
        self.outcomes: list[Outcome] = []

    def start(self, count: int) -> None:
        """Start processes; "spawn", as threads of PyTorch do not survive a fork."""
        context = multiprocessing.get_context("spawn")
        for _ in range(count):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, self.job), daemon=True)
            process.start()
            there.close()
            worker = _Worker(process, here)
            self.workers[here] = worker
            self._give(worker)

    def step(self) -> None:
        """Wait for a process to say something, or to die."""
        for pipe in wait(list(self.workers)):
            worker = self.workers[pipe]  # type: ignore[index]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._lost(worker)
                continue
            if isinstance(message, Outcome):
                self._finished(worker, message)
            else:
                worker.rows += message
                self.progress.add(message)

    def stop(self) -> None:
        """End all processes; what they were writing leaves no file of its name."""
        for worker in self.workers.values():
            worker.pipe.close()
            worker.process.terminate()
        for worker in self.workers.values():
            worker.process.join()

    def _give(self, worker: _Worker) -> None:
        """Give a process the next shard; without one it ends."""
        worker.number, worker.rows = (self.waiting.popleft() if self.waiting else None), 0
        try:
            worker.pipe.send(worker.number)
        except OSError:  # it has just died
            self._lost(worker)
            return
        if worker.number is None:
            del self.workers[worker.pipe]
            worker.process.join()
            worker.pipe.close()

    def _finished(self, worker: _Worker, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.progress.finish(outcome)
        self._give(worker)

    def _lost(self, worker: _Worker) -> None:
        del self.workers[worker.pipe]
        worker.pipe.close()
        worker.process.join()
        number = worker.number
        if number is not None:
            self.progress.add(-worker.rows)
            self.tries[number] += 1
            if self.tries[number] < _MOST_TRIES:
                self.waiting.appendleft(number)
            else:
                self._give_up(number, worker.process.exitcode)
        if self.waiting:
            self.start(1)

    def _give_up(self, number: int, code: int | None) -> None:
        name = self.job.shards[number].name
        how = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
        message = (
            f"the process that worked on it died {_MOST_TRIES} times ({how}), for want of memory "
            "perhaps. Take fewer --processes, or smaller shards."
        )
        self._note(Outcome(name, error=message))

    def _note(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.progress.finish(outcome)


def _serve(pipe: Connection, job: Job) -> None:
    """Do shards until there are none: the main function of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    try:
        job.check_run()
        fault = None
    except VaekitError as error:
        fault = str(error)
    try:
        while (number := pipe.recv()) is not None:
            if fault is not None:
                pipe.send(Outcome(job.shards[number].name, error=fault))
            else:
                pipe.send(job.work(number, pipe.send))
    except (EOFError, BrokenPipeError):
        return
