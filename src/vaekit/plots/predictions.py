"""Predictions beside what is known."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.plots.style import ACCENT, DPI, INK, LABEL_SIZE, PLAIN, bare_frame, write_title

__all__ = ["prediction_scatter"]

Floats = NDArray[np.float64]

_SIDE, _ACROSS = 2.6, 3  # inches of a panel; panels in a row
_MOST = 5000  # points drawn, evenly taken
_MARGIN = 0.04


def prediction_scatter(pairs: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """Draw what is known against what was predicted, a panel for each property.

    A point on the diagonal was told exactly. Of more than 5,000, some are drawn.

    Args:
        pairs: By the title of the panel, the known and the predicted values, shape (items,) each;
            NaN is left out.

    Raises:
        DataError: No panel, or one without a value.

    Example:
        >>> figure = prediction_scatter({"logp": (np.array([1.0, 2.0]), np.array([1.2, 1.9]))})
        >>> figure.axes[0].get_xlabel()
        'known'
    """
    if not pairs:
        raise DataError("there must be at least one property to draw; got none.")
    across = min(len(pairs), _ACROSS)
    down = -(-len(pairs) // across)
    size = (_SIDE * across, _SIDE * down)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes in panels[len(pairs) :]:
        axes.set_axis_off()
    for axes, (title, (known, predicted)) in zip(panels, pairs.items(), strict=False):
        _panel(axes, title, known, predicted)
    return figure


def _panel(axes: Axes, title: str, known: Floats, predicted: Floats) -> None:
    there = np.flatnonzero(~np.isnan(known) & ~np.isnan(predicted))
    if not len(there):
        raise DataError(f"{title!r} must be known and predicted of some items; it is of none.")
    bare_frame(axes)
    write_title(axes, title)
    shown = there[np.linspace(0, len(there) - 1, min(_MOST, len(there))).astype(int)]
    low = min(known[there].min(), predicted[there].min())
    high = max(known[there].max(), predicted[there].max())
    ends = np.array([low, high]) + _MARGIN * max(high - low, 1e-9) * np.array([-1, 1])
    axes.plot(ends, ends, color=ACCENT, linewidth=0.8, zorder=1)
    size, alpha = (12, 0.7) if len(shown) < 500 else (4, 0.3)
    axes.scatter(known[shown], predicted[shown], s=size, alpha=alpha, color=PLAIN, linewidths=0)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal")
    axes.set_xlabel("known", fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel("predicted", fontsize=LABEL_SIZE, color=INK)
