"""The checker that jaxtyping's import hook puts on every function and dataclass of vaekit."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from beartype import beartype


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let beartype check the hints that carry a shape, and leave the rest to mypy.

    Tests of user mistakes pass wrong types on purpose and want vaekit's own error; and beartype
    can read neither ``Self`` outside a decorated class nor ``ndarray[Any, Any]``. While a model is
    traced, sizes are symbols, which a comparison would turn into plain numbers.
    """
    hints = getattr(function, "__annotations__", {})
    function.__annotations__ = {
        name: hint if "jaxtyping." in repr(hint) else Any for name, hint in hints.items()
    }
    checked = beartype(function)
    if checked is function or not inspect.isfunction(function):
        return checked

    @functools.wraps(function)
    def unless_traced(*args: Any, **kwargs: Any) -> Any:
        chosen = function if torch.compiler.is_exporting() else checked
        return chosen(*args, **kwargs)

    return unless_traced
