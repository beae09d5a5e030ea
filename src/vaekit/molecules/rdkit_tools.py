"""RDKit, asked for where it is used: molecules of SMILES, their fingerprints and similarity."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vaekit.errors import DataError, MissingExtraError, SpecError

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


_CELLS = 2**24  # similarities in memory at a time, 64 MB


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """Which circular substructures each molecule has, hashed to bits.

    Attributes:
        bits: 1 where it has one, shape (molecules, bits); an empty row for what is no molecule.
    """

    bits: Any

    def __len__(self) -> int:
        """Return how many molecules there are."""
        count: int = self.bits.shape[0]
        return count

    def __getitem__(self, positions: slice | NDArray[np.int64]) -> "Fingerprints":
        """Return those at some places."""
        return Fingerprints(self.bits[positions])

    @property
    def counts(self) -> NDArray[np.float32]:
        """Bits of each molecule, shape (molecules,); 0 of what is none."""
        counts: NDArray[np.float32] = np.diff(self.bits.indptr).astype(np.float32)
        return counts


@dataclass(frozen=True, eq=False)
class NearestMolecules:
    """The nearest molecules of each, the nearest first.

    Attributes:
        positions: Which of the references, shape (molecules, neighbours); -1 of what is no
            molecule.
        similarity: Tanimoto, shape (molecules, neighbours); NaN of what is no molecule.
    """

    positions: NDArray[np.int64]
    similarity: NDArray[np.float32]


def morgan_fingerprints(
    molecules: Iterable[Any], *, radius: int = 2, num_bits: int = 2048
) -> Fingerprints:
    """Morgan fingerprints (ECFP4 at radius 2), without regard to the hand of stereo centres.

    Args:
        molecules: SMILES, or RDKit molecules as `as_molecules` gives them.
        radius: Bonds from an atom to the rim of its substructure.
        num_bits: Length.

    Raises:
        MissingExtraError: RDKit is not installed.

    Source: Rogers & Hahn 2010, "Extended-connectivity fingerprints".

    Example:
        >>> found = morgan_fingerprints(["CCO", "CCN", "no molecule"])
        >>> tanimoto(found, found[:1]).round(2)
        array([[1.  ],
               [0.33],
               [ nan]], dtype=float32)
    """
    chemistry()
    from rdkit.Chem import rdFingerprintGenerator

    maker = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=num_bits)
    parsed = as_molecules(molecules)
    set_bits = [() if m is None else maker.GetFingerprint(m).GetOnBits() for m in parsed]
    starts = np.concatenate([[0], np.cumsum([len(bits) for bits in set_bits])]).astype(np.int64)
    columns = np.fromiter((bit for bits in set_bits for bit in bits), np.int32, starts[-1])
    ones = np.ones(len(columns), np.float32)
    return Fingerprints(sparse.csr_matrix((ones, columns, starts), (len(parsed), num_bits)))


def tanimoto(a: Fingerprints, b: Fingerprints) -> NDArray[np.float32]:
    """Shared bits over all bits of two molecules, from 0 to 1, for every pair.

    Args:
        a: As many rows.
        b: As many columns.

    Returns:
        Shape (a, b); NaN where one of them is no molecule. Keep it small: see `nearest_molecules`.

    Example:
        >>> found = morgan_fingerprints(["c1ccccc1", "c1ccccc1C"])
        >>> tanimoto(found, found).diagonal()
        array([1., 1.], dtype=float32)
    """
    # Sparse times dense is thrice as fast as a dense product, and eight times as RDKit's own loop.
    shared = np.asarray(a.bits @ b.bits.T.toarray(), np.float32)
    ours, theirs = a.counts[:, None], b.counts[None]
    union = ours + theirs - shared
    union[(ours == 0) | (theirs == 0)] = np.nan
    return shared / union


def nearest_molecules(
    molecules: Fingerprints, references: Fingerprints, count: int = 1
) -> NearestMolecules:
    """Return the most similar references of each molecule.

    Memory is bounded; with 250,000 references a molecule takes some 5 ms.

    Args:
        molecules: Whose neighbours are sought.
        references: Among which.
        count: Neighbours of each.

    Raises:
        DataError: Fewer references than neighbours.
        SpecError: Fewer than one neighbour.

    Example:
        >>> found = morgan_fingerprints(["CCO", "c1ccccc1", "CCCO"])
        >>> nearest_molecules(found[:1], found[1:]).positions
        array([[1]])
    """
    if count < 1:
        raise SpecError(f"count must be at least 1; got {count}.")
    if len(references) < count:
        raise DataError(
            f"there must be at least as many references as neighbours; got {len(references)} for "
            f"{count}. Pass more molecules to search in, or ask for fewer."
        )
    parts = [_nearest(similar, count) for similar in similarities(molecules, references)]
    empty = NearestMolecules(np.empty((0, count), np.int64), np.empty((0, count), np.float32))
    parts = parts or [empty]
    return NearestMolecules(
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.similarity for part in parts]),
    )


def similarities(
    molecules: Fingerprints, references: Fingerprints
) -> Iterator[NDArray[np.float32]]:
    """`tanimoto` with all references, for some molecules after others, memory bounded.

    Args:
        molecules: Rows of what is yielded, some at a time.
        references: Columns.
    """
    rows = max(1, _CELLS // max(1, len(references)))
    for start in range(0, len(molecules), rows):
        yield tanimoto(references, molecules[start : start + rows]).T


def _nearest(similar: NDArray[np.float32], count: int) -> NearestMolecules:
    """Of equal ones found the first; a reference that is no molecule is the farthest."""
    known = np.nan_to_num(similar, nan=-1.0)
    if count == 1:
        positions = known.argmax(1)[:, None]
    else:
        some = np.sort(np.argpartition(-known, count - 1, axis=1)[:, :count], axis=1)
        order = np.argsort(-np.take_along_axis(known, some, 1), axis=1, kind="stable")
        positions = np.take_along_axis(some, order, 1)
    best = np.take_along_axis(known, positions, 1)
    missing = best < 0
    return NearestMolecules(
        np.where(missing, -1, positions).astype(np.int64), np.where(missing, np.nan, best)
    )
