"""An objective for a training that goes on where another ended."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from torch import nn

from vaekit.models import Model
from vaekit.objectives.base import Objective, Pace
from vaekit.types import Batch, Clock, Update

__all__ = ["Arrived"]


class Arrived(Objective):
    """Another objective whose schedules all stand where they end.

    A weight of the KL that rises from 0 lets new latents come to life; latents that are alive
    would lose the shape that they were given.

    Args:
        objective: The other one.

    Example:
        >>> from vaekit.objectives import Linear, elbo
        >>> Arrived(elbo(Linear(0.0, 0.5)))
        Arrived(Sum(reconstruction + Linear(start=0.0, end=0.5, share=1.0, steps=None) * kl))
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    @property
    def requires(self) -> frozenset[str]:
        """What the other one does."""
        return self.objective.requires

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """Those of the other one."""
        return self.objective.groups(model)

    def pace(self, group: str) -> Pace:
        """That of the other one."""
        return self.objective.pace(group)

    @property
    def settled(self) -> bool:
        """Whether the other one is."""
        return self.objective.settled

    def losses(self, model: Model, batch: Batch, clock: Clock) -> Iterator[Update]:
        """Those of the other one at the end of its time."""
        return self.objective.losses(model, batch, replace(clock, step=clock.total))

    def __repr__(self) -> str:
        """Name what it wraps."""
        return f"Arrived({self.objective!r})"
