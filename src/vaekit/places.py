"""Checks of paths, before anything is opened or made."""

import errno
import os
import stat
from pathlib import Path

from vaekit.errors import DataError, SaveError

_MOST_NAME = 255
_OF_FRESH_FILES = 14  # bytes that `vaekit.files` puts around the name of a file being written
_SPECIAL = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def is_hub_name(path: str | Path) -> bool:
    """Return whether words name a run of the hub, and no folder of this machine.

    Example:
        >>> is_hub_name("hf://mary/digits"), is_hub_name(Path("hf://mary/digits")), is_hub_name("a")
        (True, True, False)
    """
    return str(path).startswith(("hf:/", "hf:\\"))


def is_there(path: str | Path) -> bool:
    """Return whether a path leads to something; words that can be no path lead to nothing.

    Example:
        >>> is_there("x" * 300), is_there(".")
        (False, True)
    """
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            return False
        raise
    return True


def check_source(path: str | Path) -> None:
    """Refuse what can be no data: pipes, devices, links to nothing, and names that are too long.

    Reading a pipe may wait for ever, and a device never ends. What is not there passes.

    Raises:
        DataError: Says what it is.

    Example:
        >>> check_source("/dev/null")
        Traceback (most recent call last):
        ...
        vaekit.errors.DataError: a path must lead to a file or a folder; /dev/null is a device...
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except ValueError as error:
        raise DataError(
            "a path must not hold the character of number 0; got one that does. Mend its name."
        ) from error
    except OSError as error:
        _check_link(path, error)
        return
    if (what := _SPECIAL.get(stat.S_IFMT(mode))) is not None:
        raise DataError(
            f"a path must lead to a file or a folder; {path} is {what}. Write its content to a "
            "file first."
        )


def _check_link(path: Path, error: OSError) -> None:
    if error.errno == errno.ENAMETOOLONG:
        raise DataError(
            f"a path must have names of at most {_MOST_NAME} bytes; got {str(path)[:60]}... Look "
            "at the name."
        ) from error
    try:
        is_link = path.is_symlink()
    except OSError:
        return
    if is_link:
        why = "there is nothing" if error.errno == errno.ENOENT else (error.strerror or "no file")
        raise DataError(
            f"a path must lead to a file or a folder; {path} is a link to {path.readlink()}: "
            f"{why}. Mend the link, or name the file itself."
        ) from error


def check_target(option: str, path: Path) -> None:
    """Refuse a place where no file or folder can be written; worth asking before the work.

    Args:
        option: What names it.
        path: The file or folder to write; it and folders above it need not be there yet.

    Raises:
        SaveError: A name is too long, a folder above it is a file, or it may not be written.

    Example:
        >>> check_target("--out", Path("x" * 300))
        Traceback (most recent call last):
        ...
        vaekit.errors.SaveError: --out must have names of at most 241 bytes; got one of 300...
    """
    if is_hub_name(path):
        raise SaveError(
            f"{option} must be a place on this machine; got a name of the hub, {path}. Write it "
            "here, and publish a run by vaekit push RUN USER/MODEL."
        )
    if "\0" in str(path):
        raise SaveError(f"{option} must not hold the character of number 0; mend its name.")
    for name in path.parts:
        most = _MOST_NAME - (_OF_FRESH_FILES if name == path.name else 0)
        length = len(name.encode(errors="surrogateescape"))
        if length > most:
            raise SaveError(
                f"{option} must have names of at most {most} bytes; got one of {length}: "
                f"{name[:20]}... Choose a shorter name."
            )
    if is_there(path) and not (path.is_file() or path.is_dir()):
        raise SaveError(
            f"{option} must be a file or a folder; {path} is neither. Choose another name."
        )
    above = next(place for place in path.absolute().parents if is_there(place))
    if not above.is_dir():
        raise SaveError(
            f"{option} must lie in a folder; {above} is a file, so that {path} cannot be. Choose "
            "another place."
        )
    broken = next((place for place in path.absolute().parents if _leads_nowhere(place)), None)
    if broken is not None:
        raise SaveError(
            f"{option} must lie in a folder; {broken} is a link to nothing. Choose another place."
        )
    if not os.access(above, os.W_OK | os.X_OK):
        raise SaveError(
            f"{option} must lie in a folder that can be written; {above} cannot: it is read-only, "
            "or yours is not the right to. Choose another place."
        )


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not is_there(path)


def check_replaceable(option: str, path: Path) -> None:
    """Refuse a folder that cannot be replaced whole: the one the process is in, or one above it.

    Whoever stands in a folder that is replaced stands in one that is gone.

    Args:
        option: What names it.
        path: The folder; it need not be there.

    Raises:
        SaveError: It is.

    Example:
        >>> check_replaceable("a run", Path("."))
        Traceback (most recent call last):
        ...
        vaekit.errors.SaveError: a run must not be the folder that you are in, or one above it...
    """
    here = Path.cwd()
    if path.resolve() in (here, *here.parents):
        raise SaveError(
            f"{option} must not be the folder that you are in, or one above it, as it is replaced "
            f"whole; got {path}. Name a folder in it, or go to another one first."
        )
