"""How to train, and what is trained on: options, items and their weights."""

import abc
import math
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from vaekit.deadlines import Clock
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.seeds import RULE as SEED_RULE
from vaekit.seeds import is_seed
from vaekit.types import Batch


def item_weights(sample_weight: Any, count: int, least: int = 2) -> Tensor | None:
    """Check the weights of items.

    Args:
        sample_weight: One number for each item, at least 0; ``None`` for none.
        count: How many items there are.
        least: How many of them must count at all.

    Returns:
        Shape (count,), in double precision.

    Raises:
        DataError: Not one number for each item; negative, not finite; too few above 0.

    Example:
        >>> item_weights([1, 2.5], 2)
        tensor([1.0000, 2.5000], dtype=torch.float64)
    """
    if sample_weight is None:
        return None
    array = np.asarray(sample_weight)
    if array.shape != (count,) or array.dtype.kind not in "biuf":
        raise DataError(
            f"sample_weight must be one number for each item, of shape ({count},); got shape "
            f"{array.shape} and dtype {array.dtype}. Pass as many as there are items."
        )
    weights = array.astype(np.float64)
    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any():
        place = int(np.argmax(bad))
        raise DataError(
            f"sample_weight must be finite and at least 0; got {weights[place]} for item {place}. "
            "Give items that are to be left out the weight 0."
        )
    counting = int((weights > 0).sum())
    if counting < least:
        raise DataError(
            f"sample_weight must be above zero for at least {least} items; it is for {counting} of "
            f"{count}. Let more of them count."
        )
    return torch.from_numpy(weights)


def weighted_places(weights: Tensor, offset: float) -> Tensor:
    """Return as many places as there are weights, each as often as its weight says.

    That is how often up to the next whole number, and with an offset drawn at random it is so in
    expectation. Equal weights give each place once, in order.

    Args:
        weights: Positive, shape (items,).
        offset: From 0 to 1.

    Source: Systematic resampling; Kitagawa 1996, "Monte Carlo filter and smoother for non-Gaussian
    nonlinear state space models", appendix.

    Example:
        >>> weighted_places(torch.tensor([1.0, 2.0, 1.0, 0.5]), 0.5)
        tensor([0, 1, 1, 2])
    """
    heights = weights.double().cumsum(0)
    levels = (torch.arange(len(weights), dtype=torch.float64) + offset) / len(weights) * heights[-1]
    return torch.searchsorted(heights, levels, right=True).clamp_max(len(weights) - 1)


PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
"""Our names of precisions, and Fabric's."""

_BATCH_BY_DEFAULT = 128
_VALIDATION_BY_DEFAULT = 0.1
_STEPS_BY_DEFAULT = 2400
_EPOCHS_BY_DEFAULT = (10, 300)
_RATE_BY_DEFAULT = 4e-3
_CAREFUL_RATE = 2e-3
"""For layers with which the faster rate diverged on some data."""
_CAREFUL_LAYERS = (nn.modules.conv._ConvNd, nn.RNNBase, nn.MultiheadAttention)


class SuggestedSteps(int):
    """About how many steps suit a model, as long as there are enough passes over the items.

    Example:
        >>> TrainConfig(steps=SuggestedSteps(300)).epochs(100_000)
        10
        >>> TrainConfig(steps=300).epochs(1000)
        38
    """


