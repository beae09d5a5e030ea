"""What every proposal must keep, whatever its score."""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.molecules import (
    PROPERTIES,
    alerts_of,
    as_molecules,
    as_pattern,
    morgan_fingerprints,
    tanimoto,
)
from vaekit.errors import DataError, SpecError, unknown_name

__all__ = ["Bounded", "Constraint", "Keeps", "Lacks", "NoAlerts", "Similar", "allowed"]


class Constraint(abc.ABC):
    """A rule for molecules, asked before a call is spent."""

    @abc.abstractmethod
    def holds(self, mol: Any) -> bool:
        """Whether an RDKit molecule keeps it."""

    @property
    @abc.abstractmethod
    def words(self) -> str:
        """The rule, for people."""


def allowed(smiles: Sequence[str], constraints: Sequence[Constraint]) -> NDArray[np.bool_]:
    """Which molecules keep all the constraints.

    Example:
        >>> allowed(["CCO", "CCN"], [Keeps("O")])
        array([ True, False])
    """
    mols = as_molecules(smiles)
    good = [mol is not None and all(rule.holds(mol) for rule in constraints) for mol in mols]
    return np.array(good, bool)


class Keeps(Constraint):
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


class Lacks(Constraint):
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


class Similar(Constraint):
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


class Bounded(Constraint):
    """A property in a range.

    Args:
        name: One of `vaekit.domains.molecules.PROPERTIES`.
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


class NoAlerts(Constraint):
    """None of the substructures of `vaekit.domains.molecules.alerts_of`.

    Args:
        catalogues: Whose.
    """

    def __init__(self, catalogues: Sequence[str] = ("pains", "brenk", "nih")) -> None:
        self.catalogues = tuple(catalogues)
        alerts_of([], self.catalogues)  # complains of unknown names now

    def holds(self, mol: Any) -> bool:
        """There is none."""
        return not alerts_of([mol], self.catalogues)[0]

    @property
    def words(self) -> str:
        """The rule."""
        return f"no alerts of {', '.join(self.catalogues)}"
