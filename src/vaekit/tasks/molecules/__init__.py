"""Molecules: judged, varied, and searched for."""

from vaekit.tasks.molecules.aimed import AimedMolecules, targets_of
from vaekit.tasks.molecules.analogues import Analogues, Ring, find_analogues
from vaekit.tasks.molecules.files import FILE_ENDINGS, check_molecule_path, save_molecules
from vaekit.tasks.molecules.known import KnownMolecules
from vaekit.tasks.molecules.lead import Lead, read_lead
from vaekit.tasks.molecules.maps import LatentNeighbours, latent_neighbours, property_map
from vaekit.tasks.molecules.predict import expected_errors, predict_targets
from vaekit.tasks.molecules.predictions import Agreement, Predictions, predict_molecules
from vaekit.tasks.molecules.readable import is_readable, readable_molecules
from vaekit.tasks.molecules.report import MoleculeReport, molecule_report
from vaekit.tasks.molecules.ways import Way, draw_ways, molecule_ways

__all__ = [
    "FILE_ENDINGS",
    "Agreement",
    "AimedMolecules",
    "Analogues",
    "KnownMolecules",
    "LatentNeighbours",
    "Lead",
    "MoleculeReport",
    "Predictions",
    "Ring",
    "Way",
    "check_molecule_path",
    "draw_ways",
    "expected_errors",
    "find_analogues",
    "is_readable",
    "latent_neighbours",
    "molecule_report",
    "molecule_ways",
    "predict_molecules",
    "predict_targets",
    "property_map",
    "read_lead",
    "readable_molecules",
    "save_molecules",
    "targets_of",
]