@dataclass(frozen=True)
class TrainConfig:
    """How to train; every field has a default that works.

    Attributes:
        max_epochs: Passes over the training items; ``None`` takes as many as ``steps`` fill.
        steps: How many steps, where ``max_epochs`` leaves it open; ``None`` takes about as many as
            the preset suggests, or 2,400, but 10 to 300 passes.
        max_minutes: Stop after this time; the learning rate then comes down in time. A fit counts
            reading as well, but trains for a tenth of it at least.
        cpu_minutes: The same in time of the processors, of all threads of this process together:
            as much is learned however busy the machine is. One of the two, or none.
        batch_size: Items per step, over all devices; ``None`` takes the preset's choice, or 128.
        learning_rate: Peak of AdamW's step size; warm-up and cosine lead to and from it.
            ``None`` takes 0.004, or 0.002 where there are convolutions, recurrence or attention;
            or the `peak_rate` of a network that has a lower one.
        warm_up: Share of the steps in which the learning rate rises.
        weight_decay: AdamW's decoupled weight decay.
        gradient_clip: Largest norm of each group's gradient; ``None`` does not clip.
        ema: Decay of an exponential moving average of the weights, for instance 0.999; 0 keeps
            none, and ``None`` leaves the choice to the preset.
        validation: Share of the items held out to choose the best weights; ``None`` takes the
            preset's choice, or 0.1.
        patience: Stop after so many epochs without a better validation loss; ``None`` never.
        precision: ``"fp32"``, ``"bf16"`` or ``"fp16"`` (mixed: weights stay in fp32).
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` (ROCm, too), ``"mps"``, or a name that Lightning
            Fabric knows: ``"tpu"``, and ``"xpu"`` with the package that registers it.
        devices: How many devices of each machine, or processes on a CPU. A launcher such as
            ``torchrun`` has said how many there are, so that nothing need be said here.
        num_nodes: How many machines, each with as many devices.
        strategy: How several devices work together: ``"auto"`` and ``"ddp"`` keep the model whole
            on each; ``"fsdp"`` spreads large layers over them, for models beyond one card. Not
            with ``precision="fp16"``.
        seed: Seed of weights, order and noise.
        checkpoint_seconds: Time between checkpoints, where a folder for them is given.
        tensorboard: Also log for TensorBoard (extra ``tensorboard``).
        progress: Show how far it is: a bar on a terminal, a line every half a minute elsewhere;
            ``None`` shows the bar alone.
    """

    max_epochs: int | None = None
    steps: int | None = None
    max_minutes: float | None = None
    cpu_minutes: float | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    warm_up: float = 0.05
    weight_decay: float = 0.0
    gradient_clip: float | None = None
    ema: float | None = None
    validation: float | None = None
    patience: int | None = None
    precision: str = "fp32"
    device: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    strategy: str = "auto"
    seed: int = 0
    checkpoint_seconds: float = 30.0
    tensorboard: bool = False
    progress: bool | None = None

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        for name, (rule, holds) in _RULES.items():
            value = getattr(self, name)
            if not _holds(holds, value):
                raise SpecError(f"{name} must be {rule}; got {_shown(value)}.")
        if self.max_minutes is not None and self.cpu_minutes is not None:
            raise SpecError(
                "max_minutes and cpu_minutes must not be given together: the one is what you wait "
                "for, the other what the processors work; leave one out."
            )
        if self.strategy == "fsdp" and self.precision == "fp16":
            raise SpecError(
                "precision must be 'fp32' or 'bf16' with strategy='fsdp'; got 'fp16', whose "
                "scaled losses are not spread."
            )
        object.__setattr__(self, "seed", int(self.seed))  # of NumPy, which overflows

    @property
    def clock(self) -> Clock:
        """What counts the time that is limited."""
        return time.monotonic if self.cpu_minutes is None else time.process_time

    @property
    def most_seconds(self) -> float | None:
        """The time limit by `clock`, in seconds; ``None`` for none."""
        minutes = self.max_minutes if self.cpu_minutes is None else self.cpu_minutes
        return None if minutes is None else 60 * minutes

    def within(self, seconds: float) -> Self:
        """Return the same with another time limit by the same clock, in seconds."""
        if self.cpu_minutes is None:
            return replace(self, max_minutes=seconds / 60)
        return replace(self, cpu_minutes=seconds / 60)

    def after(self, seconds: float) -> Self:
        """Return the same with what the limit leaves after some seconds, at least a tenth of it.

        Args:
            seconds: By `clock`; what reading took.
        """
        most = self.most_seconds
        return self if most is None else self.within(max(most - seconds, _LEAST_LEFT * most))

    @property
    def items_per_step(self) -> int:
        """The batch size, chosen or by default."""
        return _BATCH_BY_DEFAULT if self.batch_size is None else self.batch_size

    @property
    def held_out(self) -> float:
        """The share of the items that are held out, chosen or by default."""
        return _VALIDATION_BY_DEFAULT if self.validation is None else self.validation

    def epochs(self, items: int) -> int:
        """Passes over a training set of this size."""
        if self.max_epochs is not None:
            return self.max_epochs
        steps = SuggestedSteps(_STEPS_BY_DEFAULT) if self.steps is None else self.steps
        if not isinstance(steps, SuggestedSteps):
            return math.ceil(steps / math.ceil(items / self.items_per_step))
        least, most = _EPOCHS_BY_DEFAULT
        return min(most, max(least, round(steps * self.items_per_step / items)))

    @property
    def most_steps(self) -> float:
        """Steps after which a training ends, within a pass if need be; infinite for none."""
        asked = self.max_epochs is None and self.steps is not None
        is_exact = asked and not isinstance(self.steps, SuggestedSteps)
        return self.steps if is_exact and self.steps is not None else math.inf

    def suggested(self, choices: Mapping[str, Any]) -> Self:
        """Return the same with these choices wherever an option was left ``None``.

        Example:
            >>> TrainConfig(ema=None).suggested({"ema": 0.999}).ema
            0.999
            >>> TrainConfig(ema=0.9).suggested({"ema": 0.999}).ema
            0.9
        """
        open_ones = {k: v for k, v in choices.items() if getattr(self, k) is None}
        if "steps" in open_ones:
            open_ones["steps"] = SuggestedSteps(open_ones["steps"])
        if self.patience is not None:  # which looks at held-out items
            open_ones.pop("validation", None)
        return replace(self, **open_ones)

    def peak_rate(self, model: nn.Module) -> float:
        """Return the largest step size for this model."""
        if self.learning_rate is not None:
            return self.learning_rate
        parts = list(model.modules())
        careful = any(isinstance(part, _CAREFUL_LAYERS) for part in parts)
        own = [float(getattr(part, "peak_rate", math.inf)) for part in parts]
        return min([_CAREFUL_RATE if careful else _RATE_BY_DEFAULT, *own])

    def schedule_identity(self) -> dict[str, Any]:
        """Return the options that a resumed run must share with the one it goes on with."""
        free = {
            "max_minutes",
            "cpu_minutes",
            "checkpoint_seconds",
            "tensorboard",
            "progress",
            "num_nodes",
        }
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in free}


