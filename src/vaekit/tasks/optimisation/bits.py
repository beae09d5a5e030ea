"""Fingerprints that the surrogate sees."""

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.molecules import as_molecules
from vaekit.domains.molecules.toolkit import chemistry

__all__ = ["counted_bits"]

_RADIUS, _SIZE = 2, 2048


def counted_bits(smiles: Iterable[str]) -> NDArray[np.uint8]:
    """Which circular substructures molecules have, with some bits for how often, shape (n, 2048).

    So that size and composition count, which `morgan_fingerprints` does not see.
    """
    maker = _maker()
    rows = [maker.GetFingerprintAsNumPy(mol) for mol in as_molecules(smiles)]
    return np.stack(rows) if rows else np.zeros((0, _SIZE), np.uint8)


@functools.cache
def _maker() -> Any:
    chemistry()
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(
        radius=_RADIUS, fpSize=_SIZE, countSimulation=True
    )
