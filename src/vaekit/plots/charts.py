"""Curves and bars: training, trade-offs, health of latents, codes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.plots.style import (
    ACCENT,
    DPI,
    FAINT,
    INK,
    LABEL_SIZE,
    PALETTE,
    PLAIN,
    as_array,
    as_matrix,
    bare_frame,
    plain_text,
    write_key,
)

_NO_TERMS = ("epoch", "step", "learning_rate")
_VALIDATION = "validation_"
_MOST_COLUMNS = 3
_PANEL = (2.5, 2.0)  # inches
_LEAST_WIDTH = 3.6  # inches, for the key above
_Row = Mapping[str, float]


def training_curves(history: Sequence[_Row]) -> Figure:
    """Draw each term of the objective over the epochs, in training and in validation.

    The epoch of the lowest ``validation_loss``, whose weights a training keeps, is marked.

    Args:
        history: One row per epoch: epoch, step, learning_rate, the terms in nats per item, and
            the same with ``validation_`` before them if there was a validation. A row may lack
            some.

    Raises:
        DataError: No rows, a row without epoch, or no terms.

    Example:
        >>> rows = [{"epoch": 1, "loss": 9.0, "kl": 1.0}, {"epoch": 2, "loss": 7.0, "kl": 2.0}]
        >>> [axes.get_title("left") for axes in training_curves(rows).axes]
        ['loss', 'kl']
    """
    terms = _terms(history)
    columns = min(len(terms), _MOST_COLUMNS)
    rows = math.ceil(len(terms) / columns)
    size = (max(_PANEL[0] * columns, _LEAST_WIDTH), _PANEL[1] * rows + 0.3)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    best = _best_epoch(history)
    for index, term in enumerate(terms):
        _panel(figure.add_subplot(rows, columns, index + 1), history, term, best)
    write_key(figure, figure.axes[0].get_legend_handles_labels()[0])
    return figure


def _terms(history: Sequence[_Row]) -> list[str]:
    """Return the names of the terms without prefix, in the order of their appearance."""
    if not history:
        raise DataError("history must have at least one row; got none. Train for an epoch first.")
    for place, row in enumerate(history):
        if "epoch" not in row:
            raise DataError(
                f"every row of history must have an epoch; got {sorted(row)} in row {place}. "
                "Pass the history that a training returns."
            )
    names = (name.removeprefix(_VALIDATION) for row in history for name in row)
    terms = [name for name in dict.fromkeys(names) if name not in _NO_TERMS]
    if not terms:
        raise DataError(
            f"history must have terms, such as loss; got only {sorted(history[0])}. Pass the "
            "history that a training returns."
        )
    return terms


def _best_epoch(history: Sequence[_Row]) -> float | None:
    epochs, losses = _series(history, _VALIDATION + "loss")
    return epochs[losses.index(min(losses))] if losses else None


def _series(history: Sequence[_Row], name: str) -> tuple[list[float], list[float]]:
    """Epochs and values, where there is a finite value."""
    pairs = [(row["epoch"], row[name]) for row in history if math.isfinite(row.get(name, math.nan))]
    return [epoch for epoch, _ in pairs], [value for _, value in pairs]


def _panel(axes: Axes, history: Sequence[_Row], term: str, best: float | None) -> None:
    bare_frame(axes)
    _line(axes, _series(history, term), PLAIN, "training")
    _line(axes, _series(history, _VALIDATION + term), ACCENT, "validation")
    if best is not None:
        axes.axvline(best, color=FAINT, linewidth=1, label=f"best epoch ({best:g})", zorder=0)
    axes.set_title(
        plain_text(term.replace("_", " ")), loc="left", fontsize=LABEL_SIZE + 1, color=INK
    )
    axes.set_xlabel("epoch", fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel("nats", fontsize=LABEL_SIZE, color=INK)
    first, last = history[0]["epoch"], history[-1]["epoch"]
    if first == last:
        axes.set_xlim(first - 1, last + 1)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _line(axes: Axes, series: tuple[list[float], list[float]], color: str, label: str) -> None:
    epochs, values = series
    if epochs:
        marker = "o" if len(epochs) == 1 else None
        axes.plot(
            epochs, values, color=color, linewidth=1.4, marker=marker, markersize=4, label=label
        )


_TRADEOFF_PANEL = (2.9, 2.3)  # inches
_TRADEOFF_LEAST_WIDTH = 6.0  # inches, for the key above

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
    colors = {model: PALETTE[i % len(PALETTE)] for i, model in enumerate(models)}
    size = (max(_TRADEOFF_LEAST_WIDTH, _TRADEOFF_PANEL[0] * len(panels)), _TRADEOFF_PANEL[1] + 0.3)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    for place, panel in enumerate(panels, 1):
        _draw(figure.add_subplot(1, len(panels), place), panel, colors)
    keys = [Line2D([], [], color=color, label=plain_text(model)) for model, color in colors.items()]
    if any(panel.target is not None for panel in panels):
        keys.append(Line2D([], [], color=FAINT, linestyle="--", label="real items"))
    write_key(figure, keys)
    return figure


def _draw(axes: Axes, panel: Panel, colors: Mapping[str, str]) -> None:
    bare_frame(axes)
    for model, curves in panel.curves.items():
        for x, y in curves:
            axes.plot(x, y, color=colors[model], linewidth=1.3, marker="o", markersize=3)
    if panel.target is not None:
        axes.axhline(panel.target, color=FAINT, linewidth=1, linestyle="--", zorder=0)
    if panel.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(plain_text(panel.x), fontsize=LABEL_SIZE, color=INK)
    axes.set_title(plain_text(panel.y), loc="left", fontsize=LABEL_SIZE + 1, color=INK)


_MOST_NAMES = 32  # more would overlap
_NAME_SIZE = 7.0


def latent_health(kl_per_latent: Any, active: Any) -> Figure:
    """Draw the KL of each latent as a bar: the active ones, then the inactive, largest first.

    A dashed line divides them. It is upright because whether a latent is active is told by the
    variance of its posterior mean, not by its KL.

    Args:
        kl_per_latent: KL of each latent's posterior from its prior, nats per item, shape
            (latents,).
        active: Whether each latent is active: booleans of shape (latents,).

    Raises:
        DataError: Wrong shapes, NaN, or no booleans.

    Example:
        >>> figure = latent_health([0.01, 3.0, 1.0], [False, True, True])
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['z1', 'z2', 'z0']
    """
    kl = as_matrix("kl_per_latent", kl_per_latent, "latents")
    used = as_array(active)
    if used.dtype != np.bool_ or used.shape != kl.shape:
        raise DataError(
            f"active must be booleans of shape {kl.shape}, one per latent; got dtype "
            f"{used.dtype} and shape {used.shape}. Pass for instance variance > 0.01."
        )
    order = np.lexsort((-kl, ~used))
    figure = Figure(figsize=(_width(len(kl)), 2.6), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    bare_frame(axes)
    axes.bar(range(len(kl)), kl[order], width=0.8, color=np.where(used[order], PLAIN, FAINT))
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xlim(-0.7, len(kl) - 0.3)
    axes.set_ylabel("KL from the prior, nats", fontsize=LABEL_SIZE, color=INK)
    _name_latents(axes, order)
    _explain(figure, axes, int(used.sum()), len(kl))
    return figure


def _width(latents: int) -> float:
    """Inches: wide enough for a name under each bar, within a page."""
    return float(np.clip(1.0 + 0.24 * latents, 3.2, 8.0))


def _name_latents(axes: Axes, order: NDArray[np.intp]) -> None:
    if len(order) > _MOST_NAMES:
        axes.set_xlabel("latents, by rank", fontsize=LABEL_SIZE, color=INK)
        return
    axes.set_xticks(range(len(order)), [f"z{latent}" for latent in order])
    axes.tick_params(axis="x", length=0, labelsize=_NAME_SIZE)


def _explain(figure: Figure, axes: Axes, num_active: int, latents: int) -> None:
    handles = [
        Patch(color=color, label=f"{count} {state}")
        for color, count, state in (
            (PLAIN, num_active, "active"),
            (FAINT, latents - num_active, "inactive"),
        )
        if count
    ]
    if len(handles) == 2:
        axes.axvline(num_active - 0.5, color=INK, linewidth=0.8, linestyle="--")
    write_key(figure, handles)


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
