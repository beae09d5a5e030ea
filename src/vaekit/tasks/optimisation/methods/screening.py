"""The plainest baseline: whatever the model draws."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.methods.base import Method, Tools

__all__ = ["Screening"]


class Screening(Method):
    """Samples of the prior; learns nothing."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def propose(self, n: int) -> list[str]:
        """Draw."""
        space = self.tools.space
        return self.tools.sieve.gather(lambda m: space.decode(space.prior(m)), n)

    def tell(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Nothing to learn."""
