"""Figures to files."""

import io
from pathlib import Path

from matplotlib.figure import Figure

from vaekit.errors import DataError
from vaekit.files import atomic_write
from vaekit.plots.style import DPI

__all__ = ["png_of", "save_figure"]


def png_of(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG file with 150 pixels per inch, margins cut.

    The same figure gives the same bytes: neither the date nor the writing program is stored.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


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
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise DataError(f"path must end in .png; got {path}. Rename it.")
    atomic_write(path, png_of(figure))
