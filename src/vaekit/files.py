"""Writing files so that a reader finds either the old content or the new, never a part."""

import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, cast

from vaekit.errors import FormatError, SaveError, SpecError

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
            if real.parent != folder:
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
