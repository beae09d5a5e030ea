"""The model proposes, a Gaussian process on fingerprints chooses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.archive import Archive
from vaekit.tasks.optimisation.bits import counted_bits
from vaekit.tasks.optimisation.breeding import Breeder, ranked_parents
from vaekit.tasks.optimisation.gaussian_process import GaussianProcess, fit_process, tanimoto_kernel
from vaekit.tasks.optimisation.methods.base import Elites, Method, Tools
from vaekit.tasks.optimisation.retraining import Retraining

__all__ = ["FingerprintGP"]

Floats = NDArray[np.float64]

_PARENTS = 100
_MOST_POINTS = 2000
_BEST_SHARE = 0.6  # of those, where there are more; the rest is drawn from all


class FingerprintGP(Method):
    """Many proposals of the model for each call, of which a surrogate chooses.

    The surrogate is an exact Gaussian process with a Tanimoto kernel on Morgan fingerprints with
    counts, on up to 2,000 molecules. Each place of a batch goes to the highest upper confidence
    bound, with a boldness of its own. The most promising proposals become parents of more within
    a round.

    Args:
        tools: What it works with.
        retraining: Teaches the model the best molecules now and then; ``None`` leaves it alone.
        ratio: Proposals for each call.
        depth: Generations of proposals within a round, at least 1.

    Source: Tripp et al. 2021, "A fresh look at de novo molecular design benchmarks", for Gaussian
    processes on fingerprints with an evolutionary search of their bound; Srinivas et al. 2010,
    "Gaussian process optimization in the bandit setting", for the bound.
    """

    def __init__(
        self,
        tools: Tools,
        retraining: Retraining | None = None,
        ratio: int = 15,
        depth: int = 2,
        boldness: float = 1.0,
        parents: int = 100,
    ) -> None:
        self.tools, self.archive, self.retraining = tools, Archive(), retraining
        self.ratio, self.depth, self.boldness, self.parents = ratio, depth, boldness, parents
        self.elites = Elites(tools.space, self.archive)
        self.breeder = Breeder(tools.space, tools.sieve, tools.rng)
        self._bits: list[NDArray[np.uint8]] = []

    def propose(self, n: int) -> list[str]:
        """Breed, judge, breed of the best judged, choose."""
        if self.retraining is not None and self.retraining.is_due(self.archive):
            self.retraining.apply(self.tools.space, self.archive, self.tools.rng)
            self.elites.forget()
        _, codes = self.elites.best(self.parents)
        if not len(codes):
            return self.breeder.breed(None, n)
        process = self._process()
        count = self.ratio * n // self.depth
        pool = self.breeder.breed(ranked_parents(codes), count)
        if not pool:
            return []
        mean, deviation = process.predict(counted_bits(pool))
        for _ in range(self.depth - 1):
            promising = np.argsort(-(mean + self.boldness * deviation), kind="stable")[: self.parents]
            _, codes = self.elites.codes([pool[place] for place in promising])
            if not len(codes):
                break
            known = set(pool)
            more = self.breeder.breed(ranked_parents(codes), count)
            more = [one for one in more if one not in known]
            if not more:
                break
            pool += more
            new = process.predict(counted_bits(more))
            mean, deviation = np.append(mean, new[0]), np.append(deviation, new[1])
        return [
            pool[place]
            for place in chosen_places(mean, self.boldness * deviation, n, self.tools.rng)
        ]

    def _process(self) -> GaussianProcess:
        places = self._points()
        bits = np.stack([self._bits[place] for place in places])
        return fit_process(bits, self.archive.scores[places], [tanimoto_kernel], self.tools.rng)

    def _points(self) -> NDArray[np.int64]:
        """The best, and others so that the surrogate knows what is bad."""
        order = self.archive.best(len(self.archive))
        if len(order) <= _MOST_POINTS:
            return order
        best = int(_BEST_SHARE * _MOST_POINTS)
        rest = self.tools.rng.permutation(order[best:])[: _MOST_POINTS - best]
        return np.concatenate([order[:best], rest])

    def tell(self, smiles: Sequence[str], scores: Floats) -> None:
        """Remember, and see which ways brought molecules that are among the best now."""
        self.archive.add(smiles, scores)
        self._bits += list(counted_bits(smiles))
        best = {self.archive.smiles[place] for place in self.archive.best(self.parents)}
        self.breeder.credit([one for one in smiles if one in best])


def chosen_places(mean: Floats, deviation: Floats, n: int, rng: np.random.Generator) -> list[int]:
    """Places of n candidates: each the highest mean + boldness * deviation of those left.

    The boldness of each pick is drawn from an exponential distribution of mean 1, so that a batch
    holds safe picks and bold ones.
    """
    left = np.ones(len(mean), bool)
    chosen = []
    for boldness in rng.exponential(1.0, min(n, len(mean))):
        bound = np.where(left, mean + boldness * deviation, -np.inf)
        place = int(bound.argmax())
        left[place] = False
        chosen.append(place)
    return chosen
