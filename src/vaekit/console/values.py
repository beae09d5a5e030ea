"""Checks of all options of all commands: seeds, counts, numbers, and paths."""

import inspect
import math
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

from vaekit.errors import SpecError
from vaekit.places import check_source, is_there
from vaekit.seeds import check_seed

MOST_COUNT = 2**31 - 1
"""The largest whole number that an option takes, seeds apart."""


def checking_values(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that looks at its options before it does anything.

    Seeds are seeds, whole numbers are below 2**31, other numbers are finite, and no path is a pipe,
    a device or a link to nothing.
    """

    @wraps(command)
    def checked(*args: Any, **options: Any) -> Any:
        given = inspect.signature(command).bind_partial(*args, **options).arguments
        named = {**given, **given.get("options", {})} if "options" in given else given
        for name, value in named.items():
            for each in _each(value):
                _check(name, each)
        return command(*args, **options)

    return checked


def _each(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _check(name: str, value: Any) -> None:
    option = f"--{name.replace('_', '-')}"
    if name == "seed" and value is not None:
        check_seed(value, option)
    elif isinstance(value, float) and not math.isfinite(value):
        raise SpecError(f"{option} must be a finite number; got {value}. Name one.")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > MOST_COUNT:
        raise SpecError(
            f"{option} must be at most {MOST_COUNT}; got {str(value)[:40]}. Take a smaller number."
        )
    elif isinstance(value, Path) or (isinstance(value, str) and is_there(value)):
        check_source(value)  # other words need be no paths
