"""The discretised logistic likelihood."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import DiscretisedLogistic as DiscretisedLogisticDistribution
from vaekit.likelihoods.base import Elementwise

__all__ = ["DiscretisedLogistic"]

_LOG_SCALE_BOUNDS = (-7.0, 3.0)
_INITIAL_LOG_SCALE = -2.0


class DiscretisedLogistic(Elementwise):
    """A logistic density over the grey levels, with a centre and a width for every value.

    Args:
        levels: Number of grey levels on [0, 1], at least 2; 256 for 8-bit images.

    Source: Kingma et al. 2016, eq. 10.

    Example:
        >>> px = DiscretisedLogistic(256)(torch.zeros(1, 3, 2, 4))
        >>> px.mean.shape
        torch.Size([1, 3, 4])
    """

    support: ClassVar[str] = "unit"

    def __init__(self, levels: int = 256) -> None:
        super().__init__(features_per_value=2)
        if levels < 2:
            raise ValueError(f"levels must be at least 2; got {levels}.")
        self.levels = levels

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the two features of a value as its centre and its log scale."""
        loc, raw = features.unbind(dim=2)
        log_scale = (raw + _INITIAL_LOG_SCALE).clamp(*_LOG_SCALE_BOUNDS)
        return DiscretisedLogisticDistribution(loc, log_scale, self.levels)

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """The mean as centre."""
        return torch.stack([mean, torch.zeros_like(mean)])
