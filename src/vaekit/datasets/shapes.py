"""Generated sprites whose factors of variation are known, after dSprites."""

import numpy as np
from numpy.typing import NDArray

from vaekit.datasets.base import Dataset
from vaekit.datasets.sprites import HUES, POSITIONS, ROTATIONS, SCALES, SPRITES, render
from vaekit.errors import DataError

__all__ = ["shapes"]

_LEAST_SIZE = 16  # below it neighbouring rotations of the smallest square look alike
_SIZES = {
    "shape": len(SPRITES),
    "scale": len(SCALES),
    "rotation": len(ROTATIONS),
    "x": len(POSITIONS),
    "y": len(POSITIONS),
}


def shapes(n: int | None = None, *, size: int = 32, colour: bool = False, seed: int = 0) -> Dataset:
    """One square, ellipse or heart on black, with independent factors that are known.

    The factors, in order, with the meaning of their codes:

    - ``shape`` (3): square, ellipse, heart; also the label.
    - ``scale`` (6): 0.5 to 1 of the largest sprite, whose corners are a quarter of the image's
      size from its centre.
    - ``rotation`` (8): 0 to 78.75 degrees in steps of 11.25, clockwise.
    - ``x``, ``y`` (16 each): the centre of mass, in steps of 1/32 of the size, to the right and
      down, symmetric about the centre of the image. No sprite is cut off.
    - ``colour`` (6, only with ``colour=True``): red, yellow, green, cyan, blue, magenta.

    Rotations stop short of 90 degrees, after which a square (and after 180 an ellipse) would
    look as before: so no two codes give the same image, unlike in dSprites. A square of the
    last rotation is nonetheless close to one of the first; in that shape the factor is a circle.

    Args:
        n: How many images with factors drawn uniformly and independently, with replacement;
            ``None`` gives each combination once, the last factor varying fastest: 36,864 images
            (38 MB), and 221,184 (680 MB) with colour.
        size: Height and width in pixels, at least 16.
        colour: Add the factor ``colour``; images then have three colour channels.
        seed: Decides the draws; the other factors are the same with and without colour.

    Returns:
        Images uint8 of shape (n, size, size), or (n, size, size, 3) with colour; labels, factors
        and factor_sizes as above.

    Raises:
        DataError: ``n`` or ``size`` too small.

    Source: Matthey, Higgins, Hassabis and Lerchner 2017, "dSprites: disentanglement testing
    Sprites dataset".

    Example:
        >>> data = shapes(5, seed=1)
        >>> data.images.shape, list(data.factors)
        ((5, 32, 32), ['shape', 'scale', 'rotation', 'x', 'y'])
    """
    if n is not None and n < 1:
        raise DataError(f"n must be at least 1 or None; got {n}. None gives the full grid.")
    if size < _LEAST_SIZE:
        raise DataError(
            f"size must be at least {_LEAST_SIZE} pixels; got {size}. Smaller sprites cannot "
            "be told apart: choose a larger size."
        )
    sizes = _SIZES | ({"colour": len(HUES)} if colour else {})
    codes = _grid(sizes) if n is None else _draw(sizes, n, seed)
    return Dataset(render(codes, size), codes["shape"], SPRITES, codes, sizes)


def _grid(sizes: dict[str, int]) -> dict[str, NDArray[np.int64]]:
    axes = np.indices(tuple(sizes.values()), dtype=np.int64).reshape(len(sizes), -1)
    return dict(zip(sizes, axes, strict=True))


def _draw(sizes: dict[str, int], n: int, seed: int) -> dict[str, NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    return {name: generator.integers(0, size, n) for name, size in sizes.items()}
