"""A process of a search: ``python -m vaekit.tuning.worker``, with its task at standard input."""

import os
import pickle
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vaekit.errors import SpecError
from vaekit.tuning.work import Task, work

_PATIENCE = 60.0


@contextmanager
def helpers(task: Task, count: int) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """Within the block, further processes work on the task; they are ended after it.

    The task goes through a pipe, from this process to its own children.

    Args:
        task: What to do.
        count: How many processes.

    Raises:
        SpecError: The data or options cannot be handed to other processes.
    """
    if count == 0:
        yield ()
        return
    try:
        content = pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise SpecError(
            f"with processes above 1 data and options must be such that pickle can store; {error}. "
            "Use processes=1, or put what is yours into a module."
        ) from error
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            started.append(_start(content, count + 1))
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.terminate()
        for process in started:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(content: bytes, processes: int) -> subprocess.Popen[bytes]:
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    environment = {"OMP_NUM_THREADS": threads, **os.environ, "PYTHONPATH": _path()}
    process = subprocess.Popen(
        [sys.executable, "-m", "vaekit.tuning.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdin is not None, "a pipe was asked for"
    try:
        process.stdin.write(content)
        process.stdin.close()
    except BrokenPipeError:  # it died at once; the others do its work
        pass
    return process


def _path() -> str:
    """Return where this process finds modules, so that others find the same."""
    return os.pathsep.join(place for place in sys.path if place)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Work on the task at standard input."""
    signal.signal(signal.SIGTERM, _stop)
    warnings.simplefilter("ignore")  # the first process has shown them
    task = pickle.load(sys.stdin.buffer)
    try:
        work(task)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
