"""Items that nothing is learnt from, to compare new ones with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import is_frame
from vaekit.errors import SpecError

__all__ = ["PARTS", "held_out_count", "parted"]

PARTS = 5
"""Of so many equal parts of the items one is held out."""

_FEWEST = 20


def held_out_count(items: int, rate: float) -> int:
    """How many of so many items to hold out, for a false-alarm rate.

    Raises:
        SpecError: It would be more than half of them.

    Example:
        >>> held_out_count(1000, 0.01)
        200
    """
    count = max(_FEWEST, int(np.ceil(1 / rate)) - 1, items // PARTS)
    if count > items // 2:
        raise SpecError(
            f"a false-alarm rate of {rate} needs {count} items to compare with, at most half "
            f"of all; got {items} items. Ask for a higher rate, or pass more items."
        )
    return count


def parted(X: Any, count: int, seed: int) -> tuple[Any, Any]:
    """All items but so many, chosen at random, and those."""
    X = X if is_frame(X) else np.asarray(X)
    order = np.random.default_rng(seed).permutation(len(X))
    return _at(X, order[count:]), _at(X, order[:count])


def _at(items: Any, places: NDArray[np.int64]) -> Any:
    return items.iloc[places] if is_frame(items) else items[places]
