"""Schedules that outlast the training they are part of."""

from collections.abc import Iterator
from typing import Any

from vaekit.objectives.schedules import Cosine, Linear
from vaekit.spec import arguments, registry

__all__ = ["overrunning"]


def overrunning(objective: Any, total: int) -> list[Linear | Cosine]:
    """The schedules anywhere in an objective whose way takes more steps than there are.

    Args:
        objective: An objective, or a part of one.
        total: Optimiser steps planned.

    Example:
        >>> from vaekit.objectives import elbo
        >>> overrunning(elbo(Linear(0.0, 1.0, steps=500)), total=100)
        [Linear(start=0.0, end=1.0, share=1.0, steps=500)]
    """
    return [s for s in _schedules(objective) if s.steps is not None and s.steps > total]


def _schedules(part: Any) -> Iterator[Linear | Cosine]:
    if isinstance(part, Linear | Cosine):
        yield part
    elif isinstance(part, tuple | list):
        for item in part:
            yield from _schedules(item)
    elif type(part) in registry().values():
        yield from _schedules(list(arguments(part).values()))
