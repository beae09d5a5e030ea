"""What others see of a training: a user's callbacks, a bar on a terminal, lines in a log."""

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from vaekit.distributed import is_first_process
from vaekit.errors import CallbackError, SpecError, VaekitError
from vaekit.models.vae import Model

if TYPE_CHECKING:
    from vaekit.metrics.latents import Health


Stage = Literal["model", "prior"]
"""``"model"``: the training itself; ``"prior"``: the fit of what samples are drawn from."""


class StopTraining(Exception):  # noqa: N818 - a request, as StopIteration is
    """Raised in a callback to end a training early; the best weights so far are kept.

    It may be raised by `Callback.on_step`, `Callback.on_epoch_end` and `Callback.on_samples`. In
    the stage ``"model"`` the pass over the data ends after this step, with a validation; then the
    prior is fitted and the fit ends as usual. In the stage ``"prior"`` the fit of the prior ends.
    To give a fit up altogether, raise `vaekit.errors.TrainingPruned`.
    """


@dataclass(frozen=True)
class FitStart:
    """What is about to be fitted.

    Attributes:
        preset: Name of the model.
        domain: Name of the class of the kind of data.
        items: How many items there are, held-out ones included.
        options: All options of the fit as plain values, the preset's own among them as
            ``option.NAME``.
        stages: The stages that will follow, in their order.
        folder: Where checkpoints go; ``None`` for nowhere.
    """

    preset: str
    domain: str
    items: int
    options: Mapping[str, Any] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ("model", "prior")
    folder: Path | None = None


@dataclass(frozen=True)
class StepMetrics:
    """A step that was done.

    Attributes:
        stage: Of which it is a step.
        step: Steps done in this stage; of a prior in thousandths of its fit.
        total: Steps planned in this stage.
        values: Terms of the loss over the batch, in nats per item; empty for a prior.
    """

    stage: Stage
    step: int
    total: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class EpochMetrics:
    """A pass over the training items that was done.

    Attributes:
        stage: Always ``"model"`` at present: priors have no epochs.
        epoch: Its number, from 1.
        step: Optimizer steps done.
        total: Optimizer steps planned.
        seconds: Since the fit began in this process.
        values: ``learning_rate``, the terms of the loss over the training items, and the same with
            ``validation_`` before them over the held-out ones; nats per item.
    """

    stage: Stage
    epoch: int
    step: int
    total: int
    seconds: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class Samples:
    """Items drawn from the model as it is now.

    Attributes:
        stage: ``"model"`` while it is trained, ``"prior"`` when all is fitted.
        step: Optimizer steps done.
        items: The items, in the form of the training data.
        draw: Returns a picture of them as the bytes of a PNG file; ``None`` of items other than
            images.
    """

    stage: Stage
    step: int
    items: Any
    draw: Callable[[], bytes] | None = None


@dataclass(frozen=True)
class FitEnd:
    """What was fitted.

    Attributes:
        estimator: The estimator that the callbacks were given to, fitted.
        save: Writes a run folder to a path, for `vaekit.load`; ``None`` of estimators that have
            none.
    """

    estimator: Any
    save: Callable[[str | Path], None] | None = None


class Callback:
    """What is called during a fit: override the hooks that you need, and pass it as ``callbacks=``.

    Every hook may be left out. Hooks are called in the first process only, in the order of the list
    of callbacks:

    `on_fit_start`, then for each stage `on_stage_start`, `on_step` and `on_epoch_end` many times,
    and `on_stage_end`; then `on_health`, `on_samples` and `on_fit_end`; or `on_fit_error` if the
    fit fails or is interrupted. An error in a hook ends the fit with a
    `vaekit.errors.CallbackError` that names it.

    A callback belongs to the code that made it: it is neither stored with a model nor copied by
    scikit-learn's ``clone``.

    Attributes:
        sample_seconds: `on_samples` is called about so often during the training as well; ``None``
            for the end only. Samples are drawn only for callbacks that override it.

    Example:
        >>> import numpy as np
        >>> from vaekit import Autoencoder, Callback
        >>> class Losses(Callback):
        ...     def __init__(self):
        ...         self.losses = []
        ...     def on_epoch_end(self, metrics):
        ...         self.losses.append(metrics.values["validation_loss"])
        >>> losses = Losses()
        >>> X = np.random.default_rng(0).normal(size=(100, 3))
        >>> model = Autoencoder(max_epochs=3, progress=False, callbacks=[losses]).fit(X)
        >>> len(losses.losses)
        3
    """

    sample_seconds: float | None = None

    def on_fit_start(self, fit: FitStart) -> None:
        """Called when the data are read and the model is built, before anything is trained."""

    def on_stage_start(self, stage: Stage) -> None:
        """Called before the model is trained, and before its prior is fitted."""

    def on_step(self, metrics: StepMetrics) -> None:
        """Called after each step; it should take microseconds."""

    def on_epoch_end(self, metrics: EpochMetrics) -> None:
        """Called after each pass over the training items, when the held-out ones are measured."""

    def on_stage_end(self, stage: Stage) -> None:
        """Called when the model is trained, and when its prior is fitted."""

    def on_health(self, health: "Health") -> None:
        """Called with the state of the latents, of models that have some."""

    def on_samples(self, samples: Samples) -> None:
        """Called with samples at the end, and on the way as ``sample_seconds`` has it."""

    def on_fit_end(self, end: FitEnd) -> None:
        """Called when the estimator is fitted."""

    def on_fit_error(self, error: BaseException) -> None:
        """Called when the fit fails or is interrupted, after which nothing else is called."""

    def __sklearn_clone__(self) -> Self:
        """Return the same object: clones of an estimator report to the same place."""
        return self


