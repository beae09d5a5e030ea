"""Warnings of the work for one request, though warnings of Python belong to the whole process."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.Lock()
_own = threading.local()
_state: dict[str, Any] = {"users": 0, "block": None, "before": None}


@contextmanager
def collecting_warnings() -> Iterator[list[str]]:
    """Give a list of what the current thread warns of meanwhile; other threads have their own.

    Example:
        >>> with collecting_warnings() as said:
        ...     warnings.warn("a new label")
        >>> said
        ['a new label']
    """
    said: list[str] = []
    outer = getattr(_own, "said", None)
    _own.said = said
    _enter()
    try:
        yield said
    finally:
        _leave()
        _own.said = outer


def _enter() -> None:
    """Let warnings come here, from the first thread that works to the last."""
    with _lock:
        _state["users"] += 1
        if _state["users"] == 1:
            block = warnings.catch_warnings()
            block.__enter__()
            _state["block"], _state["before"] = block, warnings.showwarning
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _show


def _leave() -> None:
    with _lock:
        _state["users"] -= 1
        if _state["users"] == 0:
            _state["block"].__exit__(None, None, None)


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    said = getattr(_own, "said", None)
    if said is None:
        _state["before"](message, category, filename, lineno, file, line)
    elif issubclass(category, UserWarning):
        text = str(message)
        if text not in said:
            said.append(text)
