"""Molecules that a model learnt from, to compare others with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from vaekit.domains import MoleculeDomain
from vaekit.domains.molecules import Fingerprints, morgan_fingerprints, standardise
from vaekit.errors import DataError

__all__ = ["KnownMolecules"]


@dataclass(frozen=True, eq=False)
class KnownMolecules:
    """Molecules in one form each, and what finds the nearest of them.

    Attributes:
        smiles: Standardised, each once.
    """

    smiles: Sequence[str]

    @classmethod
    def of(cls, raw: Any, domain: MoleculeDomain | None = None) -> Self:
        """Read them; some 3,000 a second. What a rule rejects is left out.

        Args:
            raw: SMILES, a data frame or a file; see `vaekit.domains.molecules.read_molecules`.
            domain: Whose rules and column of SMILES apply; ``None`` for the default ones.

        Raises:
            DataError: They cannot be read, or there are none.
        """
        own = MoleculeDomain() if domain is None else domain
        found = standardise(raw, own.standardiser, column=own.column)
        if not len(found):
            raise DataError("there must be at least one training molecule that can be read.")
        return cls(found.smiles)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.smiles)

    def __contains__(self, smiles: str | None) -> bool:
        """Whether it is one of them; of a canonical SMILES."""
        return smiles in self._set

    @cached_property
    def fingerprints(self) -> Fingerprints:
        """Of all, made when first asked for; some 4,000 a second."""
        return morgan_fingerprints(self.smiles)

    @cached_property
    def _set(self) -> frozenset[str]:
        return frozenset(self.smiles)
