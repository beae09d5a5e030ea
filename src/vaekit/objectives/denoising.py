"""Objectives of denoising: diffusion, flow matching, denoising autoencoders."""

import abc
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaekit.distributions.noise_paths import TIMES, draw_times, find_path
from vaekit.errors import CompositionError, SpecError, unknown_name
from vaekit.models.samplers import Diffusion
from vaekit.models.vae import Model
from vaekit.objectives.base import Objective
from vaekit.types import Batch, TrainingProgress, Update


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

    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield the one update."""
        field = _diffusion_of(model)
        x = field.standardize(batch.visible)
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


class Corruption(abc.ABC):
    """Spoils items at random; their shape stays."""

    @abc.abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Return the spoilt items; reads the global random stream."""


@dataclass(frozen=True)
class AddNoise(Corruption):
    """Adds Gaussian noise.

    Attributes:
        scale: Its standard deviation, positive, in the units of the networks.
    """

    scale: float = 0.3

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise SpecError(f"scale must be positive and finite; got {self.scale}.")

    def __call__(self, x: Tensor) -> Tensor:
        """Every value moved."""
        return x + self.scale * torch.randn_like(x)


@dataclass(frozen=True)
class HideValues(Corruption):
    """Sets values to zero.

    Attributes:
        share: Share of the values hidden, in (0, 1).
    """

    share: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise SpecError(f"share must be in (0, 1); got {self.share}.")

    def __call__(self, x: Tensor) -> Tensor:
        """Return some values zero."""
        return x * (torch.rand_like(x) >= self.share)


@dataclass(frozen=True)
class HideColumns(Corruption):
    """Hides whole columns of rows, of each row others, as if they were missing.

    Attributes:
        columns: The places of each column's cells; ``None`` takes every value for a column.
        most: Of each row a share is hidden that is drawn between 0 and this, in (0, 1].

    Source: Ivanov et al. 2019, "Variational autoencoder with arbitrary conditioning".

    Example:
        >>> hide = HideColumns(((0, 2), (1,)), most=1.0)
        >>> _ = torch.manual_seed(0)
        >>> x = hide(torch.ones(500, 3))
        >>> bool((x[:, 0] == x[:, 2]).all()), bool((x[:, 0] == x[:, 1]).all())
        (True, False)
    """

    columns: Sequence[Sequence[int]] | None = None
    most: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.most <= 1:
            raise SpecError(f"most must be in (0, 1]; got {self.most}.")

    def __call__(self, x: Tensor) -> Tensor:
        """Return the cells of hidden columns 0."""
        columns = self.columns or [[place] for place in range(x[0].numel())]
        share = self.most * torch.rand(len(x), 1, device=x.device)
        seen = torch.rand(len(x), len(columns), device=x.device) >= share
        owner = torch.empty(x[0].numel(), dtype=torch.long, device=x.device)
        for number, positions in enumerate(columns):
            owner[list(positions)] = number
        return x * seen[:, owner].view_as(x)
