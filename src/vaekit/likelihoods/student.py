"""The Student likelihood, for data with outliers."""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, StudentT

from vaekit.likelihoods.base import Elementwise

__all__ = ["Student"]

_FLOOR = 1e-2
_MIN_FREEDOM = 2.0  # below 2 the variance is infinite; below 1 there is no mean to show


class Student(Elementwise):
    """Student-t noise with learned scale and degrees of freedom, shared or per feature.

    Args:
        shape: ``()`` for one noise for all values, the event shape for one per feature.

    Source: Takahashi et al. 2018, "Student-t variational autoencoder for robust density
    estimation" (there both come from the decoder; here they are parameters, which cannot
    collapse onto single points).

    Example:
        >>> Student()(torch.zeros(1, 3, 1, 4)).mean.shape
        torch.Size([1, 3, 4])
    """

    support: ClassVar[str] = "real"

    def __init__(self, shape: Sequence[int] = ()) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.raw_scale = nn.Parameter(torch.full(self.shape, 0.5))
        self.raw_freedom = nn.Parameter(torch.full(self.shape, 3.0))

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the features as centres."""
        freedom = F.softplus(self.raw_freedom) + _MIN_FREEDOM
        scale = F.softplus(self.raw_scale) + _FLOOR
        return StudentT(freedom, features.squeeze(2), scale, validate_args=False)

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """The mean itself."""
        return mean.unsqueeze(0)
