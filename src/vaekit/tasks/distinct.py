"""Rows drawn until none of them repeats what must be unique."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.domains import Domain, TableDomain
from vaekit.errors import DataError

__all__ = ["distinct_items"]

_ROUNDS = 50


def distinct_items(domain: Domain, n: int, draw: Callable[[Tensor], Tensor]) -> Any:
    """Decode items; rows of tables that repeat what must be unique are drawn again.

    Args:
        domain: Of the items.
        n: How many are wanted.
        draw: Makes those at some places, of 0 … n - 1, as the networks see them.

    Raises:
        DataError: There are hardly as many different rows as are wanted.
    """
    x = draw(torch.arange(n))
    items = domain.decode(x)
    if not isinstance(domain, TableDomain):
        return items
    for _ in range(_ROUNDS):
        places = torch.from_numpy(np.flatnonzero(domain.repeated(items)))
        if not len(places):
            return items
        x[places] = draw(places)
        items = domain.decode(x)
    raise DataError(
        f"{n} rows must be unique in what the constraints name, and {len(places)} of them still "
        f"repeat others after being drawn {_ROUNDS} times. Ask for fewer rows."
    )