def check_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """Return callbacks as a tuple.

    Raises:
        SpecError: Something else than a sequence of `Callback` objects.
    """
    if callbacks is None:
        return ()
    if isinstance(callbacks, Callback):
        raise SpecError(
            f"callbacks must be a list; got one {type(callbacks).__name__}. Put it into brackets."
        )
    if not isinstance(callbacks, list | tuple):
        raise SpecError(
            f"callbacks must be a list of Callback objects; got {type(callbacks).__name__}."
        )
    for given in callbacks:
        if not isinstance(given, Callback):
            hint = " Make one: add ()." if isinstance(given, type) else ""
            raise SpecError(
                f"callbacks must be objects of classes derived from vaekit.Callback; got {given!r}."
                f"{hint}"
            )
    return tuple(callbacks)


_STOPPABLE = ("on_step", "on_epoch_end", "on_samples")


class CallbackList:
    """Several callbacks as one: calls each, and says which one failed.

    Args:
        callbacks: In the order in which they are called; ``None`` for none.

    Raises:
        SpecError: As of `check_callbacks`.
    """

    def __init__(self, callbacks: Sequence[Callback] | None = None) -> None:
        self.callbacks = check_callbacks(callbacks)

    def __bool__(self) -> bool:
        return bool(self.callbacks)

    def overriding(self, hook: str) -> "CallbackList":
        """Return those that override a hook."""
        usual = getattr(Callback, hook)
        return CallbackList([c for c in self.callbacks if getattr(type(c), hook) is not usual])

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a hook of each, in the first process only.

        Raises:
            StopTraining: One of them asked for it; the others were called as well.
            VaekitError: As one of them raised it.
            CallbackError: One of them raised something else.
        """
        if not is_first_process():
            return
        request = None
        for callback in self.callbacks:
            try:
                getattr(callback, hook)(*arguments)
            except StopTraining as stop:
                if hook not in _STOPPABLE:
                    raise CallbackError(
                        f"StopTraining must be raised by {', '.join(_STOPPABLE)} only; "
                        f"{_name(callback)}.{hook} raised it. Raise it there."
                    ) from stop
                request = stop
            except VaekitError:
                raise
            except Exception as error:
                raise CallbackError(
                    f"callbacks must not fail; {_name(callback)}.{hook} raised "
                    f"{type(error).__name__}: {error}. Mend it, or leave it out."
                ) from error
        if request is not None:
            raise request

    @contextmanager
    def fitting(self, start: FitStart) -> Iterator[None]:
        """Within the block a fit takes place; if it fails, all callbacks are told."""
        try:
            self.call("on_fit_start", start)
            yield
        except BaseException as error:
            self.fail(error)
            raise

    @contextmanager
    def ending(
        self, estimator: Any, save: Callable[[str | Path], None] | None = None
    ) -> Iterator[None]:
        """Within the block an estimator takes over what was fitted; then all are told the end.

        Args:
            estimator: That the callbacks were given to.
            save: As of `FitEnd`.
        """
        try:
            yield
            self.call("on_fit_end", FitEnd(estimator, save))
        except BaseException as error:
            self.fail(error)
            raise

    def fail(self, error: BaseException) -> None:
        """Tell all that the fit failed; what fails in turn is a warning, as one error is enough."""
        if not is_first_process():
            return
        for callback in self.callbacks:
            try:
                callback.on_fit_error(error)
            except Exception as second:
                warnings.warn(
                    f"{_name(callback)}.on_fit_error failed as well: {type(second).__name__}: "
                    f"{second}",
                    RuntimeWarning,
                    stacklevel=3,
                )


def _name(callback: Callback) -> str:
    return type(callback).__name__


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