_LEAST_LEFT = 0.1  # of a time limit, where reading took more than all of it


def _shown(value: Any) -> str:
    return text if len(text := repr(value)) < 60 else f"{text[:50]}..."


def _positive(value: Any) -> bool:
    return bool(math.isfinite(value) and value > 0)


def _holds(rule: Any, value: Any) -> bool:
    try:
        return bool(rule(value))
    except (TypeError, ValueError, OverflowError):
        return False


_MOST = 2**31 - 1
_COUNT = f"a whole number from 1 to {_MOST}"
_DEVICES = ("auto", "cpu", "cuda", "gpu", "mps")


def _is_device(name: str) -> bool:
    """Return whether it is known, or registered with Fabric, as packages for other hardware do."""
    if name in _DEVICES:
        return True
    from lightning_fabric.accelerators import ACCELERATOR_REGISTRY

    return name in ACCELERATOR_REGISTRY.available_accelerators()


def _is_count(value: Any) -> bool:
    return bool(1 <= value <= _MOST and value == int(value))


_RULES: dict[str, tuple[str, Any]] = {
    "max_epochs": (f"None or {_COUNT}", lambda v: v is None or _is_count(v)),
    "steps": (f"None or {_COUNT}", lambda v: v is None or _is_count(v)),
    "max_minutes": ("None or positive", lambda v: v is None or _positive(v)),
    "cpu_minutes": ("None or positive", lambda v: v is None or _positive(v)),
    "batch_size": (f"None or {_COUNT}", lambda v: v is None or _is_count(v)),
    "learning_rate": ("None or positive and finite", lambda v: v is None or _positive(v)),
    "warm_up": ("in [0, 1)", lambda v: 0 <= v < 1),
    "weight_decay": ("at least 0 and finite", lambda v: 0 <= v < math.inf),
    "gradient_clip": ("None or positive", lambda v: v is None or _positive(v)),
    "ema": ("None or in [0, 1)", lambda v: v is None or 0 <= v < 1),
    "validation": ("None or in [0, 1)", lambda v: v is None or 0 <= v < 1),
    "patience": (f"None or {_COUNT}", lambda v: v is None or _is_count(v)),
    "device": (f"one of {', '.join(_DEVICES)}, or one that Fabric knows", _is_device),
    "devices": ("a whole number from 1 to 1024", lambda v: _is_count(v) and v <= 1024),
    "num_nodes": ("a whole number from 1 to 4096", lambda v: _is_count(v) and v <= 4096),
    "strategy": ("'auto', 'ddp' or 'fsdp'", lambda v: v in ("auto", "ddp", "fsdp")),
    "seed": (SEED_RULE, is_seed),
    "checkpoint_seconds": ("at least 0", lambda v: v >= 0),
}


