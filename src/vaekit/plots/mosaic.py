"""Many images as one: whole pixels, equal gaps, one drawing command.

A figure is as large as its mosaic at `vaekit.plots.style.DPI`, so that each pixel of an image
covers the same whole number of pixels in the file, whatever the size of the images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaekit.plots.style import DPI, INK, LABEL_SIZE, write_title

__all__ = ["GAP", "Mosaic", "compose", "draw_mosaic", "label_columns", "label_rows"]

GAP = 3
"""Pixels of the file between neighbouring images."""

_TILE = 96  # pixels of the file that an image is enlarged to, about
_WHITE = 255


@dataclass(frozen=True, eq=False)
class Mosaic:
    """Where each image lies.

    Attributes:
        pixels: uint8, shape (height, width, 3), white between the images.
        tops: The first pixel row of each row of images.
        lefts: The first pixel column of each column of images.
        tile: Height and width of an enlarged image.
    """

    pixels: NDArray[np.uint8]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    tile: tuple[int, int]


def compose(
    images: NDArray[np.uint8], columns: int, *, row_gaps: Sequence[int] = (GAP,), tile: int = _TILE
) -> Mosaic:
    """Enlarge images by a whole factor and lay them out, row by row.

    Args:
        images: Shape (n, height, width, 3); the last row may stay incomplete.
        columns: Images in a row.
        row_gaps: Pixels below each row, repeated as often as needed.
        tile: Pixels that the longer side of an image is brought near to; never shrunk.

    Example:
        >>> compose(np.zeros((3, 8, 8, 3), np.uint8), 2, tile=8).lefts
        (0, 11)
    """
    factor = max(1, round(tile / max(images.shape[1:3])))
    images = images.repeat(factor, 1).repeat(factor, 2)
    n, height, width = images.shape[:3]
    rows = -(-n // columns)
    gaps = [row_gaps[row % len(row_gaps)] for row in range(rows)]
    tops = tuple(row * height + sum(gaps[:row]) for row in range(rows))
    lefts = tuple(column * (width + GAP) for column in range(columns))
    pixels = np.full((tops[-1] + height, lefts[-1] + width, 3), _WHITE, np.uint8)
    for index, image in enumerate(images):
        top, left = tops[index // columns], lefts[index % columns]
        pixels[top : top + height, left : left + width] = image
    return Mosaic(pixels, tops, lefts, (height, width))


def draw_mosaic(
    mosaic: Mosaic,
    title: str | None,
    *,
    left: float = 0.05,
    top: float = 0.05,
    bottom: float = 0.05,
) -> tuple[Figure, Axes]:
    """Draw a mosaic pixel by pixel on a figure of its own, with margins in inches for labels."""
    height, width = (side / DPI for side in mosaic.pixels.shape[:2])
    above = top + (0.3 if title else 0.0)
    # Margins of whole pixels keep the mosaic's pixels on those of the file.
    left, above, bottom = (round(margin * DPI) / DPI for margin in (left, above, bottom))
    size = (left + width + 0.04, above + height + bottom)
    figure = Figure(figsize=size, dpi=DPI)
    axes = figure.add_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))
    axes.imshow(mosaic.pixels, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    write_title(axes, title, pad=top * 72 + 4)
    return figure, axes


def label_rows(axes: Axes, mosaic: Mosaic, labels: Sequence[str]) -> None:
    """Write at the left of each row."""
    for top, label in zip(mosaic.tops, labels, strict=True):
        place = (-2 * GAP, top + mosaic.tile[0] / 2)
        axes.text(*place, label, ha="right", va="center", fontsize=LABEL_SIZE, color=INK)


def label_columns(axes: Axes, mosaic: Mosaic, labels: Sequence[str]) -> None:
    """Write above each column."""
    for left, label in zip(mosaic.lefts, labels, strict=True):
        place = (left + mosaic.tile[1] / 2, -2 * GAP)
        axes.text(*place, label, ha="center", va="bottom", fontsize=LABEL_SIZE, color=INK)
