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
    molecule = parse_smiles(smiles)
    if molecule is None or ":" not in smiles:
        return molecule
    return without_atom_maps(molecule)[0]


def parse_smiles(smiles: str) -> Any:
    """Return RDKit's molecule of a SMILES, ``None`` for what is none.

    RDKit passes over letters that are not ASCII, so that ``CCÖ`` would be ethane; here such a text
    is no SMILES.

    Example:
        >>> with quiet():
        ...     parse_smiles("CCO").GetNumAtoms(), parse_smiles("CCÖ")
        (3, None)
    """
    return chemistry().MolFromSmiles(smiles) if is_plain_text(smiles) else None


def is_plain_text(text: str) -> bool:
    """Return whether a text is of printable ASCII, as every SMILES and SMARTS is.

    Example:
        >>> is_plain_text("CCO ethanol"), is_plain_text("CCÖ")
        (True, False)
    """
    return text.isascii() and text.replace("\t", " ").isprintable()


def without_atom_maps(molecule: Any) -> tuple[Any, bool]:
    """Return a molecule without the numbers that mark atoms, and whether it had some.

    ``[CH3:1][OH:2]`` is how reactions name atoms; the molecule is methanol all the same. The one
    that was given may be changed.
    """
    marked = [atom for atom in molecule.GetAtoms() if atom.GetAtomMapNum()]
    if not marked:
        return molecule, False
    for atom in marked:
        atom.SetAtomMapNum(0)
    with quiet():
        return chemistry().RemoveHs(molecule), True  # one that was marked is plain hydrogen now


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
    with quiet():  # RDKit passes over letters that are not ASCII, and then looks for something else
        pattern = chem.MolFromSmarts(smarts) if is_plain_text(smarts) else None
    if pattern is None or not pattern.GetNumAtoms():
        raise DataError(
            f"a substructure must be SMARTS that RDKit can read; got {smarts!r}. Draw it and copy "
            "it as SMARTS, for instance 'c1ccccc1' for a benzene ring."
        )
    return pattern
