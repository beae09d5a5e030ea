"""Distributions that ``torch.distributions`` lacks, or has too slow for the inner loop."""

from vaekit.distributions.cells import Cells
from vaekit.distributions.codes import Codes, GumbelCodes, PointCodes, UniformCodes
from vaekit.distributions.continuous_bernoulli import ContinuousBernoulli
from vaekit.distributions.delta import Delta
from vaekit.distributions.diagonal_normal import DiagonalNormal, kl_per_latent
from vaekit.distributions.discretised_logistic import DiscretisedLogistic
from vaekit.distributions.frozen import frozen
from vaekit.distributions.manifolds import REAL, SPHERE, Ball, Manifold
from vaekit.distributions.metric import Metric
from vaekit.distributions.paths import PATHS, TIMES, Path, draw_times, find_path
from vaekit.distributions.pushed import Push, Pushed
from vaekit.distributions.sphere import PowerSpherical, VonMisesFisher, log_sphere_area
from vaekit.distributions.traced import Traced
from vaekit.distributions.wrapped_normal import WrappedNormal

__all__ = [
    "PATHS",
    "REAL",
    "SPHERE",
    "TIMES",
    "Ball",
    "Cells",
    "Codes",
    "ContinuousBernoulli",
    "Delta",
    "DiagonalNormal",
    "DiscretisedLogistic",
    "GumbelCodes",
    "Manifold",
    "Metric",
    "Path",
    "PointCodes",
    "PowerSpherical",
    "Push",
    "Pushed",
    "Traced",
    "UniformCodes",
    "VonMisesFisher",
    "WrappedNormal",
    "draw_times",
    "find_path",
    "frozen",
    "kl_per_latent",
    "log_sphere_area",
]
