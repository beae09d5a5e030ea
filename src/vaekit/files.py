"""Writing files so that a reader finds either the old content or the new, never a part."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from vaekit.errors import FormatError, SaveError, SpecError

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
    """Write a file: to a neighbour first, synced, then renamed over it.

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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = _neighbor(path)
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise SaveError(f"cannot write to {path.parent}: {error}.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        name.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise SaveError(
            f"{path} could not be written ({error}); what was there before is unchanged. Free "
            "disk space or choose another place."
        ) from error
    finally:
        name.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``path`` when the block ends well.

    Raises:
        SaveError: The disk is full or not writable; the old folder is untouched.
    """
    path = expanded_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = _neighbor(path)
        fresh.mkdir()
    except OSError as error:
        raise SaveError(f"cannot write to {path.parent}: {error}.") from error
    try:
        yield fresh
        for file in fresh.rglob("*"):
            _sync_folder(file)
        _swap(fresh, path)
    except OSError as error:
        raise SaveError(
            f"{path} could not be written ({error}); what was there before is unchanged. Free "
            "disk space or choose another place."
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _neighbor(path: Path) -> Path:
    """Return a new name in the same folder; made with the caller's umask, unlike ``tempfile``'s."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}")


def _swap(fresh: Path, path: Path) -> None:
    """Put a folder in the place of another; a folder cannot be renamed over a full one."""
    old = fresh.with_name(fresh.name + ".old")
    if path.exists():
        path.rename(old)
    try:
        fresh.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
    _sync_folder(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync_folder(path: Path) -> None:
    """Make a rename last through a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def to_json(value: Any) -> bytes:
    """JSON without NaN, keys in their order: the same value gives the same bytes."""
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FormatError: Missing, too large, truncated, or no JSON.
    """
    try:
        if path.stat().st_size > _MOST_JSON_BYTES:
            raise FormatError(f"{path} is larger than any file that vaekit writes; refused.")
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise FormatError(f"{path} is missing; this is no complete run folder.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} must be a JSON file; it is damaged: {error}.") from error
