"""Evolution in latent space."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.archive import Archive
from vaekit.tasks.optimisation.breeding import Breeder, num_parents, ranked_parents
from vaekit.tasks.optimisation.methods.base import Elites, Method, Tools
from vaekit.tasks.optimisation.retraining import Retraining

__all__ = ["Evolution", "retrained"]


class Evolution(Method):
    """The best molecules' codes with noise, blended and crossed; what works is done more often.

    Args:
        tools: What it works with.
        retraining: Teaches the model the best molecules now and then; ``None`` leaves it alone.
    """

    def __init__(self, tools: Tools, retraining: Retraining | None = None) -> None:
        self.tools, self.archive, self.retraining = tools, Archive(), retraining
        self.elites = Elites(tools.space, self.archive)
        self.breeder = Breeder(tools.space, tools.sieve, tools.rng)

    def propose(self, n: int) -> list[str]:
        """Breed."""
        if self.retraining is not None and self.retraining.is_due(self.archive):
            self.retraining.apply(self.tools.space, self.archive, self.tools.rng)
            self.elites.forget()
        _, codes = self.elites.best(num_parents(len(self.archive)))
        return self.breeder.breed(ranked_parents(codes) if len(codes) else None, n)

    def tell(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Remember, and see which ways brought molecules that are among the best now."""
        self.archive.add(smiles, scores)
        self.breeder.credit(self.archive.among_best(smiles, num_parents(len(self.archive))))


def retrained(tools: Tools) -> Evolution:
    """Evolution with retraining."""
    return Evolution(tools, Retraining())
