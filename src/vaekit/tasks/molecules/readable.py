"""Which molecules a model has tokens for."""

from vaekit.domains import MoleculeDomain
from vaekit.domains.molecules import Report, Standardised
from vaekit.errors import DataError

__all__ = ["is_readable"]


def is_readable(domain: MoleculeDomain, smiles: str) -> bool:
    """Whether a molecule has only tokens that training had, and no more of them.

    Args:
        domain: Fitted.
        smiles: Standardised.
    """
    try:
        domain.prepare(Standardised((smiles,), (0,), {}, Report(())))
    except DataError:
        return False
    return True
