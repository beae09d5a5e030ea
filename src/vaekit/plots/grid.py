"""A sheet of images."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaekit.errors import DataError
from vaekit.plots.arrays import as_rgb
from vaekit.plots.mosaic import GAP, Mosaic, compose, draw_mosaic
from vaekit.plots.style import DPI, INK

__all__ = ["image_grid"]

_CAPTION_SIZE = 7.0
_CAPTION_TILE = 120  # larger than without, for the words below
_LINE = 17  # pixels of the file that a line of a caption is high
_LETTER = 8.8  # pixels of the file that a letter is wide, on average
_MOST_LINES = 2
_ONE_ROW = 8


def image_grid(
    images: Any,
    *,
    columns: int | None = None,
    title: str | None = None,
    captions: Sequence[str] | None = None,
) -> Figure:
    """Draw images row by row, enlarged by a whole factor so that their pixels stay crisp.

    Args:
        images: Axes NHW, NHWC or NCHW with 1, 3 or 4 colours; uint8, or floats from 0 to 1.
        columns: Images in a row; ``None`` fills the rows evenly where it can.
        title: Above the images.
        captions: One below each image; long ones are wrapped and, after two lines, cut.

    Raises:
        DataError: Another layout, dtype or range; not one caption per image; no columns.

    Example:
        >>> import numpy as np
        >>> figure = image_grid(np.zeros((12, 8, 8), np.uint8), title="nothing")
        >>> figure.axes[0].get_title("left")
        'nothing'
    """
    rgb = as_rgb("images", images)
    columns = _columns(len(rgb)) if columns is None else min(columns, len(rgb))
    if columns < 1:
        raise DataError(f"columns must be at least 1; got {columns}. Leave it out to choose.")
    if captions is None:
        return draw_mosaic(compose(rgb, columns), title)[0]
    if len(captions) != len(rgb):
        raise DataError(
            f"captions must be one per image, {len(rgb)}; got {len(captions)}. Pass as many."
        )
    return _captioned(rgb, columns, title, [str(caption) for caption in captions])


def _columns(n: int) -> int:
    """All in one row if few; else the divisor of n next above its root, up to twice the root."""
    if n <= _ONE_ROW:
        return n
    root = math.ceil(math.sqrt(n))
    return next((columns for columns in range(root, 2 * root) if n % columns == 0), root)


def _captioned(rgb: Any, columns: int, title: str | None, captions: list[str]) -> Figure:
    width = compose(rgb[:1], 1, tile=_CAPTION_TILE).tile[1]
    wrapped = [_wrap(caption, width) for caption in captions]
    below = _LINE * max(text.count("\n") + 1 for text in wrapped) + 2 * GAP
    mosaic = compose(rgb, columns, row_gaps=(below + GAP,), tile=_CAPTION_TILE)
    figure, axes = draw_mosaic(mosaic, title, bottom=below / DPI)
    for index, text in enumerate(wrapped):
        _write(axes, mosaic, divmod(index, columns), text)
    return figure


def _wrap(caption: str, width: int) -> str:
    letters = max(3, int(width / _LETTER))
    lines = textwrap.wrap(caption, letters, max_lines=_MOST_LINES, placeholder="…")
    return "\n".join(lines)


def _write(axes: Axes, mosaic: Mosaic, cell: tuple[int, int], text: str) -> None:
    x = mosaic.lefts[cell[1]] + mosaic.tile[1] / 2
    y = mosaic.tops[cell[0]] + mosaic.tile[0] + GAP
    axes.text(x, y, text, ha="center", va="top", fontsize=_CAPTION_SIZE, color=INK)
