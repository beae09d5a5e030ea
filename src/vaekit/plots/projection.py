"""Latents brought down to the two axes of a map."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, MissingExtraError, unknown_name

__all__ = ["PROJECTIONS", "project"]

Projected = tuple[NDArray[np.float64], tuple[str, str]]


def project(z: NDArray[np.float64], how: str) -> Projected:
    """Points of a map and the names of its axes; two latents are their own map.

    Args:
        z: Shape (items, latents), at least two of each.
        how: A key of `PROJECTIONS`.

    Raises:
        DataError: Fewer than two items or latents.
        SpecError: No projection has that name.
        MissingExtraError: It needs a package that is not installed.

    Example:
        >>> project(np.eye(3), "pca")[0].shape
        (3, 2)
    """
    if how not in PROJECTIONS:
        raise unknown_name("projection", how, PROJECTIONS)
    if min(z.shape) < 2:
        raise DataError(
            f"z must have at least 2 items and 2 latents; got shape {z.shape}. A map needs two "
            "axes: draw a histogram of a single latent."
        )
    return (z, ("z0", "z1")) if z.shape[1] == 2 else PROJECTIONS[how](z)


def _principal(z: NDArray[np.float64]) -> Projected:
    centred = z - z.mean(0)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component is arbitrary; this choice makes the picture reproducible.
    largest = np.abs(directions[:2]).argmax(1)
    directions = directions[:2] * np.sign(directions[[0, 1], largest])[:, None]
    share = 100 * spread[:2] ** 2 / max(float((spread**2).sum()), np.finfo(float).tiny)
    first, second = (
        f"principal component {i + 1} ({share[i]:.0f} % of the variance)" for i in (0, 1)
    )
    return centred @ directions.T, (first, second)


def _umap(z: NDArray[np.float64]) -> Projected:
    """McInnes et al. 2018, "UMAP: uniform manifold approximation and projection"."""
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingExtraError(
            "a map by UMAP needs a package that is not installed: pip install 'vaekit[umap]'"
        ) from error
    neighbours = min(15, len(z) - 1)
    start = "random" if len(z) < 20 else "spectral"  # few items have too few eigenvectors
    fitted = UMAP(n_neighbors=neighbours, init=start, random_state=0, n_jobs=1).fit_transform(z)
    return np.asarray(fitted, dtype=np.float64), ("UMAP 1", "UMAP 2")


PROJECTIONS: dict[str, Callable[[NDArray[np.float64]], Projected]] = {
    "pca": _principal,
    "umap": _umap,
}
"""By name, for more than two latents."""
