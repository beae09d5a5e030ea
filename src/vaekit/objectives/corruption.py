"""Ways to spoil what an encoder sees."""

import abc
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vaekit.errors import SpecError

__all__ = ["AddNoise", "Corruption", "HideValues"]


class Corruption(abc.ABC):
    """Spoils items at random; their shape stays."""

    @abc.abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """The spoilt items; reads the global random stream."""


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
        """Some values zero."""
        return x * (torch.rand_like(x) >= self.share)
