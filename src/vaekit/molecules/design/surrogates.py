"""An exact Gaussian process over fingerprints or latents."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from vaekit.molecules.rdkit_tools import as_molecules, chemistry

_RADIUS, _SIZE = 2, 2048


def counted_bits(smiles: Iterable[str]) -> NDArray[np.uint8]:
    """Which circular substructures molecules have, with some bits for how often, shape (n, 2048).

    So that size and composition count, which `morgan_fingerprints` does not see.
    """
    maker = _maker()
    rows = [maker.GetFingerprintAsNumPy(mol) for mol in as_molecules(smiles)]
    return np.stack(rows) if rows else np.zeros((0, _SIZE), np.uint8)


@functools.cache
def _maker() -> Any:
    chemistry()
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(
        radius=_RADIUS, fpSize=_SIZE, countSimulation=True
    )


Floats = NDArray[np.float64]
Kernel = Callable[[NDArray[Any], NDArray[Any]], Floats]

_NOISES = (1e-4, 1e-3, 1e-2, 5e-2, 0.2)  # in variances of the values
_JUDGED = 600  # points that tell which kernel and noise suit
_LEAST_SPREAD = 1e-12


def tanimoto_kernel(a: NDArray[Any], b: NDArray[Any]) -> Floats:
    """Common bits over bits of either, of fingerprints of 0 and 1, shape (a, b).

    Source: Ralaivola et al. 2005, "Graph kernels for chemical informatics".

    Example:
        >>> tanimoto_kernel(np.array([[1, 1, 0]]), np.array([[1, 0, 0], [0, 0, 1]]))
        array([[0.5, 0. ]])
    """
    a, b = a.astype(np.float32), b.astype(np.float32)  # whole numbers: exact
    common = (a @ b.T).astype(np.float64)
    either = a.sum(1)[:, None] + b.sum(1)[None, :] - common
    similarity: Floats = common / np.maximum(either, 1.0)
    return similarity


def radial_kernel(length: float) -> Kernel:
    """exp(-d²/2) of distances in units of a length."""

    def kernel(a: NDArray[Any], b: NDArray[Any]) -> Floats:
        a, b = a.astype(np.float64) / length, b.astype(np.float64) / length
        squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
        values: Floats = np.exp(-0.5 * np.maximum(squares, 0.0))
        return values

    return kernel


@dataclass(frozen=True)
class GaussianProcess:
    """Values known at some points, and what follows for others.

    Attributes:
        points: Shape (points, features).
        kernel: With 1 for a point and itself.
        factor: Lower Cholesky factor of the kernel matrix and noise.
        weights: What the kernel to each point is multiplied by.
        mean: Of the values.
        spread: Standard deviation of the values.
    """

    points: NDArray[Any]
    kernel: Kernel
    factor: Floats
    weights: Floats
    mean: float
    spread: float

    def predict(self, points: NDArray[Any]) -> tuple[Floats, Floats]:
        """Mean and standard deviation at each point, in the unit of the values."""
        to_known = self.kernel(points, self.points)
        mean = self.mean + self.spread * (to_known @ self.weights)
        solved = solve_triangular(self.factor, to_known.T, lower=True, check_finite=False)
        variance = np.maximum(1.0 - (solved**2).sum(0), 1e-9)
        return mean, self.spread * np.sqrt(variance)


def fit_process(
    points: NDArray[Any], values: Floats, kernels: Sequence[Kernel], rng: np.random.Generator
) -> GaussianProcess:
    """Choose kernel and noise by the marginal likelihood of some of the points; then take all.

    Source: Rasmussen & Williams 2006, "Gaussian processes for machine learning", algorithm 2.1.

    Example:
        >>> x = np.linspace(0, 6, 30)[:, None]
        >>> rng = np.random.default_rng(0)
        >>> process = fit_process(x, np.sin(x[:, 0]), [radial_kernel(1.0)], rng)
        >>> mean, deviation = process.predict(np.array([[1.5]]))
        >>> bool(abs(mean[0] - np.sin(1.5)) < 0.01 and deviation[0] < 0.1)
        True
    """
    mean, spread = float(values.mean()), float(values.std())
    spread = spread if spread > _LEAST_SPREAD else 1.0
    scaled = (values - mean) / spread
    some = rng.permutation(len(points))[:_JUDGED]
    best, chosen = -np.inf, (kernels[0], _NOISES[-1])
    for kernel in kernels:
        matrix = kernel(points[some], points[some])
        for noise in _NOISES:
            evidence = _evidence(matrix, scaled[some], noise)
            if evidence > best:
                best, chosen = evidence, (kernel, noise)
    kernel, noise = chosen
    factor = _factor(kernel(points, points), noise)
    weights = cho_solve((factor, True), scaled, check_finite=False)
    return GaussianProcess(points, kernel, factor, weights, mean, spread)


def _factor(matrix: Floats, noise: float) -> Floats:
    noisy = matrix + (noise + 1e-8) * np.eye(len(matrix))
    lower: Floats = cholesky(noisy, lower=True, overwrite_a=True, check_finite=False)
    return lower


def _evidence(matrix: Floats, values: Floats, noise: float) -> float:
    """Log marginal likelihood but for its constant, nats."""
    factor = _factor(matrix, noise)
    solved = solve_triangular(factor, values, lower=True, check_finite=False)
    return float(-0.5 * solved @ solved - np.log(np.diag(factor)).sum())
