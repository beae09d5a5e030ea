"""Who works on which trial: a file for each, which is fresh and locked while its process lives."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

_BEAT, _STALE = 5.0, 120.0
"""Seconds between signs of life, and after which there is no life left, on other machines."""


class Lease:
    """A trial that this process works on; others see that it lives.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        lock(self._handle)
        os.write(self._handle, json.dumps({"host": _here(), "process": os.getpid()}).encode())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._over.wait(_BEAT):
            try:
                os.utime(self.path)
            except OSError:  # a disk that is away for a while; the next beat may find it again
                continue

    def release(self) -> None:
        """Give the trial back."""
        self._over.set()
        self._thread.join()
        os.close(self._handle)
        self.path.unlink(missing_ok=True)


def is_lost(path: Path) -> bool:
    """Return whether nobody works on a trial any more: its file is gone, free, or long untouched.

    The lock counts on this machine only, since some network disks keep locks apart by machine;
    there it is the time of the last sign of life, by the clock of the disk.

    Args:
        path: As of `Lease`.
    """
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        holder = os.read(handle, 1000)
        if _is_here(holder) and lock(handle):
            return True
        touched = os.fstat(handle).st_mtime
    finally:
        os.close(handle)
    return _now(path.parent) - touched > _STALE


def _is_here(holder: bytes) -> bool:
    try:
        return bool(json.loads(holder)["host"] == _here())
    except (ValueError, KeyError, TypeError):  # killed while it wrote
        return True


def _here() -> str:
    return socket.gethostname()


def _now(folder: Path) -> float:
    """Return the time by the clock of the disk."""
    probe = folder / f".now-{_here()}-{os.getpid()}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def lock(handle: int) -> bool | None:
    """Take the lock of an open file, which the system frees with its holder.

    Returns:
        Whether it was free; ``None`` where the system or the disk knows no such locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


_POLL = 0.02


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Within the block no other process is in such a block; the system frees it with its holder.

    Where there are no such locks, a file that is made and removed stands for it; that of a process
    that was killed is in the way for half a minute.

    Args:
        path: Of the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        while (taken := lock(handle)) is False:
            time.sleep(_POLL)
        if taken is None:
            with _made_file(path):
                yield
        else:
            yield
    finally:
        os.close(handle)


@contextmanager
def _made_file(path: Path) -> Iterator[None]:
    from optuna.storages.journal import JournalFileOpenLock

    own = JournalFileOpenLock(str(path))
    own.acquire()
    try:
        yield
    finally:
        own.release()
