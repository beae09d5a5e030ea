"""The look of all pictures, and saving them."""

import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.files import atomic_write, expanded_path

DPI = 150
"""Pixels per inch, of figures and of files."""

TITLE_SIZE = 10.0
LABEL_SIZE = 8.0

INK = "#333333"
"""Of text and frames."""

FAINT = "#c8c8c8"
"""Of what is there but does not matter."""

PLAIN = "#3f90da"
"""Of what matters, where one colour suffices."""

ACCENT = "#bd1f01"
"""Of what it is compared with."""

PALETTE = (
    "#332288",
    "#ddcc77",
    "#117733",
    "#cc6677",
    "#88ccee",
    "#882255",
    "#44aa99",
    "#999933",
    "#aa4499",
    "#555555",
)
"""Ten colours that stay distinct to colour-blind eyes (Tol 2021, "Colour schemes", the muted
scheme, with a grey dark enough for points), ordered so that neighbours differ most."""


def bare_frame(axes: Axes) -> None:
    """Leave the left and lower sides of the frame, in ink, with small numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(labelsize=LABEL_SIZE, colors=INK)


_LONGEST_NAME, _LONGEST_TITLE = 40, 120  # letters


def plain_text(text: Any, most: int = _LONGEST_NAME) -> str:
    """Return words of the user's so that they are drawn as they are.

    Matplotlib takes what stands between two dollar signs for a formula, which most names are not;
    a dollar sign with a backslash it draws as a dollar sign. Characters that cannot be printed,
    tabs for one, become spaces, since fonts do not have them.

    Args:
        text: A name, a label or a title; anything that can be written as text.
        most: Letters of a line; longer ones are cut, so that axes keep their room.

    Example:
        >>> plain_text("price $"), plain_text("a" * 9, 5)
        ('price \\\\$', 'aaaa…')
    """
    lines = [
        line if len(line) <= most else f"{line[: most - 1]}…" for line in str(text).split("\n")
    ]
    printed = ["".join(c if c.isprintable() else " " for c in line) for line in lines]
    return "\n".join(printed).replace("$", r"\$")


def write_title(axes: Axes, title: str | None, pad: float = 6.0) -> None:
    """Put a title at the left over the axes, ``pad`` points above them, if there is one."""
    if title:
        text = plain_text(title, _LONGEST_TITLE)
        axes.set_title(text, loc="left", fontsize=TITLE_SIZE, color=INK, pad=pad)


def write_key(figure: Figure, handles: Sequence[Artist]) -> None:
    """Say in one line over all axes what the colours mean."""
    figure.legend(
        handles=list(handles),
        loc="outside upper right",
        ncols=max(1, len(handles)),
        frameon=False,
        fontsize=LABEL_SIZE,
        labelcolor=INK,
    )


def png_of(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file with 150 pixels per inch, margins cut.

    The same figure gives the same bytes: neither the date nor the writing program is stored.
    Letters that the font lacks are drawn as boxes, with one warning that names them.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(
            buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None}
        )
    _warn_of_letters(caught)
    return buffer.getvalue()


def _warn_of_letters(caught: Sequence[warnings.WarningMessage]) -> None:
    """Pass on all warnings, those of single letters (one each, in matplotlib) as one."""
    found = [(each, re.match(r"Glyph (\d+) ", str(each.message))) for each in caught]
    for each, letter in found:
        if letter is None:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    letters = "".join(sorted({chr(int(letter[1])) for _, letter in found if letter is not None}))
    if letters:
        warnings.warn(
            f"the font of pictures must have the letters of their words; it lacks {letters!r}, "
            "which are drawn as boxes. Name a font that has them as font.family in matplotlib's "
            "settings (a file matplotlibrc, or matplotlib.rcParams).",
            stacklevel=3,
        )


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, as `png_of` makes it; all of it or nothing.

    Args:
        figure: Any figure.
        path: Ends in .png; missing folders are made.

    Raises:
        DataError: Another ending.
        SaveError: The file could not be written; what was there before is unchanged.

    Example:
        >>> save_figure(Figure(), "picture.gif")
        Traceback (most recent call last):
        ...
        vaekit.errors.DataError: path must end in .png; got picture.gif. Rename it.
    """
    path = expanded_path(path)
    if path.suffix.lower() != ".png":
        raise DataError(f"path must end in .png; got {path}. Rename it.")
    atomic_write(path, png_of(figure))


