"""What commands print: data, names of files and errors are text, and never orders to a terminal."""

import re
from collections.abc import Iterable
from typing import Any

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
