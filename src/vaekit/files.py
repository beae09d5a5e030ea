"""Writing files so that a reader finds either the old content or the new, never a part."""

import contextlib
import ctypes
import json
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, cast

from vaekit.errors import FormatError, InUseError, SaveError, SpecError
from vaekit.places import check_replaceable

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_JSON_BYTES = 256 * 2**20


def expanded_path(path: str | Path) -> Path:
    """Return a path in which ``~`` is the home folder, as a shell reads it.

    Raises:
        SpecError: ``~name`` of a user that this machine does not have.

    Example:
        >>> expanded_path("~/runs/mine") == Path.home() / "runs" / "mine"
        True
        >>> expanded_path("runs/~mine").as_posix()
        'runs/~mine'
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise SpecError(
            f"a path that begins with ~ must name the home folder of a user; got {str(path)!r}, "
            f"and there is none. Write the folder out, or ./{path} for a file of that name."
        ) from error


def atomic_write(path: Path, content: bytes) -> None:
    """Write a file: to a neighbor first, synced, then renamed over it.

    Raises:
        SaveError: The disk is full or not writable; the old file is untouched.
    """
    with atomic_file(path) as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file that takes the place of ``path`` when the block ends well.

    Raises:
        SaveError: The disk is full or not writable; the old file is untouched.
    """
    path = expanded_path(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with _opening(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(path):
            sweep(path)
            name = _neighbor(path)
            handle = os.open(name, flags, 0o666)
            try_lock(handle)
    try:
        with _saving(path), os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            name.replace(path)
            _sync_folder(path.parent)
    finally:
        name.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``path`` when the block ends well.

    Where the system can exchange two names in one step (Linux, macOS), there is no moment without
    a folder of that name. Elsewhere there are two renames, and `heal` mends what a kill between
    them leaves.

    Raises:
        SaveError: The disk is full or not writable, or the process is in the folder; the old one
            is untouched.
    """
    path = expanded_path(path)
    check_replaceable("a folder to write", path)
    with _opening(path):
        if path.is_symlink() or path.name == "..":  # what is meant is replaced, not the link to it
            path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(path):
            heal(path)
            sweep(path)
            fresh = _neighbor(path)
            fresh.mkdir()
            handle = os.open(fresh, os.O_RDONLY)
            try_lock(handle)
    try:
        with _saving(path):
            yield fresh
            for file in fresh.rglob("*"):
                if not file.is_symlink():
                    _sync_folder(file)
            _sync_folder(fresh)
            _swap(fresh, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        os.close(handle)


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """Turn what the system refuses before anything is written into an error.

    Raises:
        SaveError: The folder cannot be written to.
    """
    try:
        yield
    except SaveError:
        raise
    except OSError as error:
        raise SaveError(f"cannot write to {path.parent}: {error}.") from error


@contextmanager
def _saving(path: Path) -> Iterator[None]:
    """Turn what the system refuses into an error that says that nothing is lost.

    Raises:
        SaveError: The disk is full, or not writable.
    """
    try:
        yield
    except SaveError:
        raise
    except OSError as error:
        raise SaveError(
            f"{path} could not be written ({error}); what was there before is unchanged. Free "
            "disk space or choose another place."
        ) from error


_HEX = 12


def _neighbor(path: Path) -> Path:
    """Return a new name in the same folder; made with the caller's umask, unlike ``tempfile``'s."""
    return path.with_name(f".{path.name}.{secrets.token_hex(_HEX // 2)}")


_LEFTOVER = re.compile(rf"\.(.+)\.[0-9a-f]{{{_HEX}}}(\.old)?", re.DOTALL)


def is_leftover(name: str, of: str | None = None) -> bool:
    """Return whether a name is one that a writer gives to what it has not finished.

    Args:
        name: Of a file or folder.
        of: What it was to become; anything by default.

    Example:
        >>> is_leftover(".run.0123456789ab"), is_leftover(".run.0123456789ab", of="walk")
        (True, False)
    """
    found = _LEFTOVER.fullmatch(name)
    return found is not None and of in (None, found[1])


def _leftovers(path: Path) -> list[Path]:
    """Return what writers of this path have beside it: at work, or killed.

    In a folder that is itself being written there is nothing of others, so it is not looked
    through for each of its files.
    """
    if is_leftover(path.parent.name):
        return []
    try:
        return [item for item in path.parent.iterdir() if is_leftover(item.name, path.name)]
    except OSError:
        return []


def heal(path: Path) -> Path:
    """Return where the folder of a path is, put back if a writer was killed between two renames.

    Where it cannot be put back, on a disk that cannot be written for instance, it is read from
    where it is.
    """
    if path.exists() or path.is_symlink():
        return path
    found = [item for item in _leftovers(path) if item.name.endswith(".old") and item.is_dir()]
    if not found:
        return path
    last = max(found, key=lambda item: item.stat().st_mtime)
    fresh = last.with_name(last.name.removesuffix(".old"))
    if fresh.exists() and _is_in_use(fresh):  # its writer lives, and is about to rename that one
        return last
    try:
        last.rename(path)
    except OSError:
        return last
    return path


def sweep(path: Path) -> None:
    """Remove what killed writers of a path left beside it; of those at work, nothing."""
    for item in _leftovers(path):
        if not _is_in_use(item):
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item, ignore_errors=True)
            else:
                item.unlink(missing_ok=True)


def _is_in_use(path: Path) -> bool:
    """Return whether a living process holds the lock of a file or folder, or none can be had."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return not path.is_symlink()
    try:
        return not try_lock(handle)
    finally:
        os.close(handle)


def try_lock(handle: int) -> bool:
    """Take the lock of an open file or folder, which the system frees with its holder.

    Returns:
        Whether it was free; ``False`` also where the system or the disk knows no such locks.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process at a time look at the neighbors of a path and add one."""
    if fcntl is None or is_leftover(path.parent.name):  # a new folder has one writer, who locked it
        yield
        return
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a disk without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


_holders: dict[Path, tuple[int, int]] = {}
"""The process and the thread that hold each folder; a forked process is no holder."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep others from working into a folder; who holds it may hold it again.

    The lock is a file beside the folder, ``.<name>.lock``, which the system frees with its holder,
    however that ends. Where a disk knows no locks, nothing is held.

    Raises:
        InUseError: Another process or thread holds it.
        SaveError: No file can be written there.
    """
    path = folder.resolve()
    me = os.getpid(), threading.get_ident()
    if fcntl is None or _holders.get(path) == me:
        yield
        return
    lock = path.with_name(f".{path.name}.lock")
    with _opening(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _locked(lock, folder)
    _holders[path] = me
    try:
        yield
    finally:
        if me[0] == os.getpid():  # not a process that was forked within the block
            del _holders[path]
            lock.unlink(missing_ok=True)
        os.close(handle)


def _locked(lock: Path, folder: Path) -> int:
    """Open a lock file that nobody else holds, and write into it who does now."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 100).decode(errors="replace").strip()
            os.close(handle)
            raise InUseError(
                f"one training at a time must work into {folder}; {holder or 'another process'} "
                "does so now. Wait for it or stop it, or choose another folder."
            ) from None
        except OSError:  # a disk without locks
            return handle
        if lock.exists() and os.fstat(handle).st_ino == lock.stat().st_ino:
            os.truncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {platform.node()}\n".encode())
            return handle
        os.close(handle)  # its holder has just removed it


def _swap(fresh: Path, path: Path) -> None:
    """Put a folder in the place of another, in one step where the system can."""
    if not path.exists():
        fresh.rename(path)
    elif not _exchange(fresh, path):
        _rename_twice(fresh, path)
    _sync_folder(path.parent)


def _rename_twice(fresh: Path, path: Path) -> None:
    old = fresh.with_name(fresh.name + ".old")
    path.rename(old)
    try:
        fresh.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # Linux
_RENAME_SWAP = 2  # macOS


def _exchange(a: Path, b: Path) -> bool:
    """Exchange the names of two folders in one step; return whether the system could."""
    first, second = os.fsencode(a), os.fsencode(b)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":  # pragma: no cover - another system
            return bool(library.renamex_np(first, second, _RENAME_SWAP) == 0)
        answer = library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE)
    except (AttributeError, OSError, TypeError):
        return False
    return bool(answer == 0)


def _sync_folder(path: Path) -> None:
    """Make what was written last through a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def to_json(value: Any) -> bytes:
    """JSON without NaN, keys in their order: the same value gives the same bytes."""
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def check_stored_file(path: Path) -> None:
    """Refuse what is no regular file in its own folder, without opening it.

    A pipe would be waited for, a device could be read without end, and a link could make a run
    read, or a later save overwrite, a file somewhere else.

    Raises:
        FormatError: It is missing, or something else.
    """
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            real, folder = (Path(os.path.realpath(place)) for place in (path, path.parent))
            if real.parent not in (folder, _blobs_of(folder)):
                raise FormatError(f"{path} must lie in the run folder; it points to {real}.")
            found = real.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FormatError(f"{path} is missing; this is no complete run folder.") from error
    except (OSError, ValueError) as error:
        raise FormatError(f"{path} must be a file that can be read: {error}.") from error
    if not stat.S_ISREG(found.st_mode):
        raise FormatError(
            f"{path} must be a regular file; got a {_kind_of(found.st_mode)}. Get a sound copy of "
            "the folder."
        )


def _blobs_of(folder: Path) -> Path | None:
    """Return where the cache of the hub keeps the files that a snapshot there links to."""
    return folder.parents[1] / "blobs" if folder.parent.name == "snapshots" else None


def _kind_of(mode: int) -> str:
    kinds = {stat.S_ISDIR: "folder", stat.S_ISFIFO: "pipe", stat.S_ISSOCK: "socket"}
    return next((name for is_kind, name in kinds.items() if is_kind(mode)), "device")


@contextmanager
def stored_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a stored file, open for reading; see `check_stored_file`.

    Raises:
        FormatError: As of `check_stored_file`, or it cannot be read.
    """
    check_stored_file(path)
    # Between the check and now it could have become a pipe, which must not be waited for.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except OSError as error:
        raise FormatError(f"{path} must be a file that can be read: {error}.") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise FormatError(f"{path} must be a regular file; it changed while it was read.")
        yield file


def read_json(path: Path) -> Any:
    """Read a JSON file that was stored.

    Raises:
        FormatError: Missing, no regular file, too large, truncated, nested too deep, or no JSON.
    """
    with stored_file(path) as file:
        try:
            if os.fstat(file.fileno()).st_size > _MOST_JSON_BYTES:
                raise FormatError(f"{path} is larger than any file that vaekit writes; refused.")
            content = file.read(_MOST_JSON_BYTES + 1)
        except OSError as error:
            raise FormatError(f"{path} must be a file that can be read: {error}.") from error
    return parse_json(content, str(path))


def parse_json(content: bytes, place: str) -> Any:
    """Return what JSON text says.

    Args:
        content: The text, encoded.
        place: What it is, as errors call it.

    Raises:
        FormatError: It is none, nested too deep, or has numbers that are not finite.

    Example:
        >>> parse_json(b'{"a": [1, 2]}', "model.json")
        {'a': [1, 2]}
    """
    _check_nesting(content, place)
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{place} must be a JSON file; it is damaged: {error}.") from error


_MOST_DEPTH = 64
_MOST_CONTAINERS, _MOST_VALUES = 2**20, 2**24
_BACKSLASHES = re.compile(rb"\\*+")
_WINDOW = 2**20  # bytes looked at in one piece, so that there is no second copy of a large file
_BUT_STRUCTURE = bytes(set(range(256)) - set(b'[]{},"'))
_QUOTE, _COMMA, _OPENS = 34, 44, 2  # [ and { have this bit, ] and } have not


def _check_nesting(content: bytes, place: str) -> None:
    """Refuse JSON that is nested too deep, or has too many values, before it is parsed.

    Raises:
        FormatError: It does.
    """
    if content.count(b"[") + content.count(b"{") <= _MOST_DEPTH and len(content) < _WINDOW:
        return  # as of most files
    import numpy as np  # which the start of the package does without

    depth = deepest = containers = values = quotes = 0
    for structure in _structure(content):
        is_quote = structure == _QUOTE
        is_outside = ((np.cumsum(is_quote) + quotes) % 2 == 0) & ~is_quote
        quotes += int(is_quote.sum())
        outside = structure[is_outside]  # brackets and commas in texts do not count
        brackets = outside[outside != _COMMA] & _OPENS
        steps = np.cumsum(brackets.astype(np.int64) - 1)
        values += len(outside) - len(brackets)
        containers += int((brackets > 0).sum())
        deepest = max(deepest, depth + int(steps.max(initial=0)))
        depth += int(steps[-1]) if len(steps) else 0
        if containers > _MOST_CONTAINERS or values > _MOST_VALUES:
            raise FormatError(
                f"{place} must have at most {_MOST_CONTAINERS} lists and objects and "
                f"{_MOST_VALUES} values; got {containers} and {values} or more. It is damaged: "
                "get a sound copy."
            )
    if deepest > _MOST_DEPTH:
        raise FormatError(
            f"{place} must be nested at most {_MOST_DEPTH} deep; got {deepest}. It is damaged: get "
            "a sound copy."
        )


def _structure(content: bytes) -> "Iterator[NDArray[np.uint8]]":
    """Yield the brackets, commas and quotes of JSON, without quotes that are part of a text."""
    import numpy as np

    start = 0
    while start < len(content):
        end = start + _WINDOW
        if content[end - 1 : end] == b"\\":  # not between a backslash and what it escapes
            end = cast(re.Match[bytes], _BACKSLASHES.match(content, end)).end() + 1
        window = content[start:end].replace(b"\\\\", b"").replace(b'\\"', b"")
        yield np.frombuffer(window.translate(None, _BUT_STRUCTURE), np.uint8)
        start = end


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
