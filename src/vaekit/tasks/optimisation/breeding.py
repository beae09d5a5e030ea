"""Proposals from the best molecules, by ways that are chosen by their success."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.sieve import Sieve
from vaekit.tasks.optimisation.space import Codes, Space
from vaekit.tasks.optimisation.variation import Parents, Variation

__all__ = ["Breeder", "num_parents", "ranked_parents"]

_FRESH = 0.03  # share of the proposals that come from the prior
_ROUNDS, _MOST_ROUNDS = 3, 12  # of draws, where they bring something, or nothing so far
_LEAST_PARENTS = 30


def num_parents(told: int) -> int:
    """How many of the molecules told are bred from: a hundredth, but at least 30."""
    return max(_LEAST_PARENTS, told // 100)


def ranked_parents(codes: Codes, soft: float = 0.1) -> Parents:
    """Parents of which the r-th best is taken in proportion to 1 / (soft * parents + r).

    Source: Tripp et al. 2020, "Sample-efficient optimization in the latent space of deep generative
    models via weighted retraining", eq. 2.
    """
    weights = 1 / (soft * len(codes) + np.arange(1, len(codes) + 1))
    return Parents(codes, weights / weights.sum())


class Breeder:
    """Makes candidates of parents, and remembers which way each came by.

    Args:
        space: The model's latents.
        sieve: Lets good proposals through.
        rng: Source of randomness.
    """

    def __init__(self, space: Space, sieve: Sieve, rng: np.random.Generator) -> None:
        self.space, self.sieve, self.rng = space, sieve, rng
        self.variation = Variation()
        self._way: dict[str, int] = {}
        self._made = np.zeros(len(self.variation.ways), np.int64)

    def breed(self, parents: Parents | None, n: int) -> list[str]:
        """At most n different candidates, fewer if they run dry; from the prior without parents."""
        found: dict[str, int] = {}
        for done in range(_MOST_ROUNDS):
            if len(found) >= n or (found and done >= _ROUNDS):
                break
            ways, drawn = self._round(parents, max(64, n - len(found)))
            for place in self.sieve.pick(drawn):
                found.setdefault(str(drawn[place]), int(ways[place]))
        chosen = dict(list(found.items())[:n])
        self._way.update(chosen)
        return list(chosen)

    def _round(self, parents: Parents | None, n: int) -> tuple[NDArray[np.int64], list[str | None]]:
        """Which way each was made by, -1 for the prior, and what was drawn; decoded together."""
        fresh = n if parents is None else max(1, int(_FRESH * n))
        counts = np.zeros(len(self.variation.ways), np.int64)
        codes = [self.space.prior(fresh)]
        if parents is not None:
            counts = self.variation.split(n, self.rng)
            pairs = zip(self.variation.ways, counts, strict=True)
            codes += [way.make(parents, int(count), self.rng) for way, count in pairs]
            self._made += counts
        ways = np.repeat(np.arange(-1, len(counts)), [fresh, *counts])
        return ways, self.space.decode(np.concatenate(codes))

    def credit(self, good: Sequence[str]) -> None:
        """Say which proposals turned out to be good, then start counting anew."""
        counts = np.zeros(len(self.variation.ways), np.int64)
        for one in good:
            way = self._way.get(one, -1)
            if way >= 0:
                counts[way] += 1
        self.variation.credit(self._made, counts)
        self._way.clear()
        self._made[:] = 0
