"""Measures of generated molecules, as MOSES defines them."""

from vaekit.metrics.molecules.chemnet import chemnet_activations, frechet_chemnet_distance
from vaekit.metrics.molecules.counts import novelty, uniqueness, validity
from vaekit.metrics.molecules.distances import property_distance, property_distances
from vaekit.metrics.molecules.pieces import cosine_of_counts, fragment_counts, scaffold_counts
from vaekit.metrics.molecules.similarity import (
    internal_diversity,
    moses_fingerprints,
    similarity_to_nearest,
)

__all__ = [
    "chemnet_activations",
    "cosine_of_counts",
    "fragment_counts",
    "frechet_chemnet_distance",
    "internal_diversity",
    "moses_fingerprints",
    "novelty",
    "property_distance",
    "property_distances",
    "scaffold_counts",
    "similarity_to_nearest",
    "uniqueness",
    "validity",
]
