"""Shards in this process, or in several of this machine."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from vaekit.batch.job import Job, Outcome
from vaekit.batch.progress import Progress
from vaekit.errors import VaekitError

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
