"""What becomes of an exception that no command caught: one line, an exit status, and a report."""

import errno
import importlib.metadata
import os
import platform
import re
import sys
import tempfile
import time
import traceback
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from vaekit.console.terminal import SafeConsole, print_message
from vaekit.errors import VaekitError

USER, OWN = 1, 70
"""Exit statuses: the user can mend it; the fault is in vaekit itself."""

_NO_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|cannot allocate memory|bad_alloc|"
    r"can't start new thread|failed to map segment|storage size calculation overflowed|"
    r"array is too big|maximum allowed dimension|maximum supported dimension|alloc_cpu|"
    r"unable to allocate|invalid buffer size",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(
    r"too large to convert|overflow when unpacking|out of bounds for|cannot fit|out of range",
    re.IGNORECASE,
)
_REMEDIES = {
    errno.ENOENT: "Look at the name.",
    errno.ENOTDIR: "Look at the name: what stands before a slash must be a folder.",
    errno.EISDIR: "Name a file in it.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EACCES: "Ask for the right to it, or choose another place.",
    errno.EPERM: "Ask for the right to it, or choose another place.",
    errno.EROFS: "Choose another place.",
    errno.ENOSPC: "Free disk space, or choose another place.",
    errno.EMFILE: "Allow more open files (ulimit -n).",
}


def report_fault(error: Exception, arguments: Sequence[str]) -> int:
    """Print one line about an exception, and with ``--debug`` its traceback; write a report then.

    Args:
        error: What ended the command.
        arguments: Of the command line, without the name of the program.

    Returns:
        The exit status.
    """
    if isinstance(error, BrokenPipeError):  # who read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return USER
    is_debug = is_debugging(arguments)
    if is_debug:
        traceback.print_exception(error, file=sys.stderr)
    message, status = fault_message(error)
    print_message("error", "bold red", f"{type(error).__name__}: {message}")
    if is_debug:
        path = write_report(error, arguments)
        SafeConsole(stderr=True, markup=False, highlight=False).print(
            f"wrote {path}: versions, command and traceback, to be attached to a report. Words in "
            "quotes are left out of it; look through it before you send it.",
            soft_wrap=True,
        )
    return status


def is_debugging(arguments: Sequence[str]) -> bool:
    """Return whether ``--debug`` stands among the arguments, in front of or behind the command.

    Example:
        >>> is_debugging(["fit", "a.csv", "run", "--debug"]), is_debugging(["fit", "--", "--debug"])
        (True, False)
    """
    words = list(arguments)
    return "--debug" in (words[: words.index("--")] if "--" in words else words)


def fault_message(error: Exception) -> tuple[str, int]:
    """Return what to say of an exception, and the exit status.

    Example:
        >>> fault_message(PermissionError(13, "Permission denied", "a.csv"))[0]
        'a.csv must be open to you; got: Permission denied. Ask for the right to it, or choose...
        >>> fault_message(KeyError("x"))[1]
        70
    """
    if isinstance(error, VaekitError):
        return str(error), USER
    for holds, say in _KINDS:
        if holds(error):
            return say(error), USER
    return (
        f"this is a fault of vaekit itself: {_short(error)}. Run the same command with --debug, "
        "and report it with the file that this writes."
    ), OWN


def _is_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno == errno.ENOMEM
    ):
        return True
    kinds = (RuntimeError, ValueError, ImportError, OSError)
    return isinstance(error, kinds) and bool(_NO_MEMORY.search(str(error)))


def _of_memory(error: Exception) -> str:
    return (
        f"data, model and results must fit in memory; they do not ({_short(error)}). Take fewer or "
        "smaller items, a smaller batch (--batch-size) or model, or more memory."
    )


def _of_os(error: Exception) -> str:
    assert isinstance(error, OSError)
    what = "a file" if error.filename is None else os.fsdecode(error.filename)
    if error.filename2 is not None:
        what = f"{what} and {os.fsdecode(error.filename2)}"
    remedy = _REMEDIES.get(error.errno or 0, "Look at the file and its folder.")
    return f"{what} must be open to you; got: {error.strerror or error}. {remedy}"


def _of_text(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return (
            f"text must be written in letters that {error.encoding} has; got "
            f"{error.object[error.start : error.end]!r}. Rename it, or set PYTHONUTF8=1."
        )
    return (
        f"text must be in the encoding that it is read in; {_short(error)}. Name another, for "
        "instance --encoding latin-1."
    )


def _of_depth(error: Exception) -> str:
    return "data must not be nested hundreds of levels deep; they are. Flatten them."


def _of_size(error: Exception) -> str:
    return (
        f"numbers must be of a size that computers count with; {_short(error)}. Take smaller ones."
    )


def _of_damage(error: Exception) -> str:
    return f"files must be whole; one of them is damaged: {_short(error)}. Fetch it again."


_KINDS: Sequence[tuple[Callable[[Exception], bool], Callable[[Exception], str]]] = (
    (_is_memory, _of_memory),
    (lambda e: isinstance(e, UnicodeError), _of_text),
    (lambda e: isinstance(e, RecursionError), _of_depth),
    (lambda e: isinstance(e, zipfile.BadZipFile | zlib.error | EOFError), _of_damage),
    (lambda e: isinstance(e, OSError), _of_os),
    (
        lambda e: (
            isinstance(e, OverflowError)
            or (isinstance(e, RuntimeError | ValueError) and bool(_TOO_LARGE.search(str(e))))
        ),
        _of_size,
    ),
)


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


_PACKAGES = ("vaekit", "torch", "numpy", "pandas", "pyarrow", "scikit-learn", "rdkit", "typer")
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")


def write_report(error: Exception, arguments: Sequence[str]) -> Path:
    """Write versions, command and traceback beside the user, or else into a temporary folder.

    Args:
        error: What ended the command.
        arguments: Of the command line.

    Returns:
        The file.
    """
    name = f"vaekit-fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    text = "\n".join(_report_lines(error, arguments)) + "\n"
    try:
        path = Path(name)
        path.write_text(text, "utf-8", errors="backslashreplace")
    except OSError:
        path = Path(tempfile.gettempdir(), name)
        path.write_text(text, "utf-8", errors="backslashreplace")
    return path


def _report_lines(error: Exception, arguments: Sequence[str]) -> list[str]:
    lines = [f"python {platform.python_version()} on {platform.platform()}"]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{package} is not installed")
    lines += ["", f"vaekit {' '.join(arguments)}", ""]
    told = traceback.TracebackException.from_exception(error)
    for line in told.format():
        is_place = line.startswith("  ")
        lines.append(line.rstrip() if is_place else _QUOTED.sub("'...'", line.rstrip()))
    return lines
