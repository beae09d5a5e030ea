"""The checker that jaxtyping's import hook puts on every function and dataclass of vaekit."""

from collections.abc import Callable
from typing import Any

from beartype import beartype


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let beartype check the hints that carry a shape, and leave the rest to mypy.

    Tests of user mistakes pass wrong types on purpose and want vaekit's own error; and beartype
    can read neither ``Self`` outside a decorated class nor ``ndarray[Any, Any]``.
    """
    hints = getattr(function, "__annotations__", {})
    function.__annotations__ = {
        name: hint if "jaxtyping." in repr(hint) else Any for name, hint in hints.items()
    }
    return beartype(function)
