"""How alike molecules are to each other, and to others."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from vaekit.domains.molecules import (
    Fingerprints,
    as_molecules,
    morgan_fingerprints,
    nearest_molecules,
)
from vaekit.domains.molecules.fingerprints import similarities
from vaekit.errors import DataError, SpecError

__all__ = ["internal_diversity", "moses_fingerprints", "similarity_to_nearest"]


def moses_fingerprints(molecules: Iterable[Any]) -> Fingerprints:
    """Fingerprints as MOSES compares by: Morgan, radius 2, 1,024 bits; of valid molecules only.

    Args:
        molecules: SMILES, valid or not, or RDKit molecules.
    """
    return morgan_fingerprints([m for m in as_molecules(molecules) if m is not None], num_bits=1024)


def internal_diversity(molecules: Iterable[Any] | Fingerprints, power: int = 1) -> float:
    """One minus the mean similarity of all pairs, each with itself included.

    Args:
        molecules: SMILES, of which invalid ones are left out, or `moses_fingerprints` of them.
        power: 1, or 2 for the root of the mean square, which heeds clusters more.

    Returns:
        From 0, all the same, to nearly 1.

    Raises:
        DataError: No valid molecules.
        SpecError: A power below 1.

    Source: Polykovskiy et al. 2020, "Molecular sets (MOSES)", equation for IntDiv_p, computed as
    the package molsets does: the root is taken for each molecule, then their mean.

    Example:
        >>> round(internal_diversity(["CCO", "CCO", "c1ccccc1"]), 3)
        0.444
    """
    if power < 1:
        raise SpecError(f"power must be at least 1; got {power}.")
    found = _valid(molecules)
    means = [(part**power).mean(1, dtype=np.float64) for part in similarities(found, found)]
    return float(1 - (np.concatenate(means) ** (1 / power)).mean())


def similarity_to_nearest(
    molecules: Iterable[Any] | Fingerprints, references: Iterable[Any] | Fingerprints
) -> float:
    """The mean similarity of molecules to the nearest of the references (SNN).

    Args:
        molecules: SMILES, of which invalid ones are left out, or `moses_fingerprints` of them.
        references: The same of other molecules, for instance held-out ones.

    Raises:
        DataError: No valid molecules on either side.

    Source: Polykovskiy et al. 2020, "Molecular sets (MOSES)", SNN.

    Example:
        >>> similarity_to_nearest(["CCO"], ["CCC", "OCC"])
        1.0
    """
    near = nearest_molecules(_valid(molecules), _valid(references))
    return float(near.similarity.mean(dtype=np.float64))


def _valid(molecules: Iterable[Any] | Fingerprints) -> Fingerprints:
    found = molecules if isinstance(molecules, Fingerprints) else moses_fingerprints(molecules)
    if not len(found):
        raise DataError("there must be at least one valid molecule; got none. Pass more.")
    return found
