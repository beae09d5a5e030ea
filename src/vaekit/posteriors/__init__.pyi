from .gaussian import Posterior as Posterior
from .discrete import (
    GumbelSoftmax as GumbelSoftmax,
    Placewise as Placewise,
    FiniteScalar as FiniteScalar,
    Quantizer as Quantizer,
    VectorQuantized as VectorQuantized,
)
from .flow import InverseAutoregressive as InverseAutoregressive, LinearFlow as LinearFlow
from .gaussian import (
    Deterministic as Deterministic,
    DiagonalGaussian as DiagonalGaussian,
    FullGaussian as FullGaussian,
    GridGaussian as GridGaussian,
)
from .hamiltonian import Hamiltonian as Hamiltonian, Riemannian as Riemannian
from .manifold import Hyperbolic as Hyperbolic, Spherical as Spherical
