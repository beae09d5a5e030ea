"""The options of a training run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from torch import nn

from vaekit.errors import SpecError, unknown_name

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


@dataclass(frozen=True)
class TrainConfig:
    """How to train; every field has a default that works.

    Attributes:
        max_epochs: Passes over the training items; ``None`` takes as many as give about ``steps``
            steps, but 10 to 300.
        steps: About how many steps, where ``max_epochs`` leaves it open; ``None`` takes the
            preset's choice, or 2,400.
        max_minutes: Stop after this time; the learning rate then comes down in time.
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
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        devices: How many devices, or processes on a CPU.
        strategy: ``"auto"`` or ``"ddp"``; how several devices work together.
        seed: Seed of weights, order and noise.
        checkpoint_seconds: Time between checkpoints, where a folder for them is given.
        tensorboard: Also log for TensorBoard (extra ``tensorboard``).
        progress: Show a progress bar; ``None`` does so on a terminal.
    """

    max_epochs: int | None = None
    steps: int | None = None
    max_minutes: float | None = None
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
                raise SpecError(f"{name} must be {rule}; got {value!r}.")

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
        least, most = _EPOCHS_BY_DEFAULT
        steps = _STEPS_BY_DEFAULT if self.steps is None else self.steps
        return min(most, max(least, round(steps * self.items_per_step / items)))

    def suggested(self, choices: Mapping[str, Any]) -> Self:
        """Return the same with these choices wherever an option was left ``None``.

        Example:
            >>> TrainConfig(ema=None).suggested({"ema": 0.999}).ema
            0.999
            >>> TrainConfig(ema=0.9).suggested({"ema": 0.999}).ema
            0.9
        """
        open_ones = {k: v for k, v in choices.items() if getattr(self, k) is None}
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
        free = {"max_minutes", "checkpoint_seconds", "tensorboard", "progress"}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in free}


def _positive(value: Any) -> bool:
    return bool(math.isfinite(value) and value > 0)


def _holds(rule: Any, value: Any) -> bool:
    try:
        return bool(rule(value))
    except TypeError:
        return False


_RULES: dict[str, tuple[str, Any]] = {
    "max_epochs": (
        "None or a whole number of at least 1",
        lambda v: v is None or (v >= 1 and v == int(v)),
    ),
    "steps": (
        "None or a whole number of at least 1",
        lambda v: v is None or (v >= 1 and v == int(v)),
    ),
    "max_minutes": ("None or positive", lambda v: v is None or _positive(v)),
    "batch_size": (
        "None or a whole number of at least 1",
        lambda v: v is None or (v >= 1 and v == int(v)),
    ),
    "learning_rate": ("None or positive and finite", lambda v: v is None or _positive(v)),
    "warm_up": ("in [0, 1)", lambda v: 0 <= v < 1),
    "weight_decay": ("at least 0", lambda v: v >= 0),
    "gradient_clip": ("None or positive", lambda v: v is None or _positive(v)),
    "ema": ("None or in [0, 1)", lambda v: v is None or 0 <= v < 1),
    "validation": ("None or in [0, 1)", lambda v: v is None or 0 <= v < 1),
    "patience": ("None or a whole number of at least 1", lambda v: v is None or v >= 1),
    "devices": ("a whole number of at least 1", lambda v: v >= 1 and v == int(v)),
    "strategy": ("'auto' or 'ddp'", lambda v: v in ("auto", "ddp")),
    "seed": ("a whole number of at least 0", lambda v: v >= 0 and v == int(v)),
    "checkpoint_seconds": ("at least 0", lambda v: v >= 0),
}
