"""The baseline for local search: noise around the best so far."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.archive import Archive
from vaekit.tasks.optimisation.methods.base import Elites, Method, Tools
from vaekit.tasks.optimisation.variation import Parents, noise

__all__ = ["LocalNoise"]

_PARENTS, _RADIUS = 10, 0.5


class LocalNoise(Method):
    """Codes of the ten best, with Gaussian noise of half a standard deviation of the prior."""

    def __init__(self, tools: Tools) -> None:
        self.tools, self.archive = tools, Archive()
        self.elites = Elites(tools.space, self.archive)

    def propose(self, n: int) -> list[str]:
        """Draw around the best; from the prior where none can be encoded."""
        space, rng = self.tools.space, self.tools.rng
        _, codes = self.elites.best(_PARENTS)
        if not len(codes):
            return self.tools.sieve.gather(lambda m: space.decode(space.prior(m)), n)
        parents = Parents(codes, np.full(len(codes), 1 / len(codes)))
        make = noise(_RADIUS)
        return self.tools.sieve.gather(lambda m: space.decode(make(parents, m, rng)), n)

    def tell(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Remember."""
        self.archive.add(smiles, scores)
