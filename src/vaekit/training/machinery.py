"""What a step runs on: devices and precision (Lightning Fabric), optimisers, weight averages."""

import atexit
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, parameters_to_vector, vector_to_parameters
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vaekit.errors import SpecError
from vaekit.models import Model
from vaekit.objectives import Objective
from vaekit.training.config import PRECISIONS, TrainConfig
from vaekit.training.data import Items
from vaekit.types import Batch, Clock, Update

__all__ = ["Machinery", "make_fabric"]

_FUSED_DEVICES = ("cpu", "cuda")


class Machinery:
    """A model, its objective and their optimisers, placed on the devices.

    Several devices each take their part of every batch; gradients are averaged by one
    all-reduce after ``backward``. That, unlike the hooks of DistributedDataParallel, holds for
    objectives with several groups and several passes through the model.
    """

    def __init__(self, model: Model, objective: Objective, config: TrainConfig) -> None:
        self.config = config
        self.fabric = make_fabric(config)
        self.model = cast(Model, self.fabric.to_device(model))
        self.objective = cast(Objective, self.fabric.to_device(objective))
        if self.fabric.world_size > 1:
            self.model.load_state_dict(self.fabric.broadcast(self.model.state_dict()))
            torch.manual_seed(config.seed + self.fabric.global_rank)
        self.groups = {name: list(group) for name, group in objective.groups(model).items()}
        self.paces = {name: objective.pace(name) for name in self.groups}
        self.optimisers = {name: self._optimiser(name) for name in self.groups}
        self.averaged = _average(self.model, config.ema) if config.ema else None

    def _optimiser(self, group: str) -> torch.optim.Optimizer:
        optimiser = torch.optim.AdamW(
            self.groups[group],
            lr=self.config.peak_rate(self.model),
            betas=self.paces[group].betas,
            weight_decay=self.config.weight_decay,
            fused=self.fabric.device.type in _FUSED_DEVICES,
        )
        if self.config.precision == "fp16":
            return self.fabric.setup_optimizers(optimiser)  # type: ignore[return-value]
        return optimiser

    @property
    def current(self) -> Model:
        """The model to evaluate: the averaged one where an average is kept."""
        return self.model if self.averaged is None else cast(Model, self.averaged.module)

    def batch(self, items: Items, index: Tensor, *, shared: bool = True) -> tuple[Batch, float]:
        """This process's part of a batch, and the share of the whole that it is."""
        world = self.fabric.world_size
        if world == 1 or not shared:
            return items.batch(index, self.fabric.device), 1.0
        part = index[self.fabric.global_rank :: world]
        return items.batch(part, self.fabric.device), len(part) * 1.0 / len(index)

    def updates(self, batch: Batch, clock: Clock, *, evaluate: bool = False) -> Iterator[Update]:
        """The objective's updates, each computed in the chosen precision."""
        model = self.current if evaluate else self.model
        losses = self.objective.losses(model, batch, clock)
        while True:
            with self.fabric.autocast():
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
                clip_grad_norm_(self.groups[name], self.config.gradient_clip)
            optimiser = self.optimisers[name]
            for options in optimiser.param_groups:
                options["lr"] = rate * self.paces[name].rate
            optimiser.step()

    def _backward(self, update: Update, share: float) -> None:
        last = len(update.losses) - 1
        for number, (name, loss) in enumerate(update.losses.items()):
            # With one group all gradients are its own; `inputs` keeps those of others out.
            inputs = None if len(self.groups) == 1 else self.groups[name]
            scaled = loss if share == 1.0 else loss * share
            retain = number < last
            if self.config.precision == "fp16":  # only then is there a loss scale to apply
                self.fabric.backward(scaled, inputs=inputs, retain_graph=retain)
            else:
                scaled.backward(inputs=inputs, retain_graph=retain)

    def _reduce(self, group: list[nn.Parameter]) -> None:
        """Sum gradients over the processes; each has weighted its own by its share."""
        if self.fabric.world_size == 1:
            return
        gradients = [p.grad for p in group if p.grad is not None]
        total = self.fabric.all_reduce(parameters_to_vector(gradients), reduce_op="sum")
        assert isinstance(total, Tensor)
        vector_to_parameters(total, gradients)

    def average(self) -> None:
        """Move the averaged weights towards the current ones."""
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)

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


def make_fabric(config: TrainConfig) -> Fabric:
    """Fabric for these options, launched.

    Raises:
        SpecError: The device is not there.
    """
    try:
        with _quiet():
            fabric = Fabric(
                accelerator=config.device,
                devices=config.devices,
                strategy=config.strategy,
                precision=PRECISIONS[config.precision],  # type: ignore[arg-type]
            )
    except (RuntimeError, ValueError) as error:
        raise SpecError(
            f"device={config.device!r}, devices={config.devices}, strategy={config.strategy!r} "
            f"must name hardware of this machine; {error}"
        ) from error
    fabric.launch()
    if fabric.world_size > 1:
        atexit.register(_leave_group)
    return fabric


def _leave_group() -> None:
    """End the group in order; left to the interpreter's end, gloo's threads may abort it."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextmanager
def _quiet() -> Iterator[None]:
    """Fabric announces what the caller has just asked for."""
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _average(model: Model, decay: float) -> AveragedModel:
    average = AveragedModel(model, multi_avg_fn=_moving_average(decay), use_buffers=True)
    average.module.train(model.training)
    return average


_Weights = tuple[Tensor, ...] | list[Tensor]


def _moving_average(decay: float) -> Callable[[_Weights, _Weights, Tensor | int], None]:
    """An average that first forgets faster, so that a short training does not keep its start."""

    def update(averages: _Weights, now: _Weights, steps: Tensor | int) -> None:
        done = int(steps)
        early = (1 + done) / (10 + done)
        get_ema_multi_avg_fn(min(decay, early))(averages, now, steps)

    return update
