"""Posteriors q(z | x): modules whose forward turns features into a distribution."""

from vaekit.posteriors.base import Posterior
from vaekit.posteriors.categorical import Categorical
from vaekit.posteriors.deterministic import Deterministic
from vaekit.posteriors.finite_scalar import FiniteScalar
from vaekit.posteriors.flow import InverseAutoregressive, LinearFlow
from vaekit.posteriors.gaussian import DiagonalGaussian, FullGaussian, GridGaussian
from vaekit.posteriors.hamiltonian import Hamiltonian
from vaekit.posteriors.hyperbolic import Hyperbolic
from vaekit.posteriors.quantiser import Quantiser
from vaekit.posteriors.riemannian import Riemannian
from vaekit.posteriors.spherical import Spherical
from vaekit.posteriors.vector_quantised import VectorQuantised

__all__ = [
    "Categorical",
    "Deterministic",
    "DiagonalGaussian",
    "FiniteScalar",
    "FullGaussian",
    "GridGaussian",
    "Hamiltonian",
    "Hyperbolic",
    "InverseAutoregressive",
    "LinearFlow",
    "Posterior",
    "Quantiser",
    "Riemannian",
    "Spherical",
    "VectorQuantised",
]
