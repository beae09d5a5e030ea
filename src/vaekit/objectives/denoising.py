"""What teaches a velocity field: items and noise, and the way between them."""

from collections.abc import Iterator

import torch

from vaekit.distributions import TIMES, draw_times, find_path
from vaekit.errors import CompositionError, unknown_name
from vaekit.models import Diffusion, Model
from vaekit.objectives.base import Objective
from vaekit.types import Batch, Clock, Update

__all__ = ["Denoising"]


class Denoising(Objective):
    """Mean squared error of the velocity, over all times.

    Args:
        times: ``"uniform"``, or ``"logit_normal"``, which looks most at the middle of the way,
            where the velocity is hardest to tell.

    Raises:
        SpecError: Unknown times.

    Source: Ho et al. 2020, eq. 14 (in v for epsilon); Lipman et al. 2023, eq. 9; Esser et al.
    2024, "Scaling rectified flow transformers", section 3.1 (logit-normal).
    """

    def __init__(self, times: str = "uniform") -> None:
        super().__init__()
        if times not in TIMES:
            raise unknown_name("times", times, TIMES)
        self.times = times

    @property
    def requires(self) -> frozenset[str]:
        """A velocity field."""
        return frozenset({"velocity"})

    def losses(self, model: Model, batch: Batch, clock: Clock) -> Iterator[Update]:
        """Yield the one update."""
        field = _diffusion_of(model)
        x = field.standardise(batch.visible)
        t = draw_times(self.times, x)
        a, s, da, ds = (v.view(-1, *[1] * (x.dim() - 1)) for v in find_path(field.path)(t))
        noise = torch.randn_like(x)
        error = field.velocity(a * x + s * noise, t, batch.context) - (da * x + ds * noise)
        loss = error.square().mean()
        yield Update({"model": loss}, {"loss": loss.detach()})


def _diffusion_of(model: Model) -> Diffusion:
    if not isinstance(model, Diffusion):
        raise CompositionError(f"Denoising trains a Diffusion; got {type(model).__name__}.")
    return model
