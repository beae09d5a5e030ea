"""All molecules that were scored, and the best of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Archive"]


class Archive:
    """Grows as molecules are told; of each the score."""

    def __init__(self) -> None:
        self.smiles: list[str] = []
        self._scores: list[float] = []

    def __len__(self) -> int:
        """How many molecules."""
        return len(self.smiles)

    @property
    def scores(self) -> NDArray[np.float64]:
        """In the order told."""
        return np.array(self._scores, np.float64)

    def add(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Take in molecules that were not there yet."""
        self.smiles += smiles
        self._scores += scores.tolist()

    def best(self, n: int) -> NDArray[np.int64]:
        """Places of the n highest scores, the highest first; the earlier first of equals."""
        return np.argsort(-self.scores, kind="stable")[:n]

    def among_best(self, smiles: Sequence[str], n: int) -> list[str]:
        """Those of these molecules that are among the n best."""
        best = {self.smiles[place] for place in self.best(n)}
        return [one for one in smiles if one in best]