_COLOURS = (1, 3, 4)
_SLACK = 1e-3  # a decoder's rounding errors around 0 and 1 are no mistake


def as_array(values: Any) -> NDArray[Any]:
    """Numpy array of an array, nested list or tensor on any device, with or without gradient."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        # Numpy has no bfloat16.
        return np.asarray(values.float() if values.is_floating_point() else values)
    return np.asarray(values)


def as_matrix(what: str, values: Any, axes: str) -> NDArray[np.float64]:
    """Finite floats with as many axes as ``axes`` names, none of them empty.

    Raises:
        DataError: Not numbers, NaN or infinite, or of another shape; names ``what``.
    """
    array = as_array(values)
    if array.dtype.kind not in "biuf" or array.ndim != len(axes.split()) or array.size == 0:
        raise DataError(
            f"{what} must be numbers with axes ({axes}), at least one along each; got dtype "
            f"{array.dtype} and shape {array.shape}. Reshape or convert them."
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(
            f"{what} must be finite; got {array[place]} at index {place}. Leave such values out."
        )
    return array


def as_rgb(what: str, images: Any) -> NDArray[np.uint8]:
    """Return images of any usual layout as uint8 of shape (n, height, width, 3).

    Transparent images are laid on white.

    Args:
        what: The name of the argument, for errors.
        images: Axes NHW, NHWC or NCHW with 1, 3 or 4 channels; uint8, floats from 0 to 1, or
            uint16, of which black is 0 and white the most that the fewest usual bits (8, 10, 12,
            14, 16) hold.

    Raises:
        DataError: Another layout, dtype or range.
    """
    array = _colors_last(what, as_array(images))
    if array.dtype.kind == "f":
        array = _scaled(what, array)
    if array.dtype == np.uint16:
        array = _shallow(array)
    if array.dtype != np.uint8:
        raise DataError(
            f"{what} must be uint8, or floats from 0 to 1; got dtype {array.dtype}. Convert "
            "with .astype('uint8') if the values are 0 to 255."
        )
    if array.shape[-1] == 4:
        array = _on_white(array)
    return np.broadcast_to(array, (*array.shape[:3], 3))


def as_rgb_rows(what: str, images: Any) -> NDArray[np.uint8]:
    """Return rows of images as uint8 of shape (rows, steps, height, width, 3).

    Raises:
        DataError: As `as_rgb`, or without the two leading axes.
    """
    array = as_array(images)
    if array.ndim not in (5, 4) or 0 in array.shape:
        raise DataError(
            f"{what} must have axes (rows, steps) and then those of an image; got shape "
            f"{array.shape}. Reshape them to (rows, steps, height, width)."
        )
    flat = as_rgb(what, array.reshape(-1, *array.shape[2:]))
    return flat.reshape(*array.shape[:2], *flat.shape[1:])


def _colors_last(what: str, array: NDArray[Any]) -> NDArray[Any]:
    if 0 in array.shape or array.ndim not in (3, 4):
        raise DataError(
            f"{what} must have axes NHW, NHWC or NCHW, at least one along each; got shape "
            f"{array.shape}. Reshape flattened images to (n, height, width)."
        )
    if array.ndim == 3:
        return array[..., None]
    first, last = array.shape[1] in _COLOURS, array.shape[3] in _COLOURS
    if first == last:
        why = "where both fit" if first else "where neither has 1, 3 or 4 channels"
        raise DataError(
            f"{what} must be NHWC or NCHW with 1, 3 or 4 channels; got shape {array.shape}, "
            f"{why}. Move the colours to the end, or pass grey images as (n, height, width)."
        )
    return np.moveaxis(array, 1, -1) if first else array


def _scaled(what: str, array: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = float(array.min()), float(array.max())
    if not (low >= -_SLACK and high <= 1 + _SLACK):
        raise DataError(
            f"{what} must be uint8, or floats from 0 to 1; got floats from {low:g} to {high:g}. "
            "Divide by 255, clip them, or pass uint8."
        )
    scaled: NDArray[np.uint8] = np.rint(array.clip(0, 1) * 255).astype(np.uint8)
    return scaled


def _shallow(array: NDArray[np.uint16]) -> NDArray[np.uint8]:
    most = next(2**bits - 1 for bits in (8, 10, 12, 14, 16) if array.max() < 2**bits)
    shallow: NDArray[np.uint8] = (array.astype(np.uint32) * 255 // most).astype(np.uint8)
    return shallow


def _on_white(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = array[..., 3:] / 255
    return np.rint(array[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
