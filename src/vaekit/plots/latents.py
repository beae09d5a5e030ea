"""A map of the latent space."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.plots.arrays import as_array, as_matrix
from vaekit.plots.projection import project
from vaekit.plots.style import DPI, INK, LABEL_SIZE, PALETTE, PLAIN, bare_frame, write_title

__all__ = ["latent_map"]

_MOST_CLASSES = 20
_MARKERS = "os^Dv"
_SIDE = 4.5  # inches


def latent_map(
    z: Any,
    labels: Any = None,
    *,
    label_names: Sequence[str] | None = None,
    scale_name: str = "label",
    title: str | None = None,
    projection: str = "pca",
) -> Figure:
    """Scatter items by their latents, coloured by label.

    More than two latents are projected: by default on the two directions of largest variance
    (principal components), of which the axes then say how much each shows. Labels that are text,
    booleans or whole numbers of at most 20 kinds get colours (and after ten, other markers) and
    a legend; other numbers get a colour scale.

    Args:
        z: Latents, shape (items, latents), at least two of each.
        labels: One per item, or ``None``.
        label_names: The name of each whole-number label, by its value from 0.
        scale_name: What labels on a colour scale are called.
        title: Above the map.
        projection: ``"pca"``, or ``"umap"``, which keeps neighbours together and needs the extra
            ``umap``.

    Raises:
        DataError: Wrong shapes, NaN, not one label per item, labels without a name.
        SpecError: An unknown projection.
        MissingExtraError: The extra is not installed.

    Example:
        >>> figure = latent_map(np.eye(3), [0, 1, 1], label_names=("bag", "coat"))
        >>> figure.axes[0].get_xlabel()
        'principal component 1 (50 % of the variance)'
    """
    points, axis_names = project(as_matrix("z", z, "items latents"), projection)
    figure = Figure(figsize=(_SIDE, _SIDE), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(aspect="equal", adjustable="datalim")
    bare_frame(axes)
    axes.set_xlabel(axis_names[0], fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel(axis_names[1], fontsize=LABEL_SIZE, color=INK)
    write_title(axes, title)
    if labels is None:
        _scatter(axes, points, PLAIN)
        return figure
    figure.set_size_inches(_SIDE + 1.2, _SIDE)
    values = as_array(labels)
    if values.shape != (len(points),):
        raise DataError(
            f"labels must be one per item, shape ({len(points)},); got shape {values.shape}. "
            "Pass one number or text for each row of z."
        )
    if label_names is None and _is_continuous(values):
        _draw_scale(figure, axes, points, as_matrix("labels", values, "items"), scale_name)
    else:
        _draw_classes(axes, points, *_classes(values, label_names))
    return figure


def _scatter(
    axes: Axes, points: NDArray[np.float64], colours: Any, marker: str = "o", of: int = 0
) -> PathCollection:
    """Points, smaller and more transparent the more there are in all: ``of``, or these."""
    n = max(of, len(points))
    size, alpha = float(np.clip(4000 / n, 5, 18)), float(np.clip(30 / np.sqrt(n), 0.45, 0.85))
    x, y = points.T
    return axes.scatter(x, y, s=size, c=colours, marker=marker, alpha=alpha, linewidths=0)


def _is_continuous(values: NDArray[Any]) -> bool:
    if values.dtype.kind in "iu":
        return len(np.unique(values)) > _MOST_CLASSES
    return values.dtype.kind == "f"


def _draw_scale(
    figure: Figure,
    axes: Axes,
    points: NDArray[np.float64],
    values: NDArray[np.float64],
    name: str,
) -> None:
    drawn = _scatter(axes, points, values)
    drawn.set_cmap("viridis")
    opaque = ScalarMappable(drawn.norm, drawn.cmap)
    bar = figure.colorbar(opaque, ax=axes, shrink=0.7)
    bar.set_label(name, fontsize=LABEL_SIZE, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=LABEL_SIZE, colors=INK)


def _classes(
    values: NDArray[Any], names: Sequence[str] | None
) -> tuple[NDArray[np.int64], list[str]]:
    """Each item's class, counted from 0, and the names of the classes."""
    kinds, codes = np.unique(
        values if values.dtype.kind in "iu" else values.astype(str), return_inverse=True
    )
    if names is None:
        return codes.astype(np.int64), [str(kind) for kind in kinds]
    if values.dtype.kind not in "iu" or kinds[0] < 0 or kinds[-1] >= len(names):
        raise DataError(
            f"labels must be whole numbers from 0 to {len(names) - 1}, one per label name; got "
            f"dtype {values.dtype}, {kinds[0]} to {kinds[-1]}. Pass a name for each."
        )
    return values.astype(np.int64), list(names)


def _draw_classes(
    axes: Axes, points: NDArray[np.float64], codes: NDArray[np.int64], names: list[str]
) -> None:
    colours = np.array(PALETTE)[codes % len(PALETTE)]
    turns = codes // len(PALETTE)
    for turn in np.unique(turns):
        rows, marker = turns == turn, _MARKERS[turn % len(_MARKERS)]
        _scatter(axes, points[rows], colours[rows], marker, of=len(points))
    handles = [_handle(code, names[code]) for code in np.unique(codes)]
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        frameon=False,
        fontsize=LABEL_SIZE,
        labelcolor=INK,
        handletextpad=0.2,
    )


def _handle(code: int, name: str) -> Line2D:
    marker = _MARKERS[code // len(PALETTE) % len(_MARKERS)]
    colour = PALETTE[code % len(PALETTE)]
    return Line2D([], [], linestyle="", marker=marker, markersize=5, color=colour, label=name)
