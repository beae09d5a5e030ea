"""Coordinates in which the latents have mean 0 and no correlations."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Whitening"]

_FLOOR = 1e-4  # of the largest variance: a collapsed latent has hardly any, and is not blown up

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Whitening:
    """A linear map to whitened coordinates, and back.

    In them a step means the same in each direction: standard deviations of the latents.

    Attributes:
        mean: Of the latents.
        forth: (latent, latent), symmetric: to whitened coordinates.
        back: Its inverse.

    Example:
        >>> z = np.random.default_rng(0).normal(size=(1000, 2)) @ np.array([[3.0, 0], [1, 1]])
        >>> np.cov(Whitening.of(z)(z).T).round(3).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    mean: Matrix
    forth: Matrix
    back: Matrix

    @classmethod
    def of(cls, z: Matrix, weights: Matrix | None = None) -> Self:
        """Learn from latents of shape (items, latent), at least 2, and a weight of each."""
        variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(z.T, aweights=weights)))
        scale = np.sqrt(np.maximum(variances, _FLOOR * max(variances.max(), 1e-12)))
        return cls(
            np.average(z, axis=0, weights=weights), axes / scale @ axes.T, axes * scale @ axes.T
        )

    def __call__(self, z: Matrix) -> Matrix:
        """Whitened coordinates of latents."""
        whitened: Matrix = (z - self.mean) @ self.forth
        return whitened

    def step(self, whitened: Matrix) -> Matrix:
        """A difference in whitened coordinates as one of latents."""
        step: Matrix = whitened @ self.back
        return step
