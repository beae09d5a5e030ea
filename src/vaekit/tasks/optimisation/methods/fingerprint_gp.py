"""The model proposes, a Gaussian process on fingerprints chooses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.archive import Archive
from vaekit.tasks.optimisation.bits import counted_bits
from vaekit.tasks.optimisation.breeding import Breeder, num_parents, ranked_parents
from vaekit.tasks.optimisation.gaussian_process import GaussianProcess, fit_process, tanimoto_kernel
from vaekit.tasks.optimisation.methods.base import Elites, Method, Tools
from vaekit.tasks.optimisation.retraining import Retraining
from vaekit.tasks.optimisation.space import Codes

__all__ = ["FingerprintGP"]

Floats = NDArray[np.float64]

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
        self, tools: Tools, retraining: Retraining | None = None, ratio: int = 8, depth: int = 2
    ) -> None:
        self.tools, self.archive, self.retraining = tools, Archive(), retraining
        self.ratio, self.depth = ratio, depth
        self.elites = Elites(tools.space, self.archive)
        self.breeder = Breeder(tools.space, tools.sieve, tools.rng)
        self._bits: list[NDArray[np.uint8]] = []

    def propose(self, n: int) -> list[str]:
        """Breed, judge, breed of the best judged, choose."""
        if self.retraining is not None and self.retraining.is_due(self.archive):
            self.retraining.apply(self.tools.space, self.archive, self.tools.rng)
            self.elites.forget()
        _, codes = self.elites.best(num_parents(len(self.archive)))
        if not len(codes):
            return self.breeder.breed(None, n)
        pool, mean, deviation = self._judged(codes, self.ratio * n // self.depth)
        return [pool[place] for place in chosen_places(mean, deviation, n, self.tools.rng)]

    def _judged(self, codes: Codes, count: int) -> tuple[list[str], Floats, Floats]:
        """Candidates of some generations, and what the surrogate says of them."""
        process, pool = self._process(), dict[str, None]()
        mean, deviation = np.empty(0), np.empty(0)
        for _ in range(self.depth):
            made = self.breeder.breed(ranked_parents(codes), count)
            more = [one for one in made if one not in pool]
            if more:
                judged = process.predict(counted_bits(more))
                pool.update(dict.fromkeys(more))
                mean, deviation = np.append(mean, judged[0]), np.append(deviation, judged[1])
            promising = np.argsort(-(mean + deviation), kind="stable")[: len(codes)]
            names = list(pool)
            _, fresh = self.elites.codes([names[place] for place in promising])
            codes = fresh if len(fresh) else codes
        return list(pool), mean, deviation

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
        self.breeder.credit(self.archive.among_best(smiles, num_parents(len(self.archive))))


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
