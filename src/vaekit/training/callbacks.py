"""Callbacks: what a user's own code sees of a fit, and how it ends one early."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from vaekit.distributed import is_first_process
from vaekit.errors import CallbackError, SpecError, VaekitError

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
