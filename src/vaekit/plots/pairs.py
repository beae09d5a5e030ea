"""Images and what a model makes of them."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.plots.arrays import as_rgb
from vaekit.plots.mosaic import GAP, compose, draw_mosaic, label_rows

__all__ = ["reconstruction_pairs"]

_MOST_COLUMNS = 10
_MARGIN = 0.9  # inches, for the words at the left
_BETWEEN_BLOCKS = 5 * GAP
_LABELS = ("original", "reconstruction")


def reconstruction_pairs(
    originals: Any, reconstructions: Any, *, title: str | None = None
) -> Figure:
    """Draw each image over its reconstruction, up to ten pairs side by side, then a new block.

    Args:
        originals: Axes NHW, NHWC or NCHW with 1, 3 or 4 colours; uint8, or floats from 0 to 1.
        reconstructions: As many, of the same height and width.
        title: Above the images.

    Raises:
        DataError: Another layout, dtype or range; numbers or sizes that differ.

    Example:
        >>> figure = reconstruction_pairs(np.zeros((4, 8, 8)), np.ones((4, 8, 8)))
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['original', 'reconstruction']
    """
    above, below = as_rgb("originals", originals), as_rgb("reconstructions", reconstructions)
    if above.shape != below.shape:
        raise DataError(
            "reconstructions must be as many and as large as the originals; got shape "
            f"{below.shape[:3]} for {above.shape[:3]} (n, height, width). Pass matching ones."
        )
    blocks = math.ceil(len(above) / _MOST_COLUMNS)
    columns = math.ceil(len(above) / blocks)
    mosaic = compose(_interleave(above, below, columns), columns, row_gaps=(GAP, _BETWEEN_BLOCKS))
    figure, axes = draw_mosaic(mosaic, title, left=_MARGIN)
    label_rows(axes, mosaic, _LABELS * blocks)
    return figure


def _interleave(
    above: NDArray[np.uint8], below: NDArray[np.uint8], columns: int
) -> NDArray[np.uint8]:
    """Rows of originals and of reconstructions in turn; a last row not full is filled up white."""
    missing = -len(above) % columns
    widths = ((0, missing), *((0, 0),) * 3)
    blocks = [
        np.pad(images, widths, constant_values=255).reshape(-1, columns, *images.shape[1:])
        for images in (above, below)
    ]
    return np.stack(blocks, 1).reshape(-1, *above.shape[1:])
