"""One method until enough is known, then another."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.methods.base import Method

__all__ = ["Staged"]


class Staged(Method):
    """Asks the first method while few molecules are known; both are told all.

    Args:
        first: Needs little to go by.
        then: Does better with much.
        enough: Molecules told, from which on the second is asked.
    """

    def __init__(self, first: Method, then: Method, enough: int) -> None:
        self.first, self.then, self.enough = first, then, enough
        self._told = 0

    def propose(self, n: int) -> list[str]:
        """By one of them."""
        return (self.first if self._told < self.enough else self.then).propose(n)

    def tell(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Both."""
        self._told += len(smiles)
        self.first.tell(smiles, scores)
        self.then.tell(smiles, scores)
