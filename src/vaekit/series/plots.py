"""Series, with what is unusual in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaekit.errors import DataError
from vaekit.plots.style import ACCENT, DPI, FAINT, INK, LABEL_SIZE, PLAIN, bare_frame, plain_text

_WIDTH, _HEIGHT, _MOST_CHANNELS = 9.0, 1.3, 8
_LETTERS = 16  # of a name beside a channel


def unusual_steps(
    series: Any,
    scores: Any,
    events: Sequence[tuple[int, int]],
    *,
    threshold: float | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """Draw the channels of a series one below the other, its events shaded, and the scores below.

    Args:
        series: Shape (time,) or (time, channels); the first 8 channels are drawn.
        scores: One for each step, nats.
        events: Start of each, and the step after its end.
        threshold: Drawn as a line through the scores.
        names: Of the channels.

    Raises:
        DataError: Not one score for each step.

    Example:
        >>> figure = unusual_steps(np.zeros(20), np.arange(20.0), [(15, 20)])
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['value', 'score, nats']
    """
    values = np.asarray(series, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    found = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or found.shape != values.shape[:1]:
        raise DataError(
            "there must be one score for each step of one series; got shapes "
            f"{values.shape} and {found.shape}."
        )
    channels = min(values.shape[1], _MOST_CHANNELS)
    labels = list(names or ["value"] if values.shape[1] == 1 else names or map(str, range(99)))
    size = (_WIDTH, _HEIGHT * (channels + 1) + 0.4)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.subplots(channels + 1, 1, sharex=True, squeeze=False)[:, 0]
    lines = [*values.T[:channels], found]
    for place, (ax, line) in enumerate(zip(axes, lines, strict=True)):
        bare_frame(ax)
        for start, end in events:
            ax.axvspan(start - 0.5, end - 0.5, color=ACCENT, alpha=0.2, linewidth=0)
        ax.plot(line, color=PLAIN if place < channels else INK, linewidth=0.7)
        label = labels[place] if place < channels else "score, nats"
        ax.set_ylabel(plain_text(label, _LETTERS), fontsize=LABEL_SIZE, color=INK)
    if threshold is not None:
        axes[-1].axhline(threshold, color=FAINT, linewidth=1.0)
    axes[-1].set_xlabel("step", fontsize=LABEL_SIZE, color=INK)
    axes[-1].set_xlim(0, len(found))
    return figure
