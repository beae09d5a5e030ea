"""How often each code of a codebook is used."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from vaekit.errors import DataError
from vaekit.plots.arrays import as_matrix
from vaekit.plots.style import DPI, INK, LABEL_SIZE, PLAIN, bare_frame, write_key

__all__ = ["code_usage"]


def code_usage(counts: Any) -> Figure:
    """Draw the share of each code as a bar, the most frequent first.

    A dashed line is at the share that all would have if they were equally frequent.

    Args:
        counts: How often each code occurs, shape (codes,), at least 0 and not all 0.

    Raises:
        DataError: Wrong shape, NaN, negative counts, or only zeros.

    Example:
        >>> figure = code_usage([1, 6, 0, 3])
        >>> [float(bar.get_height()) for bar in figure.axes[0].patches]
        [0.6, 0.3, 0.1, 0.0]
    """
    used = as_matrix("counts", counts, "codes")
    if used.min() < 0 or not used.any():
        raise DataError(
            f"counts must be at least 0 and not all 0; got {used.min():g} to {used.max():g}. "
            "Count the codes of some items."
        )
    shares = np.sort(used / used.sum())[::-1]
    figure = Figure(figsize=(5.0, 2.6), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    bare_frame(axes)
    axes.bar(range(len(shares)), shares, width=1.0 if len(shares) > 64 else 0.8, color=PLAIN)
    axes.axhline(1 / len(shares), color=INK, linewidth=0.8, linestyle="--")
    axes.set_xlabel("codes, by rank", fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel("share", fontsize=LABEL_SIZE, color=INK)
    write_key(figure, _key(int((used > 0).sum()), len(shares)))
    return figure


def _key(used: int, codes: int) -> list[Patch | Line2D]:
    bars = Patch(color=PLAIN, label=f"{used} of {codes} codes used")
    return [bars, Line2D([], [], color=INK, linewidth=0.8, linestyle="--", label="all alike")]
