"""Numbers that RDKit computes of molecules, and how often they have each substructure."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vaekit.errors import MissingExtraError
from vaekit.molecules.rdkit_tools import as_molecules, chemistry, quiet

_LEFT_OUT = frozenset({"qed", "SPS", "Ipc", "AvgIpc"})  # a third of the time, or without bounds
_LARGEST = 1e9
_RADIUS, _SIZE = 2, 2048
_MOST_TIMES = 255


@dataclass(frozen=True, eq=False)
class MoleculeDescriptors:
    """What can be computed of molecules, in their order.

    Attributes:
        numbers: RDKit's descriptors, shape (molecules, descriptors); NaN where one cannot be
            computed.
        counts: How often each has each circular substructure of radius 2, hashed to 2048 places,
            255 at most; a sparse matrix of shape (molecules, 2048).
    """

    numbers: NDArray[np.float64]
    counts: Any

    def __len__(self) -> int:
        """Return how many molecules there are."""
        return len(self.numbers)

    def __getitem__(self, positions: NDArray[np.int64]) -> "MoleculeDescriptors":
        """Return those at some places."""
        return MoleculeDescriptors(self.numbers[positions], self.counts[positions])


def descriptor_names() -> tuple[str, ...]:
    """Return the names of the descriptors that the installed RDKit computes, some 210.

    Left out are ``qed`` and ``SPS``, which take a third of the time of all, and ``Ipc`` and
    ``AvgIpc``, which grow beyond bounds.

    Raises:
        MissingExtraError: RDKit is not installed.
    """
    return tuple(_functions())


@functools.cache
def _functions() -> dict[str, Any]:
    chemistry()
    from rdkit.Chem import Descriptors

    return {name: f for name, f in Descriptors.descList if name not in _LEFT_OUT}


@functools.cache
def _counter() -> Any:
    chemistry()
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_SIZE)


def compute_descriptors(
    molecules: Iterable[Any], names: Sequence[str] | None = None
) -> MoleculeDescriptors:
    """Compute descriptors and counts of substructures, some 7 ms a molecule.

    Args:
        molecules: SMILES, or RDKit molecules as `as_molecules` gives them; what is no molecule has
            NaN and no substructure.
        names: Some of `descriptor_names`; ``None`` for all.

    Raises:
        MissingExtraError: RDKit is not installed, or another version that lacks a descriptor.

    Source: Landrum et al., "RDKit: open-source cheminformatics", ``rdkit.Chem.Descriptors``; Rogers
    & Hahn 2010, "Extended-connectivity fingerprints".

    Example:
        >>> found = compute_descriptors(["CCO", "c1ccccc1"], ["MolWt", "RingCount"])
        >>> found.numbers.round(1).tolist(), found.counts.sum(1).ravel().tolist()
        ([[46.1, 0.0], [78.1, 1.0]], [[6.0, 18.0]])
    """
    known = _functions()
    for name in known if names is None else names:
        if name not in known:
            raise MissingExtraError(
                f"this model was fitted with the descriptor {name!r}, which the installed RDKit "
                "does not compute. Install the version that it was fitted with, or fit it again."
            )
    chosen = [known[name] for name in (known if names is None else names)]
    numbers, rows = [], []
    with quiet():
        for item in molecules:
            (molecule,) = as_molecules([item])
            numbers.append([_value(each, molecule) for each in chosen])
            rows.append({} if molecule is None else _counts(molecule))
    table = np.array(numbers, np.float64).reshape(len(numbers), len(chosen))
    table[~(np.abs(table) <= _LARGEST)] = np.nan
    return MoleculeDescriptors(table, counts_of(rows))


def _value(compute: Any, molecule: Any) -> float:
    """RDKit reads some odd aromatic rings that its own calculations refuse then."""
    try:
        return np.nan if molecule is None else float(compute(molecule))
    except (ValueError, RuntimeError, ZeroDivisionError):
        return np.nan


def _counts(molecule: Any) -> dict[int, int]:
    found: dict[int, int] = _counter().GetCountFingerprint(molecule).GetNonzeroElements()
    return found


def counts_of(rows: Sequence[dict[int, int]]) -> Any:
    """Return counts by place as a sparse matrix, shape (molecules, 2048)."""
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    columns = np.fromiter((place for row in rows for place in sorted(row)), np.int32, starts[-1])
    values = [min(row[place], _MOST_TIMES) for row in rows for place in sorted(row)]
    return sparse.csr_matrix(
        (np.array(values, np.float32), columns, starts), shape=(len(rows), _SIZE)
    )
