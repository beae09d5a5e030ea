"""RDKit, asked for where it is used: SMILES and SMARTS to molecules."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from vaekit.errors import DataError, MissingExtraError

_REMEDY = "pip install 'vaekit[molecules]'"


def chemistry() -> Any:
    """RDKit's module ``Chem``.

    Raises:
        MissingExtraError: RDKit is not installed.
    """
    try:
        from rdkit import Chem
    except ImportError as error:
        raise MissingExtraError(f"molecules need RDKit: {_REMEDY}.") from error
    return Chem


def standardizing() -> Any:
    """RDKit's module ``rdMolStandardize``.

    Raises:
        MissingExtraError: RDKit is not installed.
    """
    chemistry()
    from rdkit.Chem.MolStandardize import rdMolStandardize

    return rdMolStandardize


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep RDKit's own lines about molecules that it refuses from standard error.

    What it refuses is told in a `Report` instead.
    """
    chemistry()
    from rdkit import rdBase

    blocked = rdBase.BlockLogs()
    try:
        yield
    finally:
        del blocked


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


def as_pattern(smarts: str) -> Any:
    """Return a substructure to look for, as RDKit's query.

    Args:
        smarts: SMARTS; a SMILES of the substructure is one.

    Raises:
        DataError: It cannot be read, or is empty.
        MissingExtraError: RDKit is not installed.

    Example:
        >>> as_molecules(["CCO"])[0].HasSubstructMatch(as_pattern("[OX2H]"))
        True
    """
    chem = chemistry()
    with quiet():
        pattern = chem.MolFromSmarts(smarts)
    if pattern is None or not pattern.GetNumAtoms():
        raise DataError(
            f"a substructure must be SMARTS that RDKit can read; got {smarts!r}. Draw it and copy "
            "it as SMARTS, for instance 'c1ccccc1' for a benzene ring."
        )
    return pattern
