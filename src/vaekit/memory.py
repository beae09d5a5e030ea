"""How much memory there is, asked before much of it is taken, and kept while it is needed."""

import ctypes
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vaekit.errors import VaekitError

_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_limit() -> int:
    """Return the bytes that this process can have at most: no more would ever be granted.

    The least of the machine's memory, of what its group of processes may have (in a container),
    and of what is left of its own limit (``ulimit -v``). What others use at present is not taken
    off, so what is refused by it could not be had at any time.

    Example:
        >>> memory_limit() > 2**20
        True
    """
    return max(0, min(_limits()))


def _limits() -> Iterator[int]:
    yield sys.maxsize
    for ask in (_of_machine, _of_group, _of_process):
        try:
            yield ask()
        except (ImportError, AttributeError, OSError, ValueError):
            continue  # this kind of system does not say


def _of_machine() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_group() -> int:
    texts = [Path(name).read_text("ascii").strip() for name in _GROUPS if Path(name).is_file()]
    return min(int(text) for text in texts if text.isdigit())


def _of_process() -> int:
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return limit - used * os.sysconf("SC_PAGE_SIZE")


def check_memory(
    what: str, wanted: float, remedy: str, error: Callable[[str], VaekitError]
) -> None:
    """Refuse what could never fit in memory, before any of it is asked for.

    Args:
        what: What is to fit, at the start of a sentence.
        wanted: The bytes that it takes at least.
        remedy: What to do instead, in a sentence.
        error: What is raised: `SpecError` for an option, `DataError` for data.

    Raises:
        VaekitError: It is more than `memory_limit`.

    Example:
        >>> from vaekit.errors import SpecError
        >>> check_memory("n=10 items", 10 * 8, "Ask for fewer.", SpecError)
    """
    limit = memory_limit()
    if wanted > limit:
        raise error(
            f"{what} must fit in memory; got {_size(wanted)}, and there are {_size(limit)}. "
            f"{remedy}"
        )


def _size(count: float) -> str:
    if math.isinf(count):
        return "more"
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB" if count < 1e6 else f"{count:.1e} TB"


# Parameters of glibc's mallopt.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER = 2**31 - 1
_LARGEST = 32 * 2**20  # bytes; glibc refuses more
_AFTERWARDS = 2 * _LARGEST  # what glibc's own rule ends at


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within the block, freed memory stays with the process; afterwards it is given back.

    A step of a convolutional network allocates and frees the same hundred megabytes every time.
    The C library returns them to the system at once and asks for them again, and for each page
    anew the system has to find, clear and map one: a tenth of a training's time, a quarter for
    wide feature maps, a sixth of the time of scoring rows. Where the C library is not glibc,
    nothing is done.
    """
    tune = _tuner()
    tune(_MMAP_THRESHOLD, _LARGEST)
    tune(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        tune(_TRIM_THRESHOLD, _AFTERWARDS)


def _tuner() -> Callable[[int, int], int]:
    try:
        tune: Callable[[int, int], int] = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, musl, Windows
        return lambda parameter, value: 0
    return tune
