"""How a training went."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaekit.errors import DataError
from vaekit.plots.style import ACCENT, DPI, FAINT, INK, LABEL_SIZE, PLAIN, bare_frame, write_key

__all__ = ["training_curves"]

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
    """The names of the terms without prefix, in the order of their appearance."""
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
    axes.set_title(term.replace("_", " "), loc="left", fontsize=LABEL_SIZE + 1, color=INK)
    axes.set_xlabel("epoch", fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel("nats", fontsize=LABEL_SIZE, color=INK)
    first, last = history[0]["epoch"], history[-1]["epoch"]
    if first == last:
        axes.set_xlim(first - 1, last + 1)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _line(axes: Axes, series: tuple[list[float], list[float]], colour: str, label: str) -> None:
    epochs, values = series
    if epochs:
        marker = "o" if len(epochs) == 1 else None
        axes.plot(
            epochs, values, color=colour, linewidth=1.4, marker=marker, markersize=4, label=label
        )
