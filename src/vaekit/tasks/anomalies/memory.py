"""A fair choice of all rows seen so far, in bounded memory."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from torch import Tensor

__all__ = ["Memory"]

_MOST_ROWS, _MOST_VALUES = 10_000, 2**25


@dataclass(frozen=True)
class Memory:
    """Rows as their domain prepared them, each of those seen with equal probability.

    What a detector goes on with when more data come: without old rows it would forget them, and
    with all of them its memory would grow.

    Attributes:
        rows: The rows kept.
        seen: How many there were.

    Example:
        >>> memory = Memory.of(torch.zeros(20_000, 2), seed=0).with_more(torch.ones(5_000, 2), 1)
        >>> len(memory.rows), memory.seen, round(memory.rows.mean().item(), 1)
        (10000, 25000, 0.2)
    """

    rows: Tensor = field(repr=False)
    seen: int

    @classmethod
    def of(cls, rows: Tensor, seed: int) -> Self:
        """Choose among the first rows."""
        chosen = np.random.default_rng(seed).permutation(len(rows))[: _room(rows)]
        return cls(rows[torch.from_numpy(np.sort(chosen))].clone(), len(rows))

    def with_more(self, rows: Tensor, seed: int) -> Self:
        """Choose among old and new ones, as if all had come at once."""
        rng, total = np.random.default_rng(seed), self.seen + len(rows)
        wanted = min(_room(rows), len(self.rows) + len(rows))
        old = int(rng.hypergeometric(self.seen, len(rows), min(wanted, total)))
        old = min(old, len(self.rows))
        parts = [
            some[torch.from_numpy(np.sort(rng.permutation(len(some))[:count]))]
            for some, count in ((self.rows, old), (rows, wanted - old))
        ]
        return type(self)(torch.cat(parts), total)


def _room(rows: Tensor) -> int:
    """How many rows are kept: fewer where they are large, as those of pictures."""
    return max(100, min(_MOST_ROWS, _MOST_VALUES // max(1, rows[0].numel())))
