"""How many samples are molecules, differ, and are new."""

from collections.abc import Iterable

from vaekit.domains.molecules import canonical
from vaekit.errors import DataError

__all__ = ["novelty", "uniqueness", "validity"]


def validity(samples: Iterable[str | None]) -> float:
    """The share of samples that RDKit takes for a molecule.

    Args:
        samples: SMILES, valid or not.

    Raises:
        DataError: No samples.

    Example:
        >>> validity(["CCO", "C1CC"])
        0.5
    """
    found = canonical(samples)
    return sum(smiles is not None for smiles in found) / _several(len(found), "samples")


def uniqueness(samples: Iterable[str | None], k: int | None = None) -> float:
    """The share of different molecules among the valid samples.

    Args:
        samples: SMILES, valid or not.
        k: Look at the first ``k`` valid ones only, since the share falls with their number.

    Raises:
        DataError: No valid samples.

    Example:
        >>> uniqueness(["CCO", "OCC", "CCC", "C1CC"])
        0.6666666666666666
    """
    valid = [smiles for smiles in canonical(samples) if smiles is not None][:k]
    return len(set(valid)) / _several(len(valid), "valid samples")


def novelty(samples: Iterable[str | None], training: Iterable[str]) -> float:
    """The share of different valid samples that are no training molecule.

    Args:
        samples: SMILES, valid or not.
        training: SMILES that the model learnt from, standardised as it reads them.

    Raises:
        DataError: No valid samples.

    Example:
        >>> novelty(["CCO", "CCC"], ["OCC"])
        0.5
    """
    different = set(canonical(samples)) - {None}
    new = different - set(canonical(training))
    return len(new) / _several(len(different), "valid samples")


def _several(count: int, what: str) -> int:
    if not count:
        raise DataError(f"there must be at least one of the {what}; got none. Pass more.")
    return count
