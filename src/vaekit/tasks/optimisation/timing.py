"""Calls that may take too long."""

import threading
from collections.abc import Callable
from typing import Any

from vaekit.errors import VaekitError

__all__ = ["HangingError", "TimedCalls"]

_MOST_LEFT = 4  # calls that were given up and still go on


class HangingError(VaekitError):
    """Too many calls were given up and still go on."""


class TimedCalls:
    """Calls functions, and gives up waiting after a time.

    A call that was given up goes on in its thread, for Python cannot end one; it does not keep the
    program from ending. While four such calls go on, no further one is begun, so that functions
    that hang do not pile up.

    Example:
        >>> TimedCalls().call(len, "CCO", 5.0)
        3
    """

    def __init__(self) -> None:
        self._left: list[threading.Thread] = []

    def call(self, function: Callable[[Any], Any], argument: Any, seconds: float | None) -> Any:
        """Call a function.

        Args:
            function: Of one argument.
            argument: It.
            seconds: How long to wait; ``None`` for as long as it takes, in this thread.

        Raises:
            TimeoutError: It took longer.
            HangingError: It was not called, as too many that were given up still go on.
            BaseException: Whatever the function raised.
        """
        if seconds is None:
            return function(argument)
        self._check()
        answers: list[Any] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                answers.append(function(argument))
            except BaseException as error:  # handed to the thread that waits
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        if errors:
            raise errors[0]
        if not answers:
            self._left.append(thread)
            raise TimeoutError(f"took longer than {seconds:g} s")
        return answers[0]

    def _check(self) -> None:
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= _MOST_LEFT:
            raise HangingError(
                f"calls must end at some time; {len(self._left)} that took too long still go on, "
                "and Python cannot end them. Allow more time, or let the function start its "
                "program by subprocess.run(..., timeout=seconds), which ends it."
            )
