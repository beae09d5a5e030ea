"""What commands print, and one line on Ctrl-C and SIGTERM that says what is kept."""

import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

_ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that move the cursor, color, or rename the window; not tabs and line ends."""


class SafeConsole(Console):
    """Prints without the control characters of what it is given; colors of its own stay.

    A cell of a table, a name of a file or a message may hold ``ESC ] 0 ; ...``: a terminal would do
    what it says.

    Example:
        >>> SafeConsole(markup=False).print("a \\x1b[2Jname")
        a [2Jname
    """

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield segments whose text is text alone."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else _ORDERS.sub("", text), style, control)


def print_message(kind: str, style: str, message: str) -> None:
    """Print one line to the standard error, whatever the width of the terminal.

    Args:
        kind: What it is, in front of a colon.
        style: Of these words.
        message: The rest, whose line ends become spaces.
    """
    to = SafeConsole(stderr=True, markup=False, highlight=False, emoji=False)
    to.print(f"{kind}:", style=style, end=" ")
    to.print(" ".join(message.splitlines()), soft_wrap=True)


_NOTHING_LOST = "Nothing that was there before is changed."


class Stopped(BaseException):
    """Somebody asked the command to stop; no ``KeyboardInterrupt``, which typer answers itself."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def stopping_in_one_line() -> Iterator[None]:
    """End the process with one line and the usual status, 128 and the signal's number.

    Some packages catch whatever comes while they are imported, and fail later of what they then
    lack; so an exception after a signal is what became of the signal.
    """
    came: list[int] = []

    def stop(number: int, frame: object) -> NoReturn:
        came.append(number)
        raise Stopped(number)

    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    handled = [n for n, handler in before.items() if handler is not signal.SIG_IGN]
    try:
        for number in handled:
            signal.signal(number, stop)
        yield
    except (Stopped, Exception) as error:
        if not came:
            raise
        said = str(error.args[0]) if isinstance(error, Stopped) and error.args else _NOTHING_LOST
        print_message("stopped", "bold yellow", said)
        sys.exit(128 + came[-1])
    finally:
        for number in handled:
            signal.signal(number, before[number])


@contextmanager
def saying_what_is_kept(run: Path, checkpoint: str) -> Iterator[None]:
    """Let a command that trains say how to go on, where it is stopped after the training."""
    try:
        yield
    except Stopped as stop:
        if not stop.args and (run / checkpoint).exists():
            stop.args = (
                f"The training is kept in {run / checkpoint}; the same command with --resume "
                "goes on from there.",
            )
        raise


@contextmanager
def saying_how_far(tell: Callable[[], str]) -> Iterator[None]:
    """Let a command of several trainings, which keeps none of them by itself, say so when stopped.

    Args:
        tell: Returns the sentence, at the time of the stop.
    """
    try:
        yield
    except Stopped as stop:
        stop.args = (tell(),)  # what a single training says would be of itself only
        raise
