"""Memory that a training frees is kept for its next step, instead of being given back."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["kept_memory"]

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
    anew the system has to find, clear and map one: a tenth of a training's time, and a quarter
    for wide feature maps. Where the C library is not glibc, nothing is done.
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
