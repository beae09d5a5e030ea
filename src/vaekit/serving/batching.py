"""One thread for each model, which merges requests that wait."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from vaekit.errors import VaekitError
from vaekit.serving.faults import DeadlineError, QueueFullError, UnavailableError
from vaekit.serving.limits import ServingLimits
from vaekit.serving.receiving import Request, Result, merged

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
        self._jobs: deque[_Job] = deque()
        self._rows, self._count, self._last = 0, 0, 0
        self._came = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_open = False
        self._seconds = 0.01

    def start(self) -> None:
        """Begin to work, for the first time or after a `stop`."""
        self._is_open = True
        self._thread = threading.Thread(target=self._work, name="vaekit-model", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, and end the thread."""
        with self._came:
            self._is_open = False
            self._came.notify_all()
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
        with self._came:
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
            self._rows += request.cost
            self._jobs.append(job)
            if len(self._jobs) == 1 or self._rows >= self._limits.batch_rows:
                self._came.notify()
        job.future.add_done_callback(self._done)
        return job.future

    def _done(self, future: "Future[Result]") -> None:
        with self._came:
            self._count -= 1

    def _work(self) -> None:
        while jobs := self._next():
            began = time.monotonic()
            ready = [job for job in jobs if self._is_wanted(job)]
            if ready:
                self._do(ready)
                took = (time.monotonic() - began) / len(ready)
                self._seconds += 0.05 * (took - self._seconds)

    def _next(self) -> Sequence[_Job]:
        """Return the jobs of the next batch; none at the end."""
        with self._came:
            while not self._jobs:
                if not self._is_open:
                    return ()
                self._came.wait()
            first = self._jobs[0]
            if first.key is not None and max(len(self._jobs), self._last) > 1:
                self._wait_for_more()  # a client that is alone need not wait for others
            taken = self._taken(first)
            self._last = len(taken)
            return taken

    def _wait_for_more(self) -> None:
        """Let others come for a few milliseconds, or until there are enough."""
        end = time.monotonic() + self._limits.batch_wait_ms / 1000
        while self._is_open and self._rows < self._limits.batch_rows:
            left = end - time.monotonic()
            if left <= 0:
                return
            self._came.wait(left)

    def _taken(self, first: _Job) -> Sequence[_Job]:
        """Return the first job, and those that wait that it can be merged with; others stay."""
        taken, left, rows = [self._jobs.popleft()], deque[_Job](), first.request.cost
        most = self._limits.batch_rows
        while self._jobs and first.key is not None and rows < most:
            job = self._jobs.popleft()
            if job.key == first.key and rows + job.request.cost <= most:
                taken.append(job)
                rows += job.request.cost
            else:
                left.append(job)
        self._jobs.extendleft(reversed(left))
        self._rows -= rows
        return taken

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
