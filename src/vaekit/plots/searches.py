"""How searches came along."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.plots.style import DPI, INK, LABEL_SIZE, PALETTE, bare_frame, write_key

__all__ = ["search_curves"]

_SIZE = (6.0, 2.8)  # inches


def search_curves(curves: Mapping[str, NDArray[np.float64]], y: str = "best score") -> Figure:
    """Draw how far each search was after each call.

    Args:
        curves: By name, the best so far after each call, shape (calls,); NaN is left out.
        y: What they show.

    Raises:
        DataError: No curve.

    Example:
        >>> search_curves({"random": np.array([1.0, 2.0])}).axes[0].get_xlabel()
        'calls'
    """
    if not curves:
        raise DataError("curves must have at least one search; got none.")
    figure = Figure(figsize=_SIZE, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    bare_frame(axes)
    keys = []
    for place, (name, values) in enumerate(curves.items()):
        colour = PALETTE[place % len(PALETTE)]
        axes.step(np.arange(1, len(values) + 1), values, where="post", color=colour, linewidth=1.4)
        keys.append(Line2D([], [], color=colour, label=name))
    axes.set_xlabel("calls", fontsize=LABEL_SIZE, color=INK)
    axes.set_title(y, loc="left", fontsize=LABEL_SIZE + 1, color=INK)
    write_key(figure, keys)
    return figure
