"""Figures to files."""

import io
from pathlib import Path

from matplotlib.figure import Figure

from vaekit.errors import DataError
from vaekit.files import atomic_write
from vaekit.plots.style import DPI

__all__ = ["save_figure"]


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG with 150 pixels per inch, margins cut; all of it or nothing.

    The same figure gives the same bytes: neither the date nor the writing program is stored.

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
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    atomic_write(path, buffer.getvalue())
