"""Molecules: read, brought to one form each, and written as tokens."""

from vaekit.domains.molecules.alerts import CATALOGUES, Catalogue, alerts_of, passes_filters
from vaekit.domains.molecules.domain import MoleculeDomain
from vaekit.domains.molecules.fingerprints import (
    Fingerprints,
    Neighbours,
    morgan_fingerprints,
    nearest_molecules,
    tanimoto,
)
from vaekit.domains.molecules.parsing import as_molecules, as_pattern, canonical
from vaekit.domains.molecules.properties import PROPERTIES, Property, properties_of
from vaekit.domains.molecules.reading import Molecules, read_molecules
from vaekit.domains.molecules.report import Entry, Report
from vaekit.domains.molecules.standardise import Standardised, Standardiser, standardise
from vaekit.domains.molecules.targets import Targets

__all__ = [
    "CATALOGUES",
    "PROPERTIES",
    "Catalogue",
    "Entry",
    "Fingerprints",
    "MoleculeDomain",
    "Molecules",
    "Neighbours",
    "Property",
    "Report",
    "Standardised",
    "Standardiser",
    "Targets",
    "alerts_of",
    "as_molecules",
    "as_pattern",
    "canonical",
    "morgan_fingerprints",
    "nearest_molecules",
    "passes_filters",
    "properties_of",
    "read_molecules",
    "standardise",
    "tanimoto",
]
