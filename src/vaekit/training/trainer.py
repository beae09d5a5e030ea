"""The training loop, the same for every objective, its listeners and its end."""

import csv
import functools
import io
import math
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

import torch
from torch import Tensor

from vaekit.distributed import is_first_process, restarts
from vaekit.errors import DataError, MissingExtraError, NonFiniteLossError, TrainingError
from vaekit.files import atomic_write, expanded_path, hold
from vaekit.memory import kept_memory
from vaekit.models.vae import VAE, Model
from vaekit.objectives.base import Objective, WarmUpCosine, check_composition, overrunning
from vaekit.randomness import drawing_nothing, seeded
from vaekit.training.callbacks import Event, StopTraining, progress_display
from vaekit.training.config import TrainConfig, TrainingSet, count_batches
from vaekit.training.state import Machinery, State, refuse_to_discard
from vaekit.types import TrainingProgress, Update

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether somebody has asked a training to stop, and with which signal."""

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def is_made(self) -> bool:
        """Whether it has been asked."""
        return self.number is not None

    def stop(self, kept: str) -> NoReturn:
        """Leave the loop.

        Args:
            kept: A sentence on what is kept, for whoever asked.
        """
        raise _Leave(kept)


class _Leave(BaseException):
    """From the end of a step to the end of the training."""


@contextmanager
def finishing_steps(alone: bool) -> Iterator[StopRequest]:
    """Let Ctrl-C and SIGTERM wait for the end of a step; the second one does not wait.

    After the step the signal is given again to whoever handled it before: it then ends the process,
    or raises, and the sentence on what is kept becomes the message of what is raised.

    Args:
        alone: Whether this is the only process; several would have to agree on the step. Signals
            also reach the main thread only. Where they are not handled, the request is never made.
    """
    request = StopRequest()
    if not alone or threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    handled = [n for n, handler in before.items() if handler not in (None, signal.SIG_IGN)]

    def restore() -> None:
        for number in handled:
            signal.signal(number, before[number])

    def note(number: int, frame: object) -> None:
        if request.is_made:
            restore()
            signal.raise_signal(number)
        request.number = number

    for number in handled:
        signal.signal(number, note)
    try:
        yield request
    except _Leave as leave:
        restore()
        _hand_on(request, str(leave))
    finally:
        restore()
    if request.is_made:  # after the last step: the training is whole
        _hand_on(request, "")


def _hand_on(request: StopRequest, kept: str) -> None:
    """Give a signal to whoever handled it before."""
    assert request.number is not None
    try:
        signal.raise_signal(request.number)
    except BaseException as stop:
        if kept:
            stop.args = (kept,)
        raise stop from None
    raise KeyboardInterrupt(kept)  # its handler did nothing


Listener = Callable[[Event], None]


HISTORY_NAME = "history.csv"
PREVIEW_NAME = "preview.png"
"""What models of images have learned so far."""


@contextmanager
def listening(
    callbacks: Sequence[Listener], state: State, config: TrainConfig
) -> Iterator[Listener]:
    """Yield all listeners of a run as one: the caller's, and those that the options ask for."""
    if not state.machinery.fabric.is_global_zero:
        yield lambda event: None
        return
    listeners = list(callbacks)
    if state.folder is not None:
        listeners.append(write_csv(state.folder / HISTORY_NAME, state.history))
    if config.tensorboard:
        listeners.append(tensorboard((state.folder or Path("runs")) / TENSORBOARD_NAME))
    bar = progress_display(config.progress, "training")
    if bar is not None:
        listeners.append(bar)
    try:
        yield functools.partial(_tell_all, listeners)
    finally:
        if bar is not None:
            bar.close()


def _tell_all(listeners: Sequence[Listener], event: Event) -> None:
    for listener in listeners:
        listener(event)


def history_csv(history: Sequence[Mapping[str, float]]) -> bytes:
    """Return the history as CSV, one row per epoch; numbers in full precision."""
    names = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue().encode()