_POOL = 50
"""Batches that are drawn at random before their items are sorted by length, at most."""


_EXACT = 2**24
"""Up to here single precision counts every place."""


def spread_places(count: int, most: int) -> Tensor:
    """Return places spread evenly over so many items, all of them where there are no more.

    Example:
        >>> spread_places(7, 3).tolist(), spread_places(2, 3).tolist()
        ([0, 3, 6], [0, 1])
    """
    dtype = torch.float32 if count <= _EXACT else torch.float64
    return torch.linspace(0, count - 1, min(count, most), dtype=dtype).long()


def _as_they_are(rows: Tensor) -> Tensor:
    return rows


class TrainingSet(abc.ABC):
    """What a training learns from: in memory (`Items`), or in files (`StreamedItems`).

    Attributes:
        encode: Rows to x, called for each batch on its device; see `Domain.encode`.
    """

    encode: Callable[[Tensor], Tensor]

    @abc.abstractmethod
    def __len__(self) -> int:
        """Items."""

    @abc.abstractmethod
    def subset(self, index: Tensor) -> Self:
        """Return some of the items; no row is copied."""

    @abc.abstractmethod
    def batch(self, index: Tensor, device: torch.device) -> Batch:
        """Gather, move and encode the items at these places."""

    @property
    @abc.abstractmethod
    def captions(self) -> int:
        """How many rows of context an item has at most."""

    @abc.abstractmethod
    def of_epoch(self, epoch: int) -> Self:
        """Return the items with one row of context each, that of an epoch from 0."""

    @abc.abstractmethod
    def batches(self, size: int, seed: int, epoch: int) -> Sequence[Tensor]:
        """Return places of the items of each batch of an epoch: a function of seed and epoch."""

    @abc.abstractmethod
    def resampled(self) -> Self:
        """Return as many items, each as often as its weight says, and without weights."""

    @abc.abstractmethod
    def split(self, share: float, generator: torch.Generator) -> tuple[Self, Self | None]:
        """Hold out a share of the items, at random; ``None`` where that is less than one."""

    @abc.abstractmethod
    def count_for_training(self, share: float) -> int:
        """Return how many are left for training when a share is held out."""

    @abc.abstractmethod
    def examples(self) -> Tensor:
        """Return rows from which networks can start: all of them, or many spread evenly."""

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Tells other data from the same."""


@dataclass(frozen=True)
class Items(TrainingSet):
    """A training set in memory: rows in their own dtype, encoded batch by batch.

    Attributes:
        rows: All rows, shape (n, ...); images stay uint8.
        encode: Rows to x, called for each batch on its device; see `Domain.encode`.
        context: One row per item; or of several captions of each a row, shape (n, captions, size),
            of which the epochs take one after the other, and everything else the first.
        observed: False marks a missing cell of x.
        lengths: How long each row is, where a batch costs what its longest row does; batches then
            hold rows of about the same length.
        index: Which rows these items are; ``None`` means all. A split shares its rows.
        weights: How much each row counts, above 0; ``None`` for all alike. An epoch has as many
            items as without, but each as often as its weight says.
        groups: A number for each row; rows of one number are held out together. ``None``: each row
            by itself.
    """

    rows: Tensor
    encode: Callable[[Tensor], Tensor] = _as_they_are
    context: Tensor | None = None
    observed: Tensor | None = None
    lengths: Tensor | None = None
    index: Tensor | None = None
    weights: Tensor | None = None
    groups: Tensor | None = None

    def __len__(self) -> int:
        return len(self.rows) if self.index is None else len(self.index)

    def subset(self, index: Tensor) -> Self:
        """Return some of the items; no row is copied."""
        return replace(self, index=index if self.index is None else self.index[index])

    def batch(self, index: Tensor, device: torch.device) -> Batch:
        """Gather, move and encode the items at these places."""
        if self.index is not None:
            index = self.index[index]
        x = self.encode(self.rows.index_select(0, index).to(device))
        context = self.context
        if context is not None and context.ndim == 3:
            context = context[:, 0]
        return Batch(x, _rows(context, index, device), _rows(self.observed, index, device))

    @property
    def captions(self) -> int:
        """How many rows of context an item has at most."""
        return self.context.shape[1] if self.context is not None and self.context.ndim == 3 else 1

    def of_epoch(self, epoch: int) -> Self:
        """Return the items with one row of context each, that of an epoch from 0.

        Neighbouring items take different ones, so that a batch has all kinds.

        Example:
            >>> items = Items(torch.zeros(2, 1), context=torch.arange(4.0).view(2, 2, 1))
            >>> items.of_epoch(1).context
            tensor([[1.],
                    [2.]])
        """
        if self.context is None or self.context.ndim < 3:
            return self
        rows = torch.arange(len(self.context))
        return replace(self, context=self.context[rows, (rows + epoch) % self.captions])

    def batches(self, size: int, seed: int, epoch: int) -> list[Tensor]:
        """Return places of the items of each batch of an epoch: a function of seed and epoch.

        Example:
            >>> items = Items(torch.zeros(400, 1), lengths=torch.arange(400) % 2)
            >>> [set(items.lengths[positions].tolist()) for positions in items.batches(2, 0, 0)][:3]
            [{0}, {1}, {1}]
        """
        order = epoch_order(len(self), seed, epoch)
        if self.weights is not None:
            offset = torch.rand((), generator=epoch_generator(seed, epoch), dtype=torch.float64)
            order = self._places(float(offset))[order]
        if self.lengths is None:
            return split_batches(order, size)
        lengths = self.lengths if self.index is None else self.lengths[self.index]
        # a tenth of an epoch at most: few items, all sorted, would teach one length after the other
        pool = max(1, min(_POOL, len(order) // (10 * size)))
        pools = order.split(pool * size)
        alike = torch.cat([pool[lengths[pool].argsort(stable=True)] for pool in pools])
        batches = split_batches(alike, size)
        return [batches[place] for place in epoch_order(len(batches), seed, epoch).tolist()]

    def resampled(self) -> Self:
        """Return as many items, each as often as its weight says, and without weights."""
        if self.weights is None:
            return self
        return replace(self.subset(self._places(0.5)), weights=None)

    def _places(self, offset: float) -> Tensor:
        assert self.weights is not None
        own = self.weights if self.index is None else self.weights[self.index]
        return weighted_places(own, offset)

    def split(self, share: float, generator: torch.Generator) -> tuple[Self, Self | None]:
        """Hold out a share of the items, at random; ``None`` where that is less than one.

        Of items with groups, whole ones are held out, in random order as long as they fit.

        Example:
            >>> items = Items(torch.zeros(6, 1), groups=torch.tensor([0, 0, 1, 1, 2, 2]))
            >>> learned, held_out = items.split(0.4, torch.Generator().manual_seed(0))
            >>> held_out.index.tolist()
            [4, 5]
        """
        count = int(len(self) * share)
        if count == 0:
            return self, None
        if self.groups is not None:
            return self._split_groups(self.groups, count, generator)
        order = torch.randperm(len(self), generator=generator)
        return self.subset(_sorted(order[count:])), self.subset(_sorted(order[:count]))

    def _split_groups(
        self, groups: Tensor, count: int, generator: torch.Generator
    ) -> tuple[Self, Self | None]:
        own = groups if self.index is None else groups[self.index]
        kinds, of_kind = own.unique(return_inverse=True)
        sizes = of_kind.bincount().tolist()
        is_held = torch.zeros(len(kinds), dtype=torch.bool)
        for kind in torch.randperm(len(kinds), generator=generator).tolist():
            if sizes[kind] <= count:
                is_held[kind] = True
                count -= sizes[kind]
        held = is_held[of_kind]
        if not held.any():
            return self, None
        return self.subset((~held).nonzero().squeeze(1)), self.subset(held.nonzero().squeeze(1))

    def count_for_training(self, share: float) -> int:
        """Return how many are left for training when a share is held out."""
        return len(self) - round(share * len(self))

    def examples(self) -> Tensor:
        """All rows."""
        return self.rows

    def fingerprint(self) -> str:
        """Shape, dtype and checksum of all rows: tells other data from the same."""
        parts = [self.rows, self.context, self.observed, self.weights, self.groups]
        sums = [_checksum(part) for part in parts if part is not None]
        return f"{tuple(self.rows.shape)} {self.rows.dtype} {sums}"


def _sorted(places: Tensor) -> Tensor:
    """Return places in their order; PyTorch's own sorting takes as much memory again."""
    return torch.from_numpy(np.sort(places.numpy()))


