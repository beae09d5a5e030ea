"""Colours and sizes that all pictures share."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = [
    "ACCENT",
    "DPI",
    "FAINT",
    "INK",
    "LABEL_SIZE",
    "PALETTE",
    "PLAIN",
    "TITLE_SIZE",
    "bare_frame",
    "write_key",
    "write_title",
]

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


def write_title(axes: Axes, title: str | None, pad: float = 6.0) -> None:
    """Put a title at the left over the axes, ``pad`` points above them, if there is one."""
    if title:
        axes.set_title(title, loc="left", fontsize=TITLE_SIZE, color=INK, pad=pad)


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
