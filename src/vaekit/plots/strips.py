"""Ways from one image to another."""

from typing import Any

from matplotlib.figure import Figure

from vaekit.errors import DataError
from vaekit.plots.arrays import as_rgb_rows
from vaekit.plots.mosaic import compose, draw_mosaic, label_columns

__all__ = ["interpolation_strips"]

_MARGIN = 0.2  # inches, for the letters above


def interpolation_strips(strips: Any, *, title: str | None = None) -> Figure:
    """Draw each way as a row of images, with its ends marked "a" and "b".

    Args:
        strips: Axes (rows, steps) and then those of an image: HW, HWC or CHW; uint8, or floats
            from 0 to 1. At least two steps.
        title: Above the images.

    Raises:
        DataError: Another layout, dtype or range, or a single step.

    Example:
        >>> import numpy as np
        >>> figure = interpolation_strips(np.zeros((2, 5, 8, 8)))
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['a', '', '', '', 'b']
    """
    rgb = as_rgb_rows("strips", strips)
    steps = rgb.shape[1]
    if steps < 2:
        raise DataError(f"strips must have at least 2 steps; got {steps}. Include both ends.")
    mosaic = compose(rgb.reshape(-1, *rgb.shape[2:]), steps)
    figure, axes = draw_mosaic(mosaic, title, top=_MARGIN)
    label_columns(axes, mosaic, ["a", *[""] * (steps - 2), "b"])
    return figure
