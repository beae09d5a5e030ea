"""Stopping a training at the end of a step, so that what was learned can be kept."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether somebody has asked a training to stop, and with which signal."""

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def is_made(self) -> bool:
        """Whether it has been asked."""
        return self.number is not None

    def stop(self, kept: str) -> NoReturn:
        """Leave the loop.

        Args:
            kept: A sentence on what is kept, for whoever asked.
        """
        raise _Leave(kept)


class _Leave(BaseException):
    """From the end of a step to the end of the training."""


@contextmanager
def finishing_steps(alone: bool) -> Iterator[StopRequest]:
    """Let Ctrl-C and SIGTERM wait for the end of a step; the second one does not wait.

    After the step the signal is given again to whoever handled it before: it then ends the process,
    or raises, and the sentence on what is kept becomes the message of what is raised.

    Args:
        alone: Whether this is the only process; several would have to agree on the step. Signals
            also reach the main thread only. Where they are not handled, the request is never made.
    """
    request = StopRequest()
    if not alone or threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    handled = [n for n, handler in before.items() if handler not in (None, signal.SIG_IGN)]

    def restore() -> None:
        for number in handled:
            signal.signal(number, before[number])

    def note(number: int, frame: object) -> None:
        if request.is_made:
            restore()
            signal.raise_signal(number)
        request.number = number

    for number in handled:
        signal.signal(number, note)
    try:
        yield request
    except _Leave as leave:
        restore()
        _hand_on(request, str(leave))
    finally:
        restore()
    if request.is_made:  # after the last step: the training is whole
        _hand_on(request, "")


def _hand_on(request: StopRequest, kept: str) -> None:
    """Give a signal to whoever handled it before."""
    assert request.number is not None
    try:
        signal.raise_signal(request.number)
    except BaseException as stop:
        if kept:
            stop.args = (kept,)
        raise stop from None
    raise KeyboardInterrupt(kept)  # its handler did nothing
