"""Molecules: read, brought to one form each, and written as tokens."""

from vaekit.domains.molecules.domain import MoleculeDomain
from vaekit.domains.molecules.reading import Molecules, read_molecules
from vaekit.domains.molecules.report import Entry, Report
from vaekit.domains.molecules.standardise import Standardised, Standardiser, standardise

__all__ = [
    "Entry",
    "MoleculeDomain",
    "Molecules",
    "Report",
    "Standardised",
    "Standardiser",
    "read_molecules",
    "standardise",
]
