"""Listeners to a training: progress bar, CSV history, TensorBoard."""

import csv
import functools
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vaekit.errors import MissingExtraError
from vaekit.files import atomic_write
from vaekit.models.vae import Model
from vaekit.training.config import TrainConfig
from vaekit.training.state import State


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


Callback = Callable[[Event], None]


HISTORY_NAME = "history.csv"

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


@contextmanager
def listening(
    callbacks: Sequence[Callback], state: State, config: TrainConfig
) -> Iterator[Callback]:
    """Yield all listeners of a run as one: the caller's, and those that the options ask for."""
    if not state.machinery.fabric.is_global_zero:
        yield lambda event: None
        return
    listeners = list(callbacks)
    if state.folder is not None:
        listeners.append(write_csv(state.folder / HISTORY_NAME, state.history))
    if config.tensorboard:
        listeners.append(tensorboard(state.folder or Path("runs")))
    bar = ProgressBar() if _wants_bar(config.progress) else None
    if bar is not None:
        listeners.append(bar)
    try:
        yield functools.partial(_tell_all, listeners)
    finally:
        if bar is not None:
            bar.close()


def _tell_all(listeners: Sequence[Callback], event: Event) -> None:
    for listener in listeners:
        listener(event)


def _wants_bar(chosen: bool | None) -> bool:
    if chosen is not None:
        return chosen
    from rich.console import Console

    console = Console()
    return console.is_terminal or console.is_jupyter


def history_csv(history: Sequence[Mapping[str, float]]) -> bytes:
    """Return the history as CSV, one row per epoch; numbers in full precision."""
    names = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue().encode()


def write_csv(path: Path, history: Sequence[Mapping[str, float]]) -> Callback:
    """Rewrite the history file after each epoch, after the rows of a run that is resumed."""
    rows = list(history)

    def write(event: Event) -> None:
        if event.kind == "epoch":
            rows.append(event.values)
            atomic_write(path, history_csv(rows))

    return write


def tensorboard(folder: Path) -> Callback:
    """Log each epoch for TensorBoard.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError(
            "tensorboard=True needs TensorBoard: pip install 'vaekit[tensorboard]'."
        ) from error
    writer = SummaryWriter(str(folder))

    def log(event: Event) -> None:
        if event.kind == "epoch":
            for name, value in event.values.items():
                writer.add_scalar(name, value, event.step)
        if event.kind == "end":
            writer.close()

    return log
