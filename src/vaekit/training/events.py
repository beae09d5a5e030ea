"""What a running training tells the outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from vaekit.models import Model

__all__ = ["Callback", "Event"]


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
