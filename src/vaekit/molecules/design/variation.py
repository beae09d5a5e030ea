"""New codes from those of the best: noise, blends, crossings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaekit.molecules.design.constraints import CandidateFilter
from vaekit.molecules.design.space import Codes, Space

Floats = NDArray[np.float64]

_FADE, _FLOOR = 0.9, 0.02


@dataclass(frozen=True)
class Parents:
    """The best molecules' codes, the best first.

    Attributes:
        codes: Shape (parents, latent).
        weights: How often each is taken; sums to 1.
    """

    codes: Codes
    weights: Floats

    def draw(self, n: int, rng: np.random.Generator) -> Codes:
        """Return some of them, with repeats."""
        return self.codes[rng.choice(len(self.codes), n, p=self.weights)]


Make = Callable[[Parents, int, np.random.Generator], Codes]


@dataclass(frozen=True)
class VariationOperator:
    """One way to make codes.

    Attributes:
        name: For reports.
        make: From parents, how many, and a source of randomness.
    """

    name: str
    make: Make


def noise(radius: float) -> Make:
    """Return a parent and Gaussian noise of that standard deviation."""

    def make(parents: Parents, n: int, rng: np.random.Generator) -> Codes:
        codes = parents.draw(n, rng)
        return _jittered(codes, radius, rng)

    return make


def blend(radius: float) -> Make:
    """Somewhere between two parents, and noise."""

    def make(parents: Parents, n: int, rng: np.random.Generator) -> Codes:
        a, b = parents.draw(n, rng), parents.draw(n, rng)
        share = rng.random((n, 1), np.float32)
        mixed = share * a + (1 - share) * b
        return _jittered(mixed, radius, rng)

    return make


def cross(radius: float) -> Make:
    """Return some latents of one parent and the others of another, and noise."""

    def make(parents: Parents, n: int, rng: np.random.Generator) -> Codes:
        a, b = parents.draw(n, rng), parents.draw(n, rng)
        taken = rng.random(a.shape) < rng.random((n, 1))
        crossed = np.where(taken, a, b).astype(np.float32)
        return _jittered(crossed, radius, rng)

    return make


def _jittered(codes: Codes, radius: float, rng: np.random.Generator) -> Codes:
    moved: Codes = (codes + radius * rng.standard_normal(codes.shape)).astype(np.float32)
    return moved


WAYS = (
    VariationOperator("as it is", noise(0.0)),
    VariationOperator("noise 0.15", noise(0.15)),
    VariationOperator("noise 0.3", noise(0.3)),
    VariationOperator("noise 0.6", noise(0.6)),
    VariationOperator("noise 1", noise(1.0)),
    VariationOperator("blend", blend(0.0)),
    VariationOperator("blend and noise", blend(0.3)),
    VariationOperator("cross", cross(0.1)),
)


class Variation:
    """Chooses among ways by how many good molecules each brought for as many that it made.

    Args:
        paths: At least one.
    """

    def __init__(self, paths: Sequence[VariationOperator] = WAYS) -> None:
        self.paths = tuple(paths)
        self._made = np.ones(len(paths))
        self._good = np.ones(len(paths))

    @property
    def shares(self) -> Floats:
        """How often each way is taken; sums to 1."""
        rates: Floats = self._good / self._made
        raised = rates / rates.sum() + _FLOOR
        shares: Floats = raised / raised.sum()
        return shares

    def split(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return how many each way is to make."""
        return rng.multinomial(n, self.shares)

    def credit(self, made: NDArray[np.int64], good: NDArray[np.int64]) -> None:
        """Learn from what the ways made, and how much of it was good; old news fades."""
        self._made = _FADE * self._made + made
        self._good = _FADE * self._good + good + 1e-3


_FRESH = 0.03  # share of the proposals that come from the prior
_ROUNDS, _MOST_ROUNDS = 3, 12  # of draws, where they bring something, or nothing so far
_LEAST_PARENTS = 30


def num_parents(predicted: int) -> int:
    """Return how many of the molecules told are bred from: a hundredth, but at least 30."""
    return max(_LEAST_PARENTS, predicted // 100)


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
        candidate_filter: Lets good proposals through.
        rng: Source of randomness.
    """

    def __init__(
        self, space: Space, candidate_filter: CandidateFilter, rng: np.random.Generator
    ) -> None:
        self.space, self.candidate_filter, self.rng = space, candidate_filter, rng
        self.variation = Variation()
        self._way: dict[str, int] = {}
        self._made = np.zeros(len(self.variation.paths), np.int64)

    def breed(self, parents: Parents | None, n: int) -> list[str]:
        """At most n different candidates, fewer if they run dry; from the prior without parents."""
        found: dict[str, int] = {}
        for done in range(_MOST_ROUNDS):
            if len(found) >= n or (found and done >= _ROUNDS):
                break
            paths, drawn = self._round(parents, max(64, n - len(found)))
            for place in self.candidate_filter.pick(drawn):
                found.setdefault(str(drawn[place]), int(paths[place]))
        chosen = dict(list(found.items())[:n])
        self._way.update(chosen)
        return list(chosen)

    def _round(self, parents: Parents | None, n: int) -> tuple[NDArray[np.int64], list[str | None]]:
        """Which way each was made by, -1 for the prior, and what was drawn; decoded together."""
        fresh = n if parents is None else max(1, int(_FRESH * n))
        counts = np.zeros(len(self.variation.paths), np.int64)
        codes = [self.space.prior(fresh)]
        if parents is not None:
            counts = self.variation.split(n, self.rng)
            pairs = zip(self.variation.paths, counts, strict=True)
            codes += [way.make(parents, int(count), self.rng) for way, count in pairs]
            self._made += counts
        paths = np.repeat(np.arange(-1, len(counts)), [fresh, *counts])
        return paths, self.space.decode(np.concatenate(codes))

    def credit(self, good: Sequence[str]) -> None:
        """Say which proposals turned out to be good, then start counting anew."""
        counts = np.zeros(len(self.variation.paths), np.int64)
        for one in good:
            way = self._way.get(one, -1)
            if way >= 0:
                counts[way] += 1
        self.variation.credit(self._made, counts)
        self._way.clear()
        self._made[:] = 0
