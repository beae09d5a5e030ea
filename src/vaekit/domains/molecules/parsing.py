"""SMILES to RDKit molecules, without complaint about what is none."""

from collections.abc import Iterable
from typing import Any

from vaekit.domains.molecules.toolkit import chemistry, quiet

__all__ = ["LONGEST", "as_molecules", "canonical"]

LONGEST = 5000
"""Letters of a SMILES; more take RDKit minutes, and are over any limit of atoms."""


def as_molecules(items: Iterable[Any]) -> list[Any]:
    """RDKit molecules.

    Args:
        items: SMILES, ``None``, or RDKit molecules, which are given back as they are.

    Returns:
        One for each item; ``None`` for what is no valid SMILES, is empty, or longer than `LONGEST`.

    Raises:
        MissingExtraError: RDKit is not installed.

    Example:
        >>> [molecule is None for molecule in as_molecules(["CCO", "C1CC", ""])]
        [False, True, True]
    """
    chem = chemistry()
    with quiet():
        return [_parsed(chem, item) if isinstance(item, str) else item for item in items]


def _parsed(chem: Any, smiles: str) -> Any:
    """RDKit takes an empty text for a molecule without atoms."""
    if not smiles.strip() or len(smiles) > LONGEST:
        return None
    return chem.MolFromSmiles(smiles)


def canonical(items: Iterable[Any]) -> list[str | None]:
    """Canonical SMILES of each item, ``None`` for what is no molecule; see `as_molecules`.

    Example:
        >>> canonical(["OCC", "C1CC"])
        ['CCO', None]
    """
    chem = chemistry()
    return [None if m is None else chem.MolToSmiles(m) for m in as_molecules(items)]
