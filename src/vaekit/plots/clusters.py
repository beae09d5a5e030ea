"""Cards of clusters: what stands for each, and what sets it apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.plots.arrays import as_rgb
from vaekit.plots.mosaic import GAP, compose, draw_mosaic, label_rows
from vaekit.plots.style import ACCENT, DPI, INK, LABEL_SIZE, PLAIN, bare_frame

__all__ = ["cluster_bars", "cluster_cards"]

_MARGIN = 1.7  # inches, for the words at the left
_TILE = 72  # pixels of the file; three lines of words fit beside it
_WHITE = 255
_PANELS = 3  # in a row
_PANEL = (2.6, 1.5)  # inches
_LETTERS = 20  # of a name beside the bars


def cluster_cards(groups: Mapping[str, Any], *, title: str | None = None) -> Figure:
    """Draw a row of images for each cluster, with words at its left.

    Args:
        groups: The images of each cluster by its words, up to three lines; all images of one
            size, axes NHW, NHWC or NCHW with 1, 3 or 4 colours; uint8, or floats from 0 to 1.
        title: Above the rows.

    Raises:
        DataError: No clusters, sizes that differ, another layout, dtype or range.

    Example:
        >>> figure = cluster_cards({"a\\n5 items": np.zeros((2, 8, 8)), "b": np.ones((4, 8, 8))})
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['a\\n5 items', 'b']
    """
    _check_any(groups)
    rows = [as_rgb(f"images of {name!r}", images) for name, images in groups.items()]
    if len({row.shape[1:] for row in rows}) > 1:
        shapes = [row.shape[:3] for row in rows]
        raise DataError(
            f"images of all clusters must be of one size; got (n, height, width) {shapes}. Scale "
            "them."
        )
    columns = max(len(row) for row in rows)
    filled = np.concatenate([_filled(row, columns) for row in rows])
    mosaic = compose(filled, columns, row_gaps=(3 * GAP,), tile=_TILE)
    figure, axes = draw_mosaic(mosaic, title, left=_MARGIN)
    label_rows(axes, mosaic, list(groups))
    return figure


def cluster_bars(groups: Mapping[str, Mapping[str, float]], *, title: str | None = None) -> Figure:
    """Draw for each cluster by how much it differs from the rest, one bar for each trait.

    Args:
        groups: For each cluster by its words, differences in standard deviations by the names of
            latents or columns.
        title: Above all panels.

    Raises:
        DataError: No clusters.

    Example:
        >>> figure = cluster_bars({"cluster 0": {"age": 1.5, "height": -0.5}, "cluster 1": {}})
        >>> len(figure.axes)
        2
    """
    _check_any(groups)
    columns = min(_PANELS, len(groups))
    rows = -(-len(groups) // columns)
    size = (_PANEL[0] * columns, _PANEL[1] * rows + (0.3 if title else 0))
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    widest = max((abs(v) for traits in groups.values() for v in traits.values()), default=1.0)
    for place, (name, traits) in enumerate(groups.items()):
        _draw_bars(figure.add_subplot(rows, columns, place + 1), name, traits, widest)
    if title:
        figure.suptitle(title, x=0.01, ha="left", color=INK)
    figure.supxlabel("standard deviations from the rest", fontsize=LABEL_SIZE, color=INK)
    return figure


def _check_any(groups: Mapping[str, Any]) -> None:
    if not groups:
        raise DataError("groups must hold at least one cluster; got none. Leave the picture out.")


def _filled(row: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """A row that is not full is filled up white."""
    return np.pad(row, ((0, count - len(row)), *((0, 0),) * 3), constant_values=_WHITE)


def _draw_bars(axes: Axes, name: str, traits: Mapping[str, float], widest: float) -> None:
    bare_frame(axes)
    axes.set_title(name, loc="left", fontsize=LABEL_SIZE, color=INK)
    values = list(traits.values())
    axes.barh(range(len(values)), values, color=[PLAIN if v > 0 else ACCENT for v in values])
    axes.set_yticks(range(len(values)), [_short(trait) for trait in traits])
    axes.set_ylim(max(1, len(values)) - 0.5, -0.5)  # the largest on top
    axes.set_xlim(-1.05 * widest, 1.05 * widest)
    axes.axvline(0, color=INK, linewidth=0.8)


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
