"""How far properties of samples are from those of others."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.molecules import properties_of
from vaekit.errors import DataError

__all__ = ["property_distance", "property_distances"]

_OF_MOSES = ("logp", "sa", "qed", "mw")


def property_distances(
    references: Iterable[Any], samples: Iterable[Any], names: Sequence[str] = _OF_MOSES
) -> dict[str, float]:
    """Wasserstein distance of each property, in its own unit.

    Args:
        references: SMILES, of which invalid ones are left out, or RDKit molecules.
        samples: The same of generated ones.
        names: Some of `vaekit.domains.molecules.PROPERTIES`; those of MOSES by default.

    Raises:
        DataError: No valid molecules on either side.
        SpecError: An unknown property.

    Example:
        >>> property_distances(["CCO"], ["CCCO", "CCO"], ["heavy_atoms"])
        {'heavy_atoms': 0.5}
    """
    ours, theirs = properties_of(references, names), properties_of(samples, names)
    return {name: property_distance(ours[name], theirs[name]) for name in names}


def property_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Wasserstein distance of two samples of numbers: how far they must be moved on average.

    Args:
        a: Any shape; NaN is left out.
        b: The same.

    Raises:
        DataError: No numbers on one of the sides.

    Example:
        >>> property_distance(np.array([0.0, 1.0]), np.array([2.0, np.nan]))
        1.5
    """
    from scipy.stats import wasserstein_distance

    ours, theirs = (side[~np.isnan(side)] for side in (a, b))
    if not (len(ours) and len(theirs)):
        raise DataError(
            f"there must be numbers on both sides; got {len(ours)} and {len(theirs)}. Pass valid "
            "molecules."
        )
    return float(wasserstein_distance(ours, theirs))
