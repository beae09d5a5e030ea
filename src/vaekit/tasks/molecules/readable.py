"""Which molecules a model has tokens for."""

from typing import Any

import numpy as np

from vaekit.domains import MoleculeDomain
from vaekit.domains.molecules import Report, Standardised
from vaekit.errors import DataError

__all__ = ["UNREADABLE", "is_readable", "readable_molecules"]

UNREADABLE = "tokens or a length that training had not"
"""What molecules have that a model cannot encode."""


def is_readable(domain: MoleculeDomain, smiles: str) -> bool:
    """Whether a molecule has only tokens that training had, and no more of them.

    Args:
        domain: Fitted.
        smiles: Standardised.
    """
    return _are_readable(domain, Standardised((smiles,), (0,), {}, Report(())))


def _are_readable(domain: MoleculeDomain, found: Standardised) -> bool:
    try:
        domain.prepare_input(found)
    except DataError:
        return False
    return True


def readable_molecules(domain: MoleculeDomain, raw: Any) -> tuple[Standardised, int]:
    """Read molecules; those that the model has no tokens for are left out.

    Args:
        domain: Fitted.
        raw: What it reads.

    Returns:
        The others, and how many were left out.

    Raises:
        DataError: The source cannot be read, or a rule rejects a molecule.
    """
    found = domain.read(raw)
    if _are_readable(domain, found):
        return found, 0
    kept = np.flatnonzero([is_readable(domain, smiles) for smiles in found.smiles])
    return found[kept], len(found) - len(kept)
