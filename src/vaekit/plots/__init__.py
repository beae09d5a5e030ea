"""Pictures of data, reconstructions, latent spaces and trainings.

Every function takes arrays and returns a ``matplotlib.figure.Figure``; none touches pyplot, its
global figures or the backend. Show a figure as the last value of a notebook's cell, or write it
with `save_figure`. Molecules are drawn by RDKit, into a `MoleculeGrid`.
"""

from vaekit.plots.animation import save_animation, way_frames
from vaekit.plots.anomalies import heat_sheets, score_histogram, unusual_map
from vaekit.plots.associations import association_difference
from vaekit.plots.clusters import cluster_bars, cluster_cards
from vaekit.plots.codes import code_usage
from vaekit.plots.curves import training_curves
from vaekit.plots.edits import edit_curves, edit_strips
from vaekit.plots.grid import image_grid
from vaekit.plots.health import latent_health
from vaekit.plots.latents import latent_map
from vaekit.plots.marginals import marginals
from vaekit.plots.molecules import GRID_ENDINGS, MoleculeGrid, molecule_grid
from vaekit.plots.pairs import reconstruction_pairs
from vaekit.plots.predictions import prediction_scatter
from vaekit.plots.save import png_of, save_figure
from vaekit.plots.searches import search_curves
from vaekit.plots.series import unusual_steps
from vaekit.plots.sheets import image_sheets
from vaekit.plots.strips import interpolation_strips
from vaekit.plots.tradeoff import Panel, tradeoff_curves
from vaekit.plots.traversals import latent_traversals

__all__ = [
    "GRID_ENDINGS",
    "MoleculeGrid",
    "Panel",
    "association_difference",
    "cluster_bars",
    "cluster_cards",
    "code_usage",
    "edit_curves",
    "edit_strips",
    "heat_sheets",
    "image_grid",
    "image_sheets",
    "interpolation_strips",
    "latent_health",
    "latent_map",
    "latent_traversals",
    "marginals",
    "molecule_grid",
    "png_of",
    "prediction_scatter",
    "reconstruction_pairs",
    "save_animation",
    "save_figure",
    "score_histogram",
    "search_curves",
    "tradeoff_curves",
    "training_curves",
    "unusual_map",
    "unusual_steps",
    "way_frames",
]
