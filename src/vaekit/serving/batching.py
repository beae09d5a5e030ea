"""One thread for each model, which merges requests that wait."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from vaekit.errors import VaekitError
from vaekit.serving.faults import DeadlineError, QueueFullError, UnavailableError
from vaekit.serving.limits import ServingLimits
from vaekit.serving.requests import Request, Result, merged

Run = Callable[[Request], Result]
Key = Callable[[Request], Any]
Watch = Callable[[str, int, int], None]


@dataclass(eq=False)
class _Job:
    """A request that waits."""

    request: Request
    deadline: float
    key: Any
    future: "Future[Result]" = field(default_factory=Future)


class Batcher:
    """Runs requests for one model in a thread of its own, several at a time where that helps.

    Requests are merged if their key says so: the first that waits, and those that come within a
    few milliseconds, up to so many rows. A fault in a merged batch is nobody's: then each request
    of it is run alone, and the one that is at fault gets it. So it is where there were warnings.

    Args:
        run: Does a request.
        key: What requests have to have in common to be merged; ``None`` for one that stays alone.
        limits: See `ServingLimits`.
        watch: Is told of each batch: the operation, and how many requests and rows it had.

    Example:
        >>> def double(request: Request) -> Result:
        ...     return Result({"values": [2 * item for item in request.items]})
        >>> batcher = Batcher(double, lambda request: request.operation, ServingLimits())
        >>> batcher.start()
        >>> batcher.submit(Request("double", [1, 2], 2)).result().values
        {'values': [2, 4]}
        >>> batcher.stop()
    """

    def __init__(
        self, run: Run, key: Key, limits: ServingLimits, watch: Watch | None = None
    ) -> None:
        self._run, self._key, self._limits, self._watch = run, key, limits, watch
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._count, self._lock = 0, threading.Lock()
        self._held: _Job | None = None
        self._thread: threading.Thread | None = None
        self._is_open = False
        self._seconds = 0.01

    def start(self) -> None:
        """Begin to work, for the first time or after a `stop`."""
        self._thread = threading.Thread(target=self._work, name="vaekit-model", daemon=True)
        self._thread.start()
        self._is_open = True

    def stop(self) -> None:
        """Finish what waits, and end the thread."""
        with self._lock:  # nothing comes behind the mark of the end
            self._is_open = False
            self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def waiting(self) -> int:
        """Requests that wait or are worked on."""
        return self._count

    def submit(self, request: Request) -> "Future[Result]":
        """Return the future result of a request.

        Raises:
            QueueFullError: As many wait as may.
            UnavailableError: Before `start`, or after `stop`.
        """
        job = _Job(request, time.monotonic() + self._limits.timeout, self._key(request))
        with self._lock:
            if not self._is_open:
                raise UnavailableError("the server must be running; it stops or starts.", 1)
            if self._count >= self._limits.queue:
                wait = max(1, round(self._count * self._seconds))
                raise QueueFullError(
                    f"at most {self._limits.queue} requests may wait for this model, and as many "
                    f"do. Try again in {wait} s.",
                    retry_after=wait,
                )
            self._count += 1
            job.future.add_done_callback(self._done)
            self._waiting.put(job)
        return job.future

    def _done(self, future: "Future[Result]") -> None:
        with self._lock:
            self._count -= 1

    def _work(self) -> None:
        while (jobs := self._next()) is not None:
            began = time.monotonic()
            ready = [job for job in jobs if self._is_wanted(job)]
            if ready:
                self._do(ready)
                took = (time.monotonic() - began) / len(ready)
                self._seconds += 0.05 * (took - self._seconds)

    def _next(self) -> Sequence[_Job] | None:
        """Return the jobs of the next batch; ``None`` at the end."""
        first = self._held or self._waiting.get()
        self._held = None
        if first is None:
            return None
        jobs, rows = [first], first.request.cost
        end = time.monotonic() + self._limits.batch_wait_ms / 1000
        while first.key is not None and rows < self._limits.batch_rows:
            job = self._take(end)
            if job is None:
                break
            rows += job.request.cost
            if job.key != first.key or rows > self._limits.batch_rows:
                self._held = job  # begins the next batch
                break
            jobs.append(job)
        return jobs

    def _take(self, end: float) -> _Job | None:
        """Return the next job that comes until then; a stop is left for later."""
        try:
            left = end - time.monotonic()
            job = self._waiting.get(timeout=left) if left > 0 else self._waiting.get_nowait()
        except queue.Empty:
            return None
        if job is None:
            self._waiting.put(None)
        return job

    def _is_wanted(self, job: _Job) -> bool:
        """Return whether somebody still waits for it."""
        if not job.future.set_running_or_notify_cancel():
            return False
        if time.monotonic() > job.deadline:
            job.future.set_exception(
                DeadlineError(
                    f"a request must be begun within {self._limits.timeout:g} s; too many were "
                    "before it. Try again later."
                )
            )
            return False
        return True

    def _do(self, jobs: Sequence[_Job]) -> None:
        if len(jobs) > 1 and self._do_merged(jobs):
            return
        for job in jobs:
            try:
                result = self._run(job.request)
            except BaseException as error:  # whatever it is, somebody waits for it
                job.future.set_exception(error)
            else:
                self._tell([job])
                job.future.set_result(result)

    def _do_merged(self, jobs: Sequence[_Job]) -> bool:
        """Return whether all of them could be done at once."""
        try:
            result = self._run(merged([job.request for job in jobs]))
        except (VaekitError, ValueError, TypeError, RuntimeError, MemoryError, ArithmeticError):
            return False
        if result.warnings:
            return False
        self._tell(jobs)
        start = 0
        for job in jobs:
            stop = start + job.request.count
            job.future.set_result(result.part(start, stop))
            start = stop
        return True

    def _tell(self, jobs: Sequence[_Job]) -> None:
        if self._watch is not None:
            rows = sum(job.request.count for job in jobs)
            self._watch(jobs[0].request.operation, len(jobs), rows)