def write_csv(path: Path, history: Sequence[Mapping[str, float]]) -> Listener:
    """Rewrite the history file after each epoch, after the rows of a run that is resumed."""
    rows = list(history)

    def write(event: Event) -> None:
        if event.kind == "epoch":
            rows.append(event.values)
            atomic_write(path, history_csv(rows))

    return write


TENSORBOARD_NAME = "tensorboard"
"""The folder within a run that TensorBoard reads."""


def tensorboard(folder: Path) -> Listener:
    """Log each epoch for TensorBoard, into this folder.

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


_DIVERGED = 1e4
"""Nats beyond which a critic, whose errors cost a few nats each, is lost."""


@dataclass(frozen=True)
class TrainResult:
    """What a training leaves behind; the model itself holds the best weights.

    Attributes:
        history: One row per epoch: epoch, step, learning_rate, the terms of the objective over
            the training items, and the same with ``validation_`` before them (nats per item).
        best_epoch: Epoch of the weights kept.
        seconds: Time that a user waited, over all resumed runs.
        spent: The same by the clock of the limit, see `TrainConfig.clock`.
    """

    history: list[dict[str, float]]
    best_epoch: int
    seconds: float
    spent: float


def train(
    model: Model,
    objective: Objective,
    items: TrainingSet,
    config: TrainConfig | None = None,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    callbacks: Sequence[Listener] = (),
) -> TrainResult:
    """Train a model; it ends with the weights of the best validation loss.

    Args:
        model: Trained in place.
        objective: What to minimise.
        items: The training set; a share of it is held out for validation.
        config: Options.
        folder: Where checkpoints and ``history.csv`` go; ``None`` writes nothing.
        resume: Go on from the checkpoint in ``folder``, if there is one. Without it, a checkpoint
            there is an error: it would be lost; `discard_checkpoint` removes it.
        callbacks: Functions that are called with each `Event`, in the first process only. One that
            raises `StopTraining` ends the training after this step.

    Raises:
        CompositionError: The objective needs what the model does not provide.
        DataError: Nothing to train on.
        NonFiniteLossError: The loss became NaN or infinite.
        SaveError: Another training works into the folder.
        TrainingError: A critic diverged, the checkpoint belongs to other data, another model
            or other options, or there is one that is not to be resumed.
        KeyboardInterrupt: Ctrl-C; the step is finished and a checkpoint written first. SIGTERM is
            answered alike.

    Example:
        >>> from vaekit import networks, likelihoods, presets
        >>> from vaekit.training import Items
        >>> encoder, decoder, width = networks.make_networks("mlp", "small", (4,), 2, 1)
        >>> parts = presets.Parts(encoder, decoder, likelihoods.Gaussian(), width, 2)
        >>> model, objective = presets.vae().build(parts)
        >>> result = train(model, objective, Items(torch.randn(64, 4)), TrainConfig(max_epochs=2))
        >>> len(result.history)
        2
    """
    config = config or TrainConfig()
    check_composition(model, objective)
    if len(items) < 1:
        raise DataError("the training set must have at least one item; got none.")
    _check_codes(model, len(items))
    generator = torch.Generator().manual_seed(config.seed)
    training, validation = items.split(config.held_out, generator)
    place = expanded_path(folder) if folder else None
    with seeded(config.seed), kept_memory(), held(place):
        if place is not None and not resume:
            refuse_to_discard(place)
            resume = restarts() > 0  # the launcher has begun anew, and the training goes on
        machinery = Machinery(model, objective, config)
        state = State(machinery, items, place, config)
        if resume:
            state.resume()
        alone = machinery.fabric.world_size == 1
        with listening(callbacks, state, config) as notify, finishing_steps(alone) as request:
            _Loop(machinery, state, training, validation, config, notify, request).run()
    waited, spent = state.waited.seconds(), state.spent.seconds()
    return TrainResult(state.history, state.best_epoch, waited, spent)


def held(folder: Path | None) -> AbstractContextManager[None]:
    """Keep others from training into a folder; the first of several processes does it for all.

    Raises:
        SaveError: Another training works into it.
    """
    return nullcontext() if folder is None or not is_first_process() else hold(folder)


def _check_codes(model: Model, items: int) -> None:
    """Codes that outnumber the items could each remember one."""
    codes = model.latent.num_codes if isinstance(model, VAE) else 0
    if codes > items:
        raise DataError(
            f"a codebook must not be larger than the training set; got {codes} codes for {items} "
            f"items. Use num_codes={max(2, items // 4)} or fewer."
        )


class _Loop:
    """The loop over epochs and batches."""

    def __init__(
        self,
        machinery: Machinery,
        state: State,
        training: TrainingSet,
        validation: TrainingSet | None,
        config: TrainConfig,
        notify: Listener,
        request: StopRequest,
    ) -> None:
        self.machinery, self.state, self.config, self.notify = machinery, state, config, notify
        self.request = request
        self.spent = 0.0
        self.training = training
        self.validation = None if validation is None else validation.resampled()
        self.epochs = config.epochs(len(training))
        self.per_epoch = count_batches(len(training), config.items_per_step)
        self.planned = int(min(self.epochs * self.per_epoch, config.most_steps))
        self.rate = WarmUpCosine(config.peak_rate(machinery.model), config.warm_up)
        self.alone = machinery.fabric.world_size == 1
        self.stopping = False
        self.failure: Exception | None = None

    def run(self) -> None:
        """Train until the epochs, the time or the patience are used up."""
        state = self.state
        self._warn_of_overruns()
        state.start_clock()
        self._read_clock()
        while state.epoch < self.epochs and not self._is_done():
            self._epoch()
        state.finish()
        self._tell("end", state.history[-1])
        if self.request.is_made:
            self.request.stop(state.last_good())

    def _warn_of_overruns(self) -> None:
        total = self.planned
        for schedule in overrunning(self.machinery.objective, total):
            warnings.warn(
                f"{schedule} takes {schedule.steps} steps and the training has {total}: it ends "
                f"before {schedule.end} is reached. Train longer, or give a share of the steps.",
                stacklevel=4,
            )

    def _epoch(self) -> None:
        state = self.state
        training = self.training.of_epoch(state.epoch)
        batches = training.batches(self.config.items_per_step, self.config.seed, state.epoch)
        for index in batches[state.position :]:
            progress = self._clock()
            values = self._step(training, index, progress)
            state.advance(values)
            self._read_clock()
            if state.is_due():
                state.save()
            self._tell("step", values)
            if self.request.is_made:
                state.save()
                self.request.stop(state.last_good())
            if self._is_over():
                break
        row = {
            "epoch": state.epoch + 1,
            "step": state.step,
            "learning_rate": self.rate(self._clock()),
            **state.means(),
            **self._validate(),
        }
        state.end_epoch(row, is_checkpointable=self.machinery.objective.is_checkpointable)
        if self.machinery.is_sharded:
            self.machinery.gather()
        self._tell("epoch", row)
        self._agree()

    def _read_clock(self) -> None:
        """Look at the time; of several processes all go by the first one's clock."""
        if self.config.most_seconds is not None:
            self.spent = self.machinery.of_first(self.state.spent.seconds())

    def _tell(self, kind: Literal["step", "epoch", "end"], values: Mapping[str, float]) -> None:
        total = self._clock().total
        try:
            self.notify(Event(kind, self.state.step, total, values, self._shown()))
        except StopTraining:
            self.stopping = True
        except Exception as error:
            if self.alone:
                raise
            self.failure = self.failure or error  # the other processes still work on the epoch

    def _shown(self) -> Model:
        """Return the model for listeners, who work in one process and so need all weights."""
        machinery = self.machinery
        return machinery.whole if machinery.is_sharded else machinery.current

    def _agree(self) -> None:
        """Let all processes know what the listeners of the first one asked for."""
        if self.alone:
            return
        asked = self.stopping, None if self.failure is None else str(self.failure)
        self.stopping, failure = self.machinery.fabric.broadcast(asked)
        if self.failure is not None:
            raise self.failure
        if failure is not None:
            raise TrainingError(f"the first process must not fail; it did: {failure}")

    def _step(
        self, training: TrainingSet, index: Tensor, progress: TrainingProgress
    ) -> Mapping[str, float]:
        machinery = self.machinery
        batch, share = machinery.batch(training, index)
        values: dict[str, float] = {}
        with machinery.drawing(len(index)):
            for update in machinery.updates(batch, progress):
                with drawing_nothing():
                    values |= self._read(update, progress, share)
                    machinery.descend(update, self.rate(progress), share)
        with drawing_nothing():
            machinery.average()
        return values

    def _read(self, update: Update, progress: TrainingProgress, share: float) -> dict[str, float]:
        """Return the terms as numbers, refused before the step if the loss is not finite."""
        own = {name: term.item() for name, term in update.terms.items()}
        values = self.machinery.of_all(own, share)
        losses = {group: loss.item() for group, loss in update.losses.items()}
        for group, loss in self.machinery.of_all(losses, share).items():
            self._check(group, loss, values, progress)
        return values

    def _check(
        self, group: str, loss: float, values: Mapping[str, float], progress: TrainingProgress
    ) -> None:
        if not math.isfinite(loss):
            bad = [name for name, value in values.items() if not math.isfinite(value)]
            raise NonFiniteLossError(
                f"the loss of group {group!r} must stay finite; it became {loss} at "
                f"step {progress.step} (terms not finite: {', '.join(bad) or group}). "
                f"{self.state.last_good()} Try a smaller learning_rate, gradient_clip=1.0, "
                "or precision='fp32'."
            )
        if group == "critic" and abs(loss) > _DIVERGED:
            raise TrainingError(
                f"the critic must not run away from the model; its loss became {loss:.3g} nats at "
                f"step {progress.step} (term 'critic'). {self.state.last_good()} Try a smaller "
                "learning_rate, gradient_clip=1.0, or a smaller adversarial weight."
            )

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """Mean terms over the held-out items, with the same noise in every epoch."""
        if self.validation is None:
            return {}
        totals: dict[str, float] = {}
        positions = torch.arange(len(self.validation))
        # Schedules stand at their end, so that epochs compare: an annealed KL would make the
        # first epoch look best.
        planned = self._clock().total
        progress = TrainingProgress(planned, planned, len(self.training))
        with seeded(self.config.seed), self.machinery.evaluating():
            for index in positions.split(max(self.config.items_per_step, 512)):
                batch, _ = self.machinery.batch(self.validation, index, shared=False)
                for update in self.machinery.updates(batch, progress, evaluate=True):
                    for name, term in update.terms.items():
                        totals[name] = totals.get(name, 0.0) + term.item() * len(index)
        return {f"validation_{name}": total / len(positions) for name, total in totals.items()}

    def _clock(self) -> TrainingProgress:
        """Return where the training is; with a time limit, the plan shrinks to what fits in it."""
        planned, step = self.planned, self.state.step
        if self.config.most_seconds is not None and step > 0:
            share = self.spent / self.config.most_seconds
            planned = min(planned, max(step, int(step / max(share, 1e-9))))
        return TrainingProgress(step, planned, len(self.training))

    def _is_done(self) -> bool:
        return self.stopping or self._is_over() or self._out_of_patience()

    def _is_over(self) -> bool:
        """Return whether the time or the steps are used up, within a pass or after it."""
        if self.stopping and self.alone:  # several processes agree on it after each epoch
            return True
        return self._out_of_time() or self.state.step >= self.config.most_steps

    def _out_of_time(self) -> bool:
        limit = self.config.most_seconds
        return limit is not None and self.spent >= limit

    def _out_of_patience(self) -> bool:
        patience = self.config.patience
        return patience is not None and self.state.epoch - self.state.best_epoch >= patience
