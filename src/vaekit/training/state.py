"""The state of a training: devices, optimizers, averaged weights, and the checkpoint file."""

import copy
import itertools
import json
import math
import os
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, parameters_to_vector, vector_to_parameters
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vaekit.bounds import Amount
from vaekit.deadlines import Stopwatch
from vaekit.distributed import restarts
from vaekit.errors import FormatError, TrainingError, VaekitError
from vaekit.files import atomic_file, expanded_path, hold, parse_json
from vaekit.models.vae import Model
from vaekit.objectives.base import Objective
from vaekit.optimizers import AdamW
from vaekit.randomness import BatchPart, drawing_for, restore_stream, stream_state
from vaekit.schema import check_document, shown
from vaekit.spec import describe, with_defaults
from vaekit.tensor_files import check_kinds, put_weights, read_header, read_tensors, tensor_pieces
from vaekit.training.config import TrainConfig, TrainingSet
from vaekit.training.launching import (
    SingleProcess,
    clip_gradients,
    is_part,
    local,
    make_fabric,
    part_like,
    parts_like,
    shard,
    whole,
)
from vaekit.types import Batch, TrainingProgress, Update

_FUSED_DEVICES = ("cpu", "cuda")


class Machinery:
    """A model, its objective and their optimisers, placed on the devices.

    Several devices each take their part of every batch; gradients are averaged by one
    all-reduce after ``backward``. That, unlike the hooks of DistributedDataParallel, holds for
    objectives with several groups and several passes through the model. With
    ``strategy="fsdp"`` large layers are spread over the devices as well, each of which gathers
    one when it is called (see `shard`).

    Attributes:
        model: What is trained.
        whole: The caller's model: the same one, or, where its weights are spread, one that gets
            them after each epoch.
    """

    def __init__(self, model: Model, objective: Objective, config: TrainConfig) -> None:
        self.config = config
        self.fabric = make_fabric(config)
        self.is_sharded = config.strategy == "fsdp" and self.fabric.world_size > 1
        if self.fabric.world_size > 1:
            model.load_state_dict(self.fabric.broadcast(model.state_dict()))
        self.whole = model
        self.model = copy.deepcopy(model) if self.is_sharded else model
        if self.is_sharded:  # before any of it moves: a card may not hold it all
            shard(self.model, self.fabric.device)
        self.fabric.to_device(self.model)
        self.objective = cast(Objective, self.fabric.to_device(objective))
        self.groups = {
            name: [weight for weight in group if weight.requires_grad]
            for name, group in objective.groups(self.model).items()
        }
        self.paces = {name: objective.pace(name) for name in self.groups}
        self.optimizers = {name: self._optimizer(name) for name in self.groups}
        self.averaged = self._average(config.ema) if config.ema else None

    def _average(self, decay: float) -> AveragedModel:
        average = AveragedModel(self.whole, multi_avg_fn=_moving_average(decay), use_buffers=True)
        average.module.train(self.model.training)
        if self.is_sharded:
            shard(average.module, self.fabric.device)
            self.fabric.to_device(average.module)
        return average

    def _optimizer(self, group: str) -> torch.optim.Optimizer:
        optimizer = AdamW(
            self.groups[group],
            lr=self.config.peak_rate(self.model),
            betas=self.paces[group].betas,
            weight_decay=self.config.weight_decay,
            # Parts of weights and whole ones cannot be stepped by one call.
            foreach=False if self.is_sharded else None,
            fused=not self.is_sharded and self.fabric.device.type in _FUSED_DEVICES,
        )
        if not isinstance(self.fabric, SingleProcess) and self.config.precision == "fp16":
            return self.fabric.setup_optimizers(optimizer)  # type: ignore[return-value]
        return optimizer

    @property
    def current(self) -> Model:
        """The model to evaluate: the averaged one where an average is kept."""
        return self.model if self.averaged is None else cast(Model, self.averaged.module)

    def batch(
        self, items: TrainingSet, index: Tensor, *, shared: bool = True
    ) -> tuple[Batch, float]:
        """This process's part of a batch, and the share of the whole that it is."""
        part = index if not shared else index[self.fabric.global_rank :: self.fabric.world_size]
        if not len(part):  # no process can leave out a step; what it finds counts nothing
            return items.batch(index[:2], self.fabric.device), 0.0
        return items.batch(part, self.fabric.device), len(part) * 1.0 / len(index)

    def drawing(self, items: int) -> AbstractContextManager[None]:
        """Draw for this process's part of a batch of so many items what one process would draw."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        own = len(range(rank, items, world))
        return nullcontext() if world == 1 else drawing_for(BatchPart(own, items, rank, world))

    def of_first(self, value: float) -> float:
        """Return the first process's value, so that all decide alike."""
        if self.fabric.world_size == 1:
            return value
        own = torch.tensor(value, dtype=torch.float32, device=self.fabric.device)
        return float(self.fabric.broadcast(own))

    def of_all(self, values: Mapping[str, float], share: float) -> dict[str, float]:
        """Return means over the whole batch of what each process found for its part."""
        if self.fabric.world_size == 1:
            return dict(values)
        own = torch.tensor(list(values.values()), dtype=torch.float64) * share
        if self.fabric.device.type == "mps":  # pragma: no cover - knows no double precision
            own = own.float()
        total = self.fabric.all_reduce(own.to(self.fabric.device), reduce_op="sum")
        assert isinstance(total, Tensor)
        return dict(zip(values, total.tolist(), strict=True))

    def updates(
        self, batch: Batch, progress: TrainingProgress, *, evaluate: bool = False
    ) -> Iterator[Update]:
        """Yield the objective's updates, each computed in the chosen precision."""
        model = self.current if evaluate else self.model
        losses = self.objective.losses(model, batch, progress)
        while True:
            with self.fabric.autocast(), self._spread():
                update = next(losses, None)
            if update is None:
                return
            yield update

    def descend(self, update: Update, rate: float, share: float) -> None:
        """Back-propagate each loss into its own group, then step those groups."""
        for name in update.losses:
            for parameter in self.groups[name]:
                parameter.grad = None  # what zero_grad does, without its 50 us of profiling hooks
        self._backward(update, share)
        for name in update.losses:
            self._reduce(self.groups[name])
            if self.config.gradient_clip is not None:
                clip = clip_gradients if self.is_sharded else clip_grad_norm_
                clip(self.groups[name], self.config.gradient_clip)
            optimizer = self.optimizers[name]
            for options in optimizer.param_groups:
                options["lr"] = rate * self.paces[name].rate
            optimizer.step()

    def _backward(self, update: Update, share: float) -> None:
        last = len(update.losses) - 1
        for number, (name, loss) in enumerate(update.losses.items()):
            # With one group all gradients are its own; `inputs` keeps those of others out.
            inputs = None if len(self.groups) == 1 else self.groups[name]
            scaled = loss if share == 1.0 else loss * share
            retain = number < last
            if self.is_sharded:
                with self._kept_out(name), self._spread():
                    scaled.backward(retain_graph=retain)
                continue
            if isinstance(self.fabric, SingleProcess) or self.config.precision != "fp16":
                scaled.backward(inputs=inputs, retain_graph=retain)
            else:  # only then is there a loss scale to apply
                self.fabric.backward(scaled, inputs=inputs, retain_graph=retain)

    @contextmanager
    def _spread(self) -> Iterator[None]:
        """Say in our words that a computation found weights that are elsewhere."""
        try:
            yield
        except RuntimeError as error:
            if not self.is_sharded or isinstance(error, VaekitError):
                raise
            raise TrainingError(
                "strategy='fsdp' must train with layers that gather their weights once forwards "
                f"and once backwards; {type(self.objective).__name__} of "
                f"{type(self.model).__name__} asks for more, as gradients of gradients do. Use "
                f"strategy='ddp'. PyTorch says: {shown(str(error))}"
            ) from error

    @contextmanager
    def _kept_out(self, group: str) -> Iterator[None]:
        """Keep gradients of other groups as they are; parts of weights are no inputs of a graph."""
        others = [p for name, ps in self.groups.items() if name != group for p in ps]
        before = [p.grad for p in others]
        for parameter in others:
            parameter.grad = None
        yield
        for parameter, gradient in zip(others, before, strict=True):
            parameter.grad = gradient

    def _reduce(self, group: list[nn.Parameter]) -> None:
        """Sum gradients over the processes; each has weighted its own by its share."""
        if self.fabric.world_size == 1:
            return
        gradients = [p.grad for p in group if p.grad is not None and not is_part(p.grad)]
        if not gradients:
            return
        total = self.fabric.all_reduce(parameters_to_vector(gradients), reduce_op="sum")
        assert isinstance(total, Tensor)
        vector_to_parameters(total, gradients)

    def average(self) -> None:
        """Move the averaged weights towards the current ones."""
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)

    def gather(self, weights: Mapping[str, Tensor] | None = None) -> None:
        """Put weights, by default the present ones to evaluate, into the caller's model."""
        given = self.current.state_dict() if weights is None else weights
        put_weights(self.whole, whole(given))

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Switch the model to evaluation and back."""
        self.current.eval()
        self.objective.eval()
        try:
            yield
        finally:
            self.current.train()
            self.objective.train()


_Weights = tuple[Tensor, ...] | list[Tensor]


def _moving_average(decay: float) -> Callable[[_Weights, _Weights, Tensor | int], None]:
    """An average that first forgets faster, so that a short training does not keep its start."""

    def update(averages: _Weights, now: _Weights, steps: Tensor | int) -> None:
        done = int(steps)
        early = (1 + done) / (10 + done)
        mean, latest = [local(tensor) for tensor in averages], [local(tensor) for tensor in now]
        get_ema_multi_avg_fn(min(decay, early))(mean, latest, steps)

    return update


CHECKPOINT_NAME = "checkpoint.safetensors"
_FORMAT = 1


def write_checkpoint(
    folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], place: Mapping[str, Any]
) -> None:
    """Write a checkpoint in one rename.

    Args:
        folder: Where; made if needed.
        tensors: State dictionaries by name.
        place: JSON: step, epoch, history and whatever else is no tensor.

    Raises:
        SaveError: The disk is full; the checkpoint before is kept.
    """
    flat = {
        f"{part}/{name}": tensor
        for part, state in tensors.items()
        for name, tensor in state.items()
    }
    metadata = {"vaekit": json.dumps({"format": _FORMAT, **place})}
    with atomic_file(folder / CHECKPOINT_NAME) as file:
        for piece in tensor_pieces(flat, metadata):  # as large as several models, so never whole
            file.write(piece)


@dataclass(frozen=True)
class _Place:
    """What a checkpoint says beside its tensors."""

    step: Amount
    epoch: Amount
    position: Amount
    history: Sequence[Mapping[str, float]]
    totals: Mapping[str, float]
    best_epoch: Amount
    best_loss: float | None
    seconds: float
    identity: Mapping[str, Any]


def read_checkpoint(folder: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
    """Read a checkpoint, or ``None`` where there is none.

    Raises:
        FormatError: The file is damaged, foreign, or of a newer format.
    """
    path = folder / CHECKPOINT_NAME
    if not os.path.lexists(path):
        return None
    header = read_header(path)
    notes = header.notes.get("vaekit")
    if notes is None:
        raise FormatError(f"{path} must be a vaekit checkpoint; its header has no notes of one.")
    try:
        written = notes.encode()
    except UnicodeEncodeError as error:
        raise FormatError(f"{path} must be a vaekit checkpoint; it is damaged: {error}.") from error
    place = parse_json(written, f"the notes of {path}")
    if not isinstance(place, dict) or place.pop("format", None) != _FORMAT:
        raise FormatError(f"{path} is of another format than {_FORMAT}; use a newer vaekit.")
    check_document(_Place, place, f"the notes of {path}")
    tensors: dict[str, dict[str, Tensor]] = {}
    for key, tensor in read_tensors(path, header, header.shapes).items():
        part, slash, name = key.partition("/")
        if not slash:
            raise FormatError(
                f"{path}: each tensor must be called PART/NAME; got {shown(key)}. The file is "
                "damaged or foreign: get a sound copy."
            )
        tensors.setdefault(part, {})[name] = tensor
    return tensors, place


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the tensors of an optimiser's state, by parameter number and name.

    Its options are not kept: they follow from the configuration and the clock.
    """
    state = optimizer.state_dict()["state"]
    return {f"{i}.{key}": value for i, slots in state.items() for key, value in slots.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put flattened state back.

    Raises:
        FormatError: It is not that of an optimizer of these parameters.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        if not number.isdecimal() or len(number) > len(str(len(parameters))):
            raise _foreign_state(key, f"begin with the number of one of {len(parameters)}")
        if int(number) >= len(parameters) or name not in _SLOTS:
            raise _foreign_state(key, f"be one of {', '.join(_SLOTS)} of {len(parameters)}")
        own = parameters[int(number)] if name != "step" else torch.zeros(())
        if value.shape != own.shape or value.dtype != own.dtype:
            got = f"{tuple(value.shape)} of {value.dtype}"
            rule = f"have shape {tuple(own.shape)} of {own.dtype}; got {got}; these are its"
            raise _foreign_state(key, rule)
        state.setdefault(int(number), {})[name] = part_like(value, own)
    for place, slots in state.items():
        if set(slots) != set(_SLOTS):
            raise _foreign_state(str(place), f"have all of {', '.join(_SLOTS)}")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


_SLOTS = ("exp_avg", "exp_avg_sq", "step")
"""What AdamW keeps of each parameter."""


def _foreign_state(key: str, rule: str) -> FormatError:
    return FormatError(
        f"in a stored optimizer's state {shown(key)} must {rule} parameters. The checkpoint is "
        "damaged or of another training: get a sound copy, or start afresh without resume."
    )


class State:
    """Where a training stands.

    Attributes:
        step: Optimiser steps done.
        epoch: Epochs done.
        position: Batches of the current epoch done.
        history: One row per epoch done.
        best_epoch: Epoch of the best weights so far.
        waited: Seconds trained, over all resumed runs.
        spent: The same by the clock of the limit, see `TrainConfig.clock`.
    """

    def __init__(
        self, machinery: Machinery, items: TrainingSet, folder: Path | None, config: TrainConfig
    ) -> None:
        self.machinery, self.items, self.folder, self.config = machinery, items, folder, config
        self.step = self.epoch = self.position = self.best_epoch = 0
        self.history: list[dict[str, float]] = []
        self.waited, self.spent = Stopwatch(), Stopwatch(config.clock)
        self._totals: dict[str, float] = {}
        self._best: dict[str, Tensor] = {}
        self._best_loss = math.inf
        self._saved = time.monotonic()
        self._saved_step: int | None = None

    def start_clock(self) -> None:
        """Count time from now."""
        self._saved = time.monotonic()
        self.waited.start()
        self.spent.start()

    def advance(self, values: Mapping[str, float]) -> None:
        """Count a step and add its terms to the means of the epoch."""
        self.step += 1
        self.position += 1
        for name, value in values.items():
            self._totals[name] = self._totals.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """Return the terms, averaged over the batches of this epoch."""
        return {name: total / max(1, self.position) for name, total in self._totals.items()}

    def end_epoch(self, row: dict[str, float], *, is_checkpointable: bool = True) -> None:
        """Keep the row, and the weights if they are the best so far.

        Args:
            row: The means of the epoch.
            is_checkpointable: Whether its loss counts; until one does, the latest weights are the
                best.
        """
        self.history.append(row)
        self.epoch += 1
        self.position, self._totals = 0, {}
        loss = row.get("validation_loss", -math.inf) if is_checkpointable else math.inf
        if loss <= self._best_loss or not self._best:
            self._best_loss, self.best_epoch = loss, self.epoch
            self._keep_weights(self.machinery.current.state_dict())
        if self.is_due():
            self.save()

    def _keep_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Copy weights over those kept before, so that there are never two copies."""
        if self._best.keys() != weights.keys():
            self._best = copy.deepcopy(dict(weights))
            return
        for name, kept in self._best.items():
            kept.copy_(weights[name])

    def finish(self) -> None:
        """Put the best weights into the model and write the last checkpoint."""
        if self.folder is not None and self._saved_step != self.step:
            self.save()
        self.machinery.gather(self._best or None)

    def is_due(self) -> bool:
        """Return whether it is time for a checkpoint."""
        if self.folder is None:
            return False
        is_time = time.monotonic() - self._saved >= self.config.checkpoint_seconds
        if self.machinery.is_sharded:  # each process has a part of what is written
            return bool(self.machinery.of_first(float(is_time)))
        return is_time

    def save(self) -> None:
        """Write a checkpoint (by the first process only)."""
        self._saved, self._saved_step = time.monotonic(), self.step
        if self.folder is None:
            return
        tensors: Mapping[str, Mapping[str, Tensor]] = self._tensors()
        if self.machinery.is_sharded:
            tensors = {name: whole(part) for name, part in tensors.items()}
        if self.machinery.fabric.is_global_zero:
            write_checkpoint(self.folder, tensors, self._place())

    def last_good(self) -> str:
        """Return where the last checkpoint is, in a sentence for an error."""
        if self.folder is None or self._saved_step is None:
            return "No checkpoint was kept."
        return (
            f"The checkpoint of step {self._saved_step} is kept in "
            f"{self.folder / CHECKPOINT_NAME}; resume=True (--resume) goes on from there."
        )

    def _tensors(self) -> dict[str, Mapping[str, Tensor]]:
        machinery = self.machinery
        parts: dict[str, Mapping[str, Tensor]] = {
            "model": machinery.model.state_dict(),
            "objective": machinery.objective.state_dict(),
            "best": self._best,
            "random": stream_state(),
        }
        for name, optimizer in machinery.optimizers.items():
            parts[f"optimiser:{name}"] = flatten_optimizer(optimizer)
        if machinery.averaged is not None:
            parts["averaged"] = machinery.averaged.state_dict()
        return parts

    def _place(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "epoch": self.epoch,
            "position": self.position,
            "history": self.history,
            "totals": self._totals,
            "best_epoch": self.best_epoch,
            "best_loss": self._best_loss if math.isfinite(self._best_loss) else None,
            "seconds": self.waited.seconds(),
            "spent": self.spent.seconds(),
            "identity": self._identity(),
        }

    def _identity(self) -> dict[str, Any]:
        """Return what a resumed run must share with the one it goes on with."""
        return {
            "options": self.config.schedule_identity(),
            "model": describe(self.machinery.whole),
            "objective": describe(self.machinery.objective),
            "data": self.items.fingerprint(),
        }

    def resume(self) -> None:
        """Go on from the checkpoint in the folder; without one, start from the beginning.

        Raises:
            TrainingError: No folder, or the checkpoint is of another training.
            FormatError: The checkpoint is damaged.
        """
        if self.folder is None:
            raise TrainingError("resume=True needs the folder that holds the checkpoint.")
        found = read_checkpoint(self.folder)
        if found is None:
            return
        tensors, place = found
        self._check_identity(place["identity"])
        self._check_position(place)
        try:
            self._restore(tensors)
        except (VaekitError, MemoryError):
            raise
        except Exception as error:  # torch raises any for tensors that are not those it stored
            raise FormatError(
                f"{self.folder / CHECKPOINT_NAME} must hold the state of this training; it is "
                f"damaged: {type(error).__name__}: {shown(str(error))}. Get a sound copy, or start "
                "afresh without resume."
            ) from error
        self.step, self.epoch, self.position = place["step"], place["epoch"], place["position"]
        self.history, self._totals = place["history"], place["totals"]
        self.best_epoch, self.waited.before = place["best_epoch"], place["seconds"]
        self.spent.before = place.get("spent", place["seconds"])
        self._best_loss = math.inf if place["best_loss"] is None else place["best_loss"]
        self._saved_step = self.step

    def _check_identity(self, stored: Mapping[str, Any]) -> None:
        for name, value in self._identity().items():
            if stored.get(name) != value and with_defaults(stored.get(name)) != value:
                raise TrainingError(
                    f"the checkpoint in {self.folder} belongs to another training: its {name} "
                    f"must be the same; {_difference(stored.get(name), value, name)}. Use the "
                    f"same {name}, or another folder, or start afresh (--restart, or "
                    "vaekit.training.discard_checkpoint)."
                )

    def _check_position(self, place: Mapping[str, Any]) -> None:
        """A training that never gets where it is said to stand would end without a row."""
        if len(place["history"]) != place["epoch"] or place["best_epoch"] > place["epoch"]:
            raise FormatError(
                f"{self.folder} must hold a checkpoint with a row of history for each epoch; got "
                f"{len(place['history'])} for {place['epoch']}. It is damaged: get a sound copy."
            )

    def _restore(self, tensors: dict[str, dict[str, Tensor]]) -> None:
        machinery = self.machinery
        states = {"model": machinery.model.state_dict()}
        if "best" in tensors:
            states["best"] = machinery.current.state_dict()
        if machinery.averaged is not None:
            states["averaged"] = machinery.averaged.state_dict()
        for name, state in states.items():
            self._check_state(name, tensors.get(name, {}), state)
        put_weights(machinery.model, parts_like(tensors["model"], states["model"]))
        machinery.objective.load_state_dict(tensors.get("objective", {}))
        self._best = parts_like(tensors.get("best", {}), machinery.current.state_dict())
        for name, optimizer in machinery.optimizers.items():
            restore_optimizer(optimizer, tensors.get(f"optimiser:{name}", {}))
        if machinery.averaged is not None:
            machinery.averaged.load_state_dict(parts_like(tensors["averaged"], states["averaged"]))
        restore_stream(tensors["random"])

    def _check_state(
        self, part: str, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
    ) -> None:
        """The tensors of a part must be those that it has now, of the same kinds, and finite."""
        path = self.folder / CHECKPOINT_NAME if self.folder is not None else Path(CHECKPOINT_NAME)
        for name in sorted({*tensors, *expected}):
            own, found = expected.get(name), tensors.get(name)
            if own is None or found is None or own.shape != found.shape:
                raise FormatError(
                    f"{path}: {part}/{name} must have shape {_shape_of(own)}; got "
                    f"{_shape_of(found)}. The checkpoint is damaged or of another training: get "
                    "a sound copy, or start afresh without resume."
                )
            check_kinds(path, {name: found.dtype}, {name: own.dtype})
            if found.is_floating_point() and not torch.isfinite(found).all():
                raise FormatError(
                    f"{path} must hold finite numbers; {part}/{name} does not. Start afresh "
                    "without resume."
                )


def _shape_of(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)


_SHOWN = 3


def _difference(stored: Any, value: Any, name: str) -> str:
    """Return in words where two descriptions differ."""
    if not isinstance(value, dict | list):
        return "the items are others" if name == "data" else f"it was {stored!r} and is {value!r}"
    places = list(itertools.islice(_differences(stored, value, ""), _SHOWN + 1))
    more = ", and more" if len(places) > _SHOWN else ""
    return "; ".join(places[:_SHOWN]) + more


def _differences(stored: Any, value: Any, place: str) -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(value, dict):
        for key in sorted({*stored, *value}, key=str):
            inside = key if key not in ("type", "args") else ""
            there = ".".join(part for part in (place, inside) if part)
            yield from _differences(stored.get(key), value.get(key), there)
    elif isinstance(stored, list) and isinstance(value, list) and len(stored) == len(value):
        for number, (a, b) in enumerate(zip(stored, value, strict=True)):
            yield from _differences(a, b, f"{place}[{number}]")
    elif stored != value:
        yield f"{place or 'it'} was {_brief(stored)} and is {_brief(value)}"


def _brief(value: Any) -> str:
    if isinstance(value, dict) and "type" in value:
        return str(value["type"])
    return textwrap.shorten(repr(value), 60, placeholder=" ...")


def discard_checkpoint(folder: str | Path) -> None:
    """Remove the checkpoint of a training that is not to go on, if there is one.

    Raises:
        SaveError: A training works into the folder.

    Example:
        >>> discard_checkpoint("runs/none")
    """
    place = expanded_path(folder)
    if (place / CHECKPOINT_NAME).exists():
        with hold(place):
            (place / CHECKPOINT_NAME).unlink(missing_ok=True)


def refuse_to_discard(folder: Path) -> None:
    """Refuse to start a training where another one can still go on.

    Raises:
        TrainingError: There is a checkpoint.
    """
    if (folder / CHECKPOINT_NAME).exists() and not restarts():
        raise TrainingError(
            f"a new training must not discard a checkpoint unasked; {folder} has one. Go on from "
            "it with resume=True (--resume), or discard it with --restart (in Python "
            "vaekit.training.discard_checkpoint), or choose another folder."
        )
