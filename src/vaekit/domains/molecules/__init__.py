"""Molecules: read, brought to one form each, and written as tokens."""

from vaekit.domains.molecules.domain import MoleculeDomain
from vaekit.domains.molecules.parsing import as_molecules, canonical
from vaekit.domains.molecules.properties import PROPERTIES, Property, properties_of
from vaekit.domains.molecules.reading import Molecules, read_molecules
from vaekit.domains.molecules.report import Entry, Report
from vaekit.domains.molecules.standardise import Standardised, Standardiser, standardise

__all__ = [
    "PROPERTIES",
    "Entry",
    "MoleculeDomain",
    "Molecules",
    "Property",
    "Report",
    "Standardised",
    "Standardiser",
    "as_molecules",
    "canonical",
    "properties_of",
    "read_molecules",
    "standardise",
]
