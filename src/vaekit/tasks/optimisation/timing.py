"""Calls that may take too long."""

import threading
from collections.abc import Callable
from typing import Any

__all__ = ["call_within"]


def call_within(function: Callable[[Any], Any], argument: Any, seconds: float | None) -> Any:
    """Call a function, and give up waiting after a time.

    A call that was given up goes on in its thread, for Python cannot end one; it does not keep the
    program from ending.

    Args:
        function: Of one argument.
        argument: It.
        seconds: How long to wait; ``None`` for as long as it takes, in this thread.

    Raises:
        TimeoutError: It took longer.
        BaseException: Whatever the function raised.

    Example:
        >>> call_within(len, "CCO", 5.0)
        3
    """
    if seconds is None:
        return function(argument)
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
        raise TimeoutError(f"took longer than {seconds:g} s")
    return answers[0]
