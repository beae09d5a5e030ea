"""What every proposal must keep, and signs that a score is not deserved."""

import abc
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.molecules.properties import PROPERTIES, find_alerts
from vaekit.molecules.rdkit_tools import (
    as_molecules,
    as_pattern,
    chemistry,
    morgan_fingerprints,
    tanimoto,
)


class DesignConstraint(abc.ABC):
    """A rule for molecules, asked before a call is spent."""

    @abc.abstractmethod
    def holds(self, mol: Any) -> bool:
        """Return whether an RDKit molecule keeps it."""

    @property
    @abc.abstractmethod
    def words(self) -> str:
        """The rule, for people."""


def allowed(smiles: Sequence[str], constraints: Sequence[DesignConstraint]) -> NDArray[np.bool_]:
    """Return which molecules keep all the constraints.

    Example:
        >>> allowed(["CCO", "CCN"], [Keeps("O")])
        array([ True, False])
    """
    mols = as_molecules(smiles)
    good = [mol is not None and all(rule.holds(mol) for rule in constraints) for mol in mols]
    return np.array(good, bool)


class Keeps(DesignConstraint):
    """A substructure that must be there: a locked scaffold.

    Args:
        smarts: It.

    Raises:
        DataError: SMARTS that cannot be read.
    """

    def __init__(self, smarts: str) -> None:
        self.smarts, self.pattern = smarts, as_pattern(smarts)

    def holds(self, mol: Any) -> bool:
        """It is there."""
        return bool(mol.HasSubstructMatch(self.pattern))

    @property
    def words(self) -> str:
        """The rule."""
        return f"contains {self.smarts}"


class Lacks(DesignConstraint):
    """A substructure that must not be there; see `Keeps`."""

    def __init__(self, smarts: str) -> None:
        self.smarts, self.pattern = smarts, as_pattern(smarts)

    def holds(self, mol: Any) -> bool:
        """It is not there."""
        return not mol.HasSubstructMatch(self.pattern)

    @property
    def words(self) -> str:
        """The rule."""
        return f"does not contain {self.smarts}"


class Similar(DesignConstraint):
    """At least so similar to a lead, by Morgan fingerprints of radius 2.

    Args:
        lead: SMILES.
        least: Tanimoto similarity, 0 to 1.

    Raises:
        DataError: The lead is no molecule.
        SpecError: A similarity out of range.
    """

    def __init__(self, lead: str, least: float) -> None:
        if not 0 <= least <= 1:
            raise SpecError(f"similarity must be from 0 to 1; got {least}.")
        self.lead, self.least = lead, least
        (mol,) = as_molecules([lead])
        if mol is None:
            raise DataError(f"a lead must be a valid SMILES; got {lead!r}. Write it as 'CCO'.")
        self.fingerprint = morgan_fingerprints([mol])

    def holds(self, mol: Any) -> bool:
        """Similar enough."""
        similarity = tanimoto(self.fingerprint, morgan_fingerprints([mol]))
        return bool(similarity[0, 0] >= self.least)

    @property
    def words(self) -> str:
        """The rule."""
        return f"similarity to {self.lead} of at least {self.least:g}"


class Bounded(DesignConstraint):
    """A property in a range.

    Args:
        name: One of `vaekit.molecules.PROPERTIES`.
        low: The lower end.
        high: The upper end.

    Raises:
        SpecError: An unknown property, or ends the wrong way round.
    """

    def __init__(self, name: str, low: float = -np.inf, high: float = np.inf) -> None:
        if name not in PROPERTIES:
            raise unknown_name("property", name, PROPERTIES)
        if not low <= high:
            raise SpecError(
                f"the upper bound of {name} must not be below the lower; got {low:g}..{high:g}."
            )
        self.name, self.low, self.high = name, low, high

    def holds(self, mol: Any) -> bool:
        """Inside."""
        return bool(self.low <= PROPERTIES[self.name].of(mol) <= self.high)

    @property
    def words(self) -> str:
        """The rule."""
        return f"{self.name} from {self.low:g} to {self.high:g}"


class NoAlerts(DesignConstraint):
    """None of the substructures of `vaekit.molecules.find_alerts`.

    Args:
        catalogues: Whose.
    """

    def __init__(self, catalogues: Sequence[str] = ("pains", "brenk", "nih")) -> None:
        self.catalogues = tuple(catalogues)
        find_alerts([], self.catalogues)  # complains of unknown names now

    def holds(self, mol: Any) -> bool:
        """There is none."""
        return not find_alerts([mol], self.catalogues)[0]

    @property
    def words(self) -> str:
        """The rule."""
        return f"no alerts of {', '.join(self.catalogues)}"


_FIRST_YIELD, _LEAST_YIELD, _MOST_AT_ONCE = 0.5, 0.02, 512
_EMPTY_ROUNDS = 12  # in a row, after which there seems to be nothing more to find


