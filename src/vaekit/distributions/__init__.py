"""Distributions that ``torch.distributions`` lacks, or has too slow for the inner loop."""

from vaekit.distributions.autoregressive_row import AutoregressiveRow
from vaekit.distributions.binned_normal import BinnedNormal
from vaekit.distributions.cells import Cells
from vaekit.distributions.codes import Codes, GumbelCodes, PointCodes, UniformCodes
from vaekit.distributions.continuous_bernoulli import ContinuousBernoulli
from vaekit.distributions.delta import Delta
from vaekit.distributions.diagonal_normal import DiagonalNormal, kl_per_latent
from vaekit.distributions.discretised_logistic import DiscretisedLogistic
from vaekit.distributions.frozen import frozen
from vaekit.distributions.joined import Joined
from vaekit.distributions.manifolds import REAL, SPHERE, Ball, Manifold
from vaekit.distributions.metric import Metric
from vaekit.distributions.paths import PATHS, TIMES, Path, draw_times, find_path
from vaekit.distributions.pushed import Push, Pushed
from vaekit.distributions.row import Choose, Row, as_row, drawn, most_probable
from vaekit.distributions.sphere import PowerSpherical, VonMisesFisher, log_sphere_area
from vaekit.distributions.token_sequence import BEGIN, END, PADDING, TokenSequence
from vaekit.distributions.traced import Traced
from vaekit.distributions.wrapped_normal import WrappedNormal

__all__ = [
    "BEGIN",
    "END",
    "PADDING",
    "PATHS",
    "REAL",
    "SPHERE",
    "TIMES",
    "AutoregressiveRow",
    "Ball",
    "BinnedNormal",
    "Cells",
    "Choose",
    "Codes",
    "ContinuousBernoulli",
    "Delta",
    "DiagonalNormal",
    "DiscretisedLogistic",
    "GumbelCodes",
    "Joined",
    "Manifold",
    "Metric",
    "Path",
    "PointCodes",
    "PowerSpherical",
    "Push",
    "Pushed",
    "Row",
    "TokenSequence",
    "Traced",
    "UniformCodes",
    "VonMisesFisher",
    "WrappedNormal",
    "as_row",
    "draw_times",
    "drawn",
    "find_path",
    "frozen",
    "kl_per_latent",
    "log_sphere_area",
    "most_probable",
]
