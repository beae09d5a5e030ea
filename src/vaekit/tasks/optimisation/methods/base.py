"""What every method of search has in common: it proposes molecules and is told their scores."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.archive import Archive
from vaekit.tasks.optimisation.foresight import Foresight
from vaekit.tasks.optimisation.sieve import Sieve
from vaekit.tasks.optimisation.space import Space

__all__ = ["Method", "Tools"]


@dataclass(frozen=True)
class Tools:
    """What a method works with.

    Attributes:
        space: The model's latents.
        sieve: Lets good proposals through.
        rng: Source of randomness.
        foresight: What the model expects of molecules; ``None`` for nothing.
    """

    space: Space
    sieve: Sieve
    rng: np.random.Generator
    foresight: Foresight | None = None

    @property
    def seed(self) -> int:
        """Another one at each call."""
        return int(self.rng.integers(2**31 - 1))


class Method(abc.ABC):
    """Asked for molecules, then told their scores, in turns."""

    @abc.abstractmethod
    def propose(self, n: int) -> list[str]:
        """Up to n molecules that are valid, new and allowed; fewer, or none, if there are no more.

        Args:
            n: How many calls may be spent on them.
        """

    @abc.abstractmethod
    def tell(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Take in scores, the larger the better, of molecules that were proposed or given."""


class Elites:
    """Codes of the best molecules told, encoded once each.

    Args:
        space: The model's latents.
        archive: What was told.
    """

    def __init__(self, space: Space, archive: Archive) -> None:
        self.space, self.archive = space, archive
        self._codes: dict[str, NDArray[np.float32] | None] = {}

    def forget(self) -> None:
        """After the space has changed."""
        self._codes.clear()

    def codes(self, smiles: Sequence[str]) -> tuple[list[int], NDArray[np.float32]]:
        """Places of those that can be encoded, and their codes."""
        new = [one for one in dict.fromkeys(smiles) if one not in self._codes]
        known, codes = self.space.encode(new)
        rows = iter(codes)
        self._codes.update({o: next(rows) if k else None for o, k in zip(new, known, strict=True)})
        found = [self._codes[one] for one in smiles]
        rest = [code for code in found if code is not None]
        shape = (len(rest), self.space.dim)
        return [i for i, c in enumerate(found) if c is not None], np.array(rest).reshape(shape)

    def best(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Scores and codes of the n best that can be encoded, the best first."""
        places = self.archive.best(2 * n)
        kept, codes = self.codes([self.archive.smiles[place] for place in places])
        return self.archive.scores[places[kept]][:n], codes[:n]
