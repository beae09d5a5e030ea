"""Which numbers are seeds."""

import numbers
from typing import Any

from vaekit.errors import SpecError

MOST = 2**32 - 1
"""The largest that PyTorch, NumPy and scikit-learn all take."""


def check_seed(seed: Any, name: str = "seed") -> int:
    """Return a seed as a plain integer; refuse what is none.

    Args:
        seed: A whole number from 0 to 4294967295.
        name: What the number is called, for the message.

    Raises:
        SpecError: It is anything else.

    Example:
        >>> check_seed(3)
        3
        >>> check_seed(-1)
        Traceback (most recent call last):
        ...
        vaekit.errors.SpecError: seed must be a whole number from 0 to 4294967295; got -1. Take 0.
    """
    if is_seed(seed):
        return int(seed)
    shown = repr(seed) if len(repr(seed)) < 60 else f"{repr(seed)[:50]}..."
    raise SpecError(f"{name} must be {RULE}; got {shown}. Take 0.")


RULE = f"a whole number from 0 to {MOST}"


def is_seed(seed: Any) -> bool:
    """Return whether this is a whole number from 0 to `MOST`."""
    return isinstance(seed, numbers.Integral) and 0 <= int(seed) <= MOST