def _checksum(rows: Tensor) -> int:
    """Return the checksum of all rows in their order, without a copy of them all."""
    found = 0
    for part in rows.split(_ROWS_AT_ONCE):
        found = zlib.crc32(part.contiguous().numpy().data, found)
    return found


_ROWS_AT_ONCE = 4096


def _rows(values: Tensor | None, index: Tensor, device: torch.device) -> Tensor | None:
    return None if values is None else values.index_select(0, index).to(device)


def epoch_order(items: int, seed: int, epoch: int) -> Tensor:
    """Return the order of one epoch: a function of seed and epoch, so it need not be stored."""
    return torch.randperm(items, generator=epoch_generator(seed, epoch))


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Return the source of randomness of the order of one epoch."""
    return torch.Generator().manual_seed(seed * 1_000_003 + epoch)


def count_batches(items: int, batch_size: int) -> int:
    """Return how many batches `split_batches` makes.

    Example:
        >>> count_batches(9, 4), count_batches(10, 4), count_batches(1, 4)
        (2, 3, 1)
    """
    count = math.ceil(items / batch_size)
    left = items - (count - 1) * batch_size
    return count - (left == 1 and count > 1)


def split_batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """Cut an order into batches; a last batch of one joins the one before it.

    One item alone has no batch statistics, and would weigh as much as a whole batch.
    """
    batches = list(order.split(batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [order[-len(batches[-2]) - 1 :]]
    return batches
