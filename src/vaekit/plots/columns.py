"""Pictures of columns: how they are distributed, and how they go together."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaekit.errors import DataError
from vaekit.plots.style import DPI, FAINT, INK, LABEL_SIZE, PLAIN, bare_frame, plain_text, write_key

_MOST_COLUMNS = 40  # columns that are named
_CELL, _LEAST, _LARGEST = 0.17, 1.9, 5.0  # inches
_COLUMN_NAME_SIZE = 6.0
_LONGEST_COLUMN_NAME = 16  # letters of a name


def association_difference(real: Any, synthetic: Any) -> Figure:
    """Draw how strongly columns go together in real rows, in synthetic ones, and the difference.

    Args:
        real: What `vaekit.tables.associations` says of the real rows: a square data frame.
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
    bar.ax.tick_params(labelsize=_COLUMN_NAME_SIZE, length=0)
    return figure


def _write_names(axes: Any, names: list[str], *, down: bool) -> None:
    if len(names) > _MOST_COLUMNS:
        axes.set_xticks([])
        return
    positions = range(len(names))
    shown = [plain_text(name, _LONGEST_COLUMN_NAME) for name in names]
    axes.set_xticks(positions, shown, rotation=90, fontsize=_COLUMN_NAME_SIZE)
    if down:
        axes.set_yticks(positions, shown, fontsize=_COLUMN_NAME_SIZE)
    axes.tick_params(length=0)


_ACROSS = 4
_MOST_PANELS = 16  # columns drawn
_LABELS = 8  # most frequent ones drawn
_BINS = 24
_PANEL = (2.1, 1.6)  # inches
_PANEL_NAME_SIZE = 6.5
_LONGEST_PANEL_NAME = 12  # letters of a label


def marginals(real: Any, synthetic: Any) -> Figure:
    """Draw each column: numbers and times as histograms, labels as bars of the most frequent.

    Args:
        real: A pandas data frame; its first 16 columns are drawn.
        synthetic: One with the same columns.

    Raises:
        DataError: No columns or rows, or a column that is missing.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"size": [1.0, 2.0, 2.5], "kind": list("aab")})
        >>> [axes.get_title(loc="left") for axes in marginals(frame, frame).axes]
        ['size', 'kind']
    """
    names = list(real.columns)[:_MOST_PANELS]
    lacking = [name for name in names if name not in synthetic.columns]
    if lacking or not names or not len(real) or not len(synthetic):
        raise DataError(
            f"tables must have rows and the same columns; got {len(real)} and {len(synthetic)} "
            f"rows, and {lacking} in one only."
        )
    down = -(-len(names) // _ACROSS)
    across = min(_ACROSS, len(names))
    size = (max(4.0, _PANEL[0] * across), _PANEL[1] * down + 0.3)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    for place, name in enumerate(names, 1):
        axes = figure.add_subplot(down, across, place)
        bare_frame(axes)
        axes.set_title(plain_text(name), loc="left", fontsize=LABEL_SIZE, color=INK)
        axes.set_yticks([])
        draw = _histograms if _is_number(real[name]) else _bars
        draw(axes, real[name], synthetic[name])
    keys = [
        Line2D([], [], color=FAINT, linewidth=5, label="real"),
        Line2D([], [], color=PLAIN, linewidth=1.3, label="synthetic"),
    ]
    write_key(figure, keys)
    return figure


def _is_number(values: Any) -> bool:
    return values.dtype.kind in "iufmM" or str(values.dtype)[0] in "IUF"


def _histograms(axes: Axes, real: Any, synthetic: Any) -> None:
    """Shares in bins of equal width over the range of the real values."""
    numbers = [_numbers(values.dropna()) for values in (real, synthetic)]
    if not len(numbers[0]):
        return
    edges = np.histogram_bin_edges(numbers[0], bins=_BINS)
    shares = [np.histogram(n, edges)[0] / max(1, len(n)) for n in numbers]
    axes.stairs(shares[0], edges, fill=True, color=FAINT)
    axes.stairs(shares[1], edges, color=PLAIN, linewidth=1.3)
    ends = [real.dropna().min(), real.dropna().max()]
    axes.set_xticks([edges[0], edges[-1]], [_short(end) for end in ends], fontsize=_PANEL_NAME_SIZE)


def _numbers(values: Any) -> Any:
    if values.dtype.kind in "mM":
        return values.astype("int64").to_numpy(dtype=np.float64)
    return values.to_numpy(dtype=np.float64)


def _bars(axes: Axes, real: Any, synthetic: Any) -> None:
    """Shares of the labels that are most frequent among the real ones, missing cells included."""
    texts = [v.astype(object).where(v.notna(), "(missing)").astype(str) for v in (real, synthetic)]
    shares = [text.value_counts(normalize=True) for text in texts]
    labels = list(shares[0].index[:_LABELS])
    positions = np.arange(len(labels))
    axes.bar(positions, [shares[0][label] for label in labels], color=FAINT, width=0.9)
    heights = [float(shares[1].get(label, 0.0)) for label in labels]
    axes.hlines(heights, positions - 0.45, positions + 0.45, color=PLAIN, linewidth=1.6)
    shown = [_short(label) for label in labels]
    axes.set_xticks(positions, shown, fontsize=_PANEL_NAME_SIZE, rotation=40, ha="right")


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, int | float | np.number) else str(value)
    return plain_text(text.removesuffix(" 00:00:00"), _LONGEST_PANEL_NAME)
