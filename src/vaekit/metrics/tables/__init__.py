"""How like real rows the rows of a synthetic table are."""

from vaekit.metrics.tables.associations import associations
from vaekit.metrics.tables.blends import blended_neighbours
from vaekit.metrics.tables.nearness import RowFidelity, closest_record_share, row_fidelity
from vaekit.metrics.tables.shapes import shape_errors, trend_errors
from vaekit.metrics.tables.two_sample import for_trees, two_sample_auc
from vaekit.metrics.tables.usefulness import train_on_synthetic

__all__ = [
    "RowFidelity",
    "associations",
    "blended_neighbours",
    "closest_record_share",
    "for_trees",
    "row_fidelity",
    "shape_errors",
    "train_on_synthetic",
    "trend_errors",
    "two_sample_auc",
]
