"""New codes from those of the best: noise, blends, crossings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.space import Codes

__all__ = ["WAYS", "Parents", "Variation", "Way"]

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
        """Some of them, with repeats."""
        return self.codes[rng.choice(len(self.codes), n, p=self.weights)]


Make = Callable[[Parents, int, np.random.Generator], Codes]


@dataclass(frozen=True)
class Way:
    """One way to make codes.

    Attributes:
        name: For reports.
        make: From parents, how many, and a source of randomness.
    """

    name: str
    make: Make


def noise(radius: float) -> Make:
    """A parent and Gaussian noise of that standard deviation."""

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
    """Some latents of one parent and the others of another, and noise."""

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
    Way("as it is", noise(0.0)),
    Way("noise 0.15", noise(0.15)),
    Way("noise 0.3", noise(0.3)),
    Way("noise 0.6", noise(0.6)),
    Way("noise 1", noise(1.0)),
    Way("blend", blend(0.0)),
    Way("blend and noise", blend(0.3)),
    Way("cross", cross(0.1)),
)


class Variation:
    """Chooses among ways by how many good molecules each brought for as many that it made.

    Args:
        ways: At least one.
    """

    def __init__(self, ways: Sequence[Way] = WAYS) -> None:
        self.ways = tuple(ways)
        self._made = np.ones(len(ways))
        self._good = np.ones(len(ways))

    @property
    def shares(self) -> Floats:
        """How often each way is taken; sums to 1."""
        rates: Floats = self._good / self._made
        raised = rates / rates.sum() + _FLOOR
        shares: Floats = raised / raised.sum()
        return shares

    def split(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """How many each way is to make."""
        return rng.multinomial(n, self.shares)

    def credit(self, made: NDArray[np.int64], good: NDArray[np.int64]) -> None:
        """Learn from what the ways made, and how much of it was good; old news fades."""
        self._made = _FADE * self._made + made
        self._good = _FADE * self._good + good + 1e-3
