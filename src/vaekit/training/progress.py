"""How far a training is: a bar on a terminal, now and then a line in a log."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vaekit.models.vae import Model


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        kind: ``"step"`` after each optimiser step, ``"epoch"`` after each epoch, ``"end"``.
        step: Optimiser steps done.
        total: Optimiser steps planned.
        values: Loss terms of the step, or the history's row of the epoch.
        model: The model as it is now; the averaged one where an average is kept.
    """

    kind: Literal["step", "epoch", "end"]
    step: int
    total: int
    values: Mapping[str, float]
    model: Model


_REFRESH_SECONDS = 0.25


class ProgressBar:
    """A bar with the time left and the loss terms.

    It is redrawn by the training loop itself, four times a second: the library's own refresh
    thread would take the interpreter lock from the training step.
    """

    def __init__(self, description: str = "training") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[terms]}"),
            auto_refresh=False,
        )
        self._task = self._progress.add_task(description, total=None, terms="")
        self._drawn = 0.0

    def __call__(self, event: Event) -> None:
        """Advance; at most four redraws a second."""
        now = time.monotonic()
        if event.kind != "end" and now - self._drawn < _REFRESH_SECONDS:
            return
        self._drawn = now
        self._progress.start()
        shown = {k: v for k, v in event.values.items() if not k.startswith(_NOT_IN_THE_BAR)}
        terms = "  ".join(f"{name} {value:.4g}" for name, value in shown.items())
        self._progress.update(
            self._task, completed=event.step, total=event.total, terms=terms, refresh=True
        )
        if event.kind == "end":
            self._progress.stop()

    def close(self) -> None:
        """Give the terminal back."""
        self._progress.stop()


_NOT_IN_THE_BAR = ("epoch", "step", "learning_rate", "validation")


_SECONDS_BETWEEN_LINES = 30.0


class ProgressLines:
    """A line every half a minute, for logs and terminals that cannot draw.

    Example:
        >>> lines = ProgressLines("training", seconds=0)
        >>> lines.words(Event("step", 30, 120, {"loss": 1.25}, None), spent=60)
        'training: 25 %, step 30 of 120, 3 min left, loss 1.25'
    """

    def __init__(self, description: str, seconds: float = _SECONDS_BETWEEN_LINES) -> None:
        self.description, self.seconds = description, seconds
        self._started = self._last = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Write a line to standard error, if the last one is long ago."""
        now = time.monotonic()
        if now - self._last < self.seconds or event.kind == "epoch":
            return
        self._last = now
        sys.stderr.write(f"{self.words(event, now - self._started)}\n")

    def words(self, event: Event, spent: float) -> str:
        """Return how far it is after some seconds."""
        share = event.step / max(1, event.total)
        left = spent * (1 - share) / max(share, 1e-9)
        time_left = f"{left / 60:.0f} min" if left >= _SECONDS_OF_MINUTES else f"{left:.0f} s"
        shown = {k: v for k, v in event.values.items() if not k.startswith(_NOT_IN_THE_BAR)}
        terms = [f"{name} {value:.4g}" for name, value in shown.items()]
        steps = f"step {event.step} of {event.total}"
        first = f"{self.description}: {100 * share:.0f} %"
        return ", ".join([first, steps, f"{time_left} left", *terms])

    def close(self) -> None:
        """Nothing is to be given back."""


_SECONDS_OF_MINUTES = 90


def wants_bar(chosen: bool | None) -> bool:
    """Return whether a bar is drawn: where there is a terminal or a notebook, unless refused."""
    if chosen is False:
        return False
    from rich.console import Console

    console = Console()
    return console.is_terminal or console.is_jupyter


def progress_display(chosen: bool | None, description: str) -> ProgressBar | ProgressLines | None:
    """Return what shows how far a training is, called with each `Event`.

    Args:
        chosen: ``False`` for nothing, ``None`` for a bar where one can be drawn, ``True`` for
            lines where none can.
        description: Of the work.
    """
    if wants_bar(chosen):
        return ProgressBar(description)
    return ProgressLines(description) if chosen else None