class CandidateFilter:
    """Lets each molecule through once.

    Args:
        constraints: What proposals must keep.

    Attributes:
        drawn: Molecules that were drawn from the model.
        invalid: Those of them that were none.
        barred: Those that break a constraint.
    """

    def __init__(self, constraints: Sequence[DesignConstraint] = ()) -> None:
        self.constraints = constraints
        self.seen: set[str] = set()
        self._barred: set[str] = set()
        self.drawn = self.invalid = self.barred = 0

    def close(self, smiles: Collection[str]) -> None:
        """Let these not through again."""
        self.seen.update(smiles)

    def pick(self, drawn: Sequence[str | None]) -> list[int]:
        """Return places of those that are valid, new, allowed, and the first of their kind."""
        self.drawn += len(drawn)
        first: dict[str, int] = {}
        for place, one in enumerate(drawn):
            if one is None:
                self.invalid += 1
            elif one not in self.seen and one not in self._barred:
                first.setdefault(one, place)
        if not self.constraints:
            return list(first.values())
        good = allowed(list(first), self.constraints)
        bad = [one for one, fine in zip(first, good, strict=True) if not fine]
        self._barred.update(bad)
        self.barred += len(bad)
        return [place for (_, place), fine in zip(first.items(), good, strict=True) if fine]

    def gather(self, draw: Callable[[int], Sequence[str | None]], n: int) -> list[str]:
        """Draw until there are n good ones, or hardly any come any more.

        The fewer of those drawn were good, the more are drawn at once, which is cheaper.

        Args:
            draw: Gives so many molecules.
            n: How many are wanted.
        """
        found: dict[str, None] = {}
        empty = total = 0
        while len(found) < n and empty < _EMPTY_ROUNDS:
            good = max(len(found) / total, _LEAST_YIELD) if total else _FIRST_YIELD
            drawn = draw(min(int((n - len(found)) / good) + 16, _MOST_AT_ONCE))
            total += len(drawn)
            fresh = [str(drawn[place]) for place in self.pick(drawn)]
            before = len(found)
            found.update(dict.fromkeys(fresh))
            empty = empty + 1 if len(found) == before else 0
        return list(found)[:n]


_CHAIN = 7  # carbons in a row outside rings
_SHARE = 0.999
_LEAST_REPEATS = 4


@dataclass(frozen=True)
class ReferenceSet:
    """What is usual among some molecules; `flags` says in what others are not.

    Attributes:
        most_atoms: Heavy atoms that one of a thousand exceeds.
        least_atoms: And that one of a thousand has less than.
        most_repeats: How often the same surroundings (two bonds around an atom) occur in one
            molecule, at most.

    Example:
        >>> usual = ReferenceSet.of(["c1ccccc1CCN", "CCOC(=O)CC"])
        >>> usual.flags(["C" * 20])
        ['larger than given; long chain; repeated motif']
    """

    most_atoms: float
    least_atoms: float
    most_repeats: float

    @classmethod
    def of(cls, smiles: Sequence[str]) -> Self:
        """Learn from molecules, for instance those of training."""
        mols = [mol for mol in as_molecules(smiles) if mol is not None]
        sizes = [float(mol.GetNumHeavyAtoms()) for mol in mols] or [np.inf]
        repeats = [float(_repeats(mol)) for mol in mols] or [np.inf]
        return cls(
            float(np.quantile(sizes, _SHARE, method="higher")),
            float(np.quantile(sizes, 1 - _SHARE, method="lower")) if mols else 0.0,
            max(_LEAST_REPEATS, float(np.quantile(repeats, _SHARE, method="higher"))),
        )

    def flags(self, molecules: Iterable[Any]) -> list[str]:
        """For each molecule what is unusual, or nothing."""
        return ["; ".join(self._flags(mol)) for mol in as_molecules(molecules)]

    def _flags(self, mol: Any) -> list[str]:
        size = mol.GetNumHeavyAtoms()
        signs = {
            "larger than given": size > self.most_atoms,
            "smaller than given": size < self.least_atoms,
            "long chain": mol.HasSubstructMatch(_chain()),
            "repeated motif": _repeats(mol) > self.most_repeats,
        }
        return [name for name, holds in signs.items() if holds]


@cache
def _chain() -> Any:
    return chemistry().MolFromSmarts("~".join(["[CX4;!R]"] * _CHAIN))


@cache
def _surroundings() -> Any:
    chemistry()
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=2)


def _repeats(mol: Any) -> int:
    """Return how often the most frequent surroundings of two bonds occur."""
    from rdkit.Chem import rdFingerprintGenerator

    extra = rdFingerprintGenerator.AdditionalOutput()
    extra.AllocateBitInfoMap()
    _surroundings().GetSparseCountFingerprint(mol, additionalOutput=extra)
    counts = [
        len(positions)
        for positions in extra.GetBitInfoMap().values()
        if positions[0][1] == 2  # radius
    ]
    return max(counts, default=0)
