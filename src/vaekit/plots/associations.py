"""How columns go together, real beside synthetic."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaekit.errors import DataError
from vaekit.plots.style import DPI, INK, LABEL_SIZE, bare_frame

__all__ = ["association_difference"]

_MOST = 40  # columns that are named
_CELL, _LEAST, _LARGEST = 0.17, 1.9, 5.0  # inches
_NAME_SIZE = 6.0
_LONGEST = 16  # letters of a name


def association_difference(real: Any, synthetic: Any) -> Figure:
    """Draw how strongly columns go together in real rows, in synthetic ones, and the difference.

    Args:
        real: What `vaekit.metrics.associations` says of the real rows: a square data frame.
        synthetic: The same of the synthetic rows.

    Raises:
        DataError: No columns, or others.

    Example:
        >>> import pandas as pd
        >>> both = pd.DataFrame([[1.0, 0.4], [0.4, 1.0]], ["a", "b"], ["a", "b"])
        >>> figure = association_difference(both, both)
        >>> [axes.get_title(loc="left") for axes in figure.axes[:3]]
        ['real', 'synthetic', 'synthetic less real']
    """
    names = list(real.columns)
    if not names or names != list(synthetic.columns):
        raise DataError(f"both must have the same columns; got {names}, {list(synthetic.columns)}.")
    side = float(np.clip(_CELL * len(names), _LEAST, _LARGEST))
    figure = Figure(figsize=(3 * side + 2.0, side + 1.3), dpi=DPI, layout="constrained")
    panels = {"real": real, "synthetic": synthetic, "synthetic less real": synthetic - real}
    all_axes = figure.subplots(1, 3)
    for axes, (title, values) in zip(all_axes, panels.items(), strict=True):
        bare_frame(axes)
        axes.set_title(title, loc="left", fontsize=LABEL_SIZE, color=INK)
        drawn = axes.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_yticks([])
        _write_names(axes, names, down=axes is all_axes[0])
    bar = figure.colorbar(drawn, ax=list(all_axes), shrink=0.7, aspect=30, pad=0.01)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=_NAME_SIZE, length=0)
    return figure


def _write_names(axes: Any, names: list[str], *, down: bool) -> None:
    if len(names) > _MOST:
        axes.set_xticks([])
        return
    places = range(len(names))
    shown = [n if len(n) <= _LONGEST else n[: _LONGEST - 1] + "…" for n in names]
    axes.set_xticks(places, shown, rotation=90, fontsize=_NAME_SIZE)
    if down:
        axes.set_yticks(places, shown, fontsize=_NAME_SIZE)
    axes.tick_params(length=0)
