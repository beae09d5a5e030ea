"""Sheets of images one above the other, to be compared."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.plots.arrays import as_rgb
from vaekit.plots.mosaic import GAP, compose, draw_mosaic, label_rows

__all__ = ["image_sheets"]

_MARGIN = 0.9  # inches, for the words at the left
_BETWEEN_SHEETS = 5 * GAP
_WHITE = 255


def image_sheets(
    sheets: Mapping[str, Any], *, columns: int = 10, title: str | None = None
) -> Figure:
    """Draw a sheet of images for each name, the name at the left of its first row.

    Args:
        sheets: As many images under each name, all of one size; axes NHW, NHWC or NCHW with 1,
            3 or 4 colours; uint8, or floats from 0 to 1.
        columns: Images in a row, at least 1.
        title: Above the images.

    Raises:
        DataError: No sheets, numbers or sizes that differ, another layout, dtype or range.

    Example:
        >>> figure = image_sheets({"real": np.zeros((4, 8, 8)), "made": np.ones((4, 8, 8))})
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['real', 'made']
    """
    images = {name: as_rgb(name, sheet) for name, sheet in sheets.items()}
    shapes = {name: sheet.shape[:3] for name, sheet in images.items()}
    if len(set(shapes.values())) != 1 or columns < 1:
        raise DataError(
            "sheets must be at least one, all with as many images of one size, in at least one "
            f"column; got shapes {shapes} (n, height, width) and columns={columns}."
        )
    count = next(iter(shapes.values()))[0]
    columns = min(columns, count)
    rows = -(-count // columns)
    gaps = (*(GAP,) * (rows - 1), _BETWEEN_SHEETS)
    filled = [_filled(sheet, rows * columns) for sheet in images.values()]
    mosaic = compose(np.concatenate(filled), columns, row_gaps=gaps)
    figure, axes = draw_mosaic(mosaic, title, left=_MARGIN)
    label_rows(axes, replace(mosaic, tops=mosaic.tops[::rows]), list(images))
    return figure


def _filled(sheet: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """A last row that is not full is filled up white."""
    return np.pad(sheet, ((0, count - len(sheet)), *((0, 0),) * 3), constant_values=_WHITE)
