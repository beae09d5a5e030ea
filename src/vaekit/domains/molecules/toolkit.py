"""RDKit, asked for where it is used, and kept quiet."""

import contextlib
from collections.abc import Iterator
from typing import Any

from vaekit.errors import MissingExtraError

__all__ = ["chemistry", "quiet", "standardising"]

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


def standardising() -> Any:
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
