"""Pictures of pictures: grids, sheets, strips, pairs, animations."""

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from vaekit.errors import DataError
from vaekit.files import atomic_write, expanded_path
from vaekit.plots.style import DPI, INK, LABEL_SIZE, as_rgb, as_rgb_rows, plain_text, write_title

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
        axes.text(
            *place, plain_text(label), ha="right", va="center", fontsize=LABEL_SIZE, color=INK
        )


def label_columns(axes: Axes, mosaic: Mosaic, labels: Sequence[str]) -> None:
    """Write above each column."""
    for left, label in zip(mosaic.lefts, labels, strict=True):
        place = (left + mosaic.tile[1] / 2, -2 * GAP)
        axes.text(
            *place, plain_text(label), ha="center", va="bottom", fontsize=LABEL_SIZE, color=INK
        )


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
        images: Axes NHW, NHWC or NCHW with 1, 3 or 4 channels; uint8, or floats from 0 to 1.
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
    axes.text(x, y, plain_text(text), ha="center", va="top", fontsize=_CAPTION_SIZE, color=INK)


_MARGIN = 0.9  # inches, for the words at the left
_BETWEEN_SHEETS = 5 * GAP


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
    """Return a last row that is not full is filled up white."""
    return np.pad(sheet, ((0, count - len(sheet)), *((0, 0),) * 3), constant_values=_WHITE)


_STRIP_MARGIN = 0.2  # inches, for the letters above


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
    figure, axes = draw_mosaic(mosaic, title, top=_STRIP_MARGIN)
    label_columns(axes, mosaic, ["a", *[""] * (steps - 2), "b"])
    return figure


_MOST_COLUMNS = 10
_PAIR_MARGIN = 0.9  # inches, for the words at the left
_BETWEEN_BLOCKS = 5 * GAP
_LABELS = ("original", "reconstruction")


def reconstruction_pairs(
    originals: Any, reconstructions: Any, *, title: str | None = None
) -> Figure:
    """Draw each image over its reconstruction, up to ten pairs side by side, then a new block.

    Args:
        originals: Axes NHW, NHWC or NCHW with 1, 3 or 4 channels; uint8, or floats from 0 to 1.
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
    figure, axes = draw_mosaic(mosaic, title, left=_PAIR_MARGIN)
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


_SHORTEST = 20  # milliseconds; browsers slow down what is shorter
_UNIT = 10  # milliseconds that GIF counts in


def path_frames(strips: Any) -> NDArray[np.uint8]:
    """Return all ways at once, side by side: one frame per step, enlarged by a whole factor.

    Args:
        strips: Axes (rows, steps) and then those of an image: HW, HWC or CHW; uint8, or floats
            from 0 to 1.

    Returns:
        Frames for `save_animation`, shape (steps, height, width, 3).

    Raises:
        DataError: Another layout, dtype or range.

    Example:
        >>> path_frames(np.zeros((2, 5, 8, 8))).shape
        (5, 96, 195, 3)
    """
    rgb = as_rgb_rows("strips", strips)
    columns = int(np.ceil(np.sqrt(len(rgb))))
    return np.stack([compose(step, columns).pixels for step in rgb.swapaxes(0, 1)])


def save_animation(frames: Any, path: str | Path, *, seconds: float = 4.0) -> None:
    """Write frames as a GIF that goes there and back again without end; all of it or nothing.

    The same frames give the same bytes. Grey frames keep their values; coloured ones share a
    palette of 256 colours. Frames that agree with their neighbours are stored as one that lasts.

    Args:
        frames: Axes NHW, NHWC or NCHW with 1, 3 or 4 channels; uint8, or floats from 0 to 1.
        path: Ends in .gif; missing folders are made.
        seconds: From the first frame to the last and back; frames last at least 0.02 each.

    Raises:
        DataError: Another ending, layout, dtype or range, or a time that is not positive.
        SaveError: The file could not be written; what was there before is unchanged.

    Example:
        >>> save_animation(np.zeros((3, 8, 8)), "way.mp4")
        Traceback (most recent call last):
        ...
        vaekit.errors.DataError: path must end in .gif; got way.mp4. Rename it.
    """
    path = expanded_path(path)
    if path.suffix.lower() != ".gif":
        raise DataError(f"path must end in .gif; got {path}. Rename it.")
    if not 0 < seconds < float("inf"):
        raise DataError(f"seconds must be positive and finite; got {seconds}. Try 4.")
    images = _images(as_rgb("frames", frames))
    loop = [*images, *images[-2:0:-1]]  # the ends are shown once each
    each = max(_SHORTEST, round(1000 * seconds / len(loop) / _UNIT) * _UNIT)
    buffer = io.BytesIO()
    loop[0].save(
        buffer, "GIF", save_all=True, append_images=loop[1:], duration=each, loop=0, optimize=False
    )
    atomic_write(path, buffer.getvalue())


def _images(rgb: NDArray[np.uint8]) -> list[Image.Image]:
    if (rgb == rgb[..., :1]).all():
        return [Image.fromarray(np.ascontiguousarray(frame[..., 0])) for frame in rgb]
    # One palette, found on all frames at once: with one for each, still parts would flicker.
    palette = Image.fromarray(rgb.reshape(-1, *rgb.shape[2:])).quantize(256)
    return [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in rgb
    ]
