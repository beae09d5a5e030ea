"""One measure against another, for several models and seeds."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from vaekit.errors import DataError
from vaekit.plots.style import DPI, FAINT, INK, LABEL_SIZE, PALETTE, bare_frame, write_key

__all__ = ["Panel", "tradeoff_curves"]

_PANEL = (2.9, 2.3)  # inches
_LEAST_WIDTH = 6.0  # inches, for the key above

Curve = tuple[Sequence[float], Sequence[float]]


class Panel(NamedTuple):
    """One pair of axes.

    Attributes:
        curves: For each model one curve per seed: x values, y values.
        x: What the x axis shows.
        y: What the y axis shows.
        target: A level drawn across, for instance of real items; ``None`` for none.
        log_x: Whether x is shown in powers.
    """

    curves: Mapping[str, Sequence[Curve]]
    x: str
    y: str
    target: float | None = None
    log_x: bool = False


def tradeoff_curves(panels: Sequence[Panel]) -> Figure:
    """Draw the panels side by side; a model has one colour in all of them.

    Args:
        panels: At least one, with at least one curve in all.

    Raises:
        DataError: Nothing to draw.

    Example:
        >>> panel = Panel({"vae": [([1, 2], [9, 7])]}, "seconds", "Frechet distance")
        >>> tradeoff_curves([panel]).axes[0].get_xlabel()
        'seconds'
    """
    models = list(dict.fromkeys(model for panel in panels for model in panel.curves))
    if not models:
        raise DataError("panels must have at least one curve; got none. Train a model first.")
    colours = {model: PALETTE[i % len(PALETTE)] for i, model in enumerate(models)}
    size = (max(_LEAST_WIDTH, _PANEL[0] * len(panels)), _PANEL[1] + 0.3)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    for place, panel in enumerate(panels, 1):
        _draw(figure.add_subplot(1, len(panels), place), panel, colours)
    keys = [Line2D([], [], color=colour, label=model) for model, colour in colours.items()]
    if any(panel.target is not None for panel in panels):
        keys.append(Line2D([], [], color=FAINT, linestyle="--", label="real items"))
    write_key(figure, keys)
    return figure


def _draw(axes: Axes, panel: Panel, colours: Mapping[str, str]) -> None:
    bare_frame(axes)
    for model, curves in panel.curves.items():
        for x, y in curves:
            axes.plot(x, y, color=colours[model], linewidth=1.3, marker="o", markersize=3)
    if panel.target is not None:
        axes.axhline(panel.target, color=FAINT, linewidth=1, linestyle="--", zorder=0)
    if panel.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(panel.x, fontsize=LABEL_SIZE, color=INK)
    axes.set_title(panel.y, loc="left", fontsize=LABEL_SIZE + 1, color=INK)
