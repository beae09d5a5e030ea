"""A likelihood of sets, in which the order of points has no part."""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import Delta
from vaekit.likelihoods import Likelihood
from vaekit.likelihoods.base import Support
from vaekit.types import Batch

CLOUD = Support(
    "cloud",
    "sets of points with real coordinates",
    lambda x: bool(x.isfinite().all()),
    torch.randn,
)


class Chamfer(Likelihood):
    """Points near each other cost little: squared distances to the nearest, both ways. No density.

    Args:
        weight: Nats that a squared distance of 1 costs, positive.

    Source: Fan et al. 2017, "A point set generation network for 3D object reconstruction".

    Example:
        >>> Chamfer()(torch.zeros(1, 3, 1, 5, 2)).mean.shape
        torch.Size([1, 3, 5, 2])
    """

    normalized: ClassVar[bool] = False
    support: ClassVar[Support] = CLOUD

    def __init__(self, weight: float = 30.0) -> None:
        super().__init__()
        if not (math.isfinite(weight) and weight > 0):
            raise ValueError(f"weight must be positive and finite; got {weight}.")
        self.weight = weight

    def forward(self, features: Tensor) -> Distribution:
        """Return the decoded clouds."""
        return Delta(features.squeeze(2), event_dim=0)

    def log_prob(self, px: Distribution, batch: Batch) -> Tensor:
        """Return minus the weighted distances, shape (draws, batch)."""
        made, real = px.mean.flatten(2, -2), batch.visible.flatten(1, -2)
        apart = (made.unsqueeze(-2) - real.unsqueeze(-3)).square().sum(-1)
        return -self.weight * (apart.amin(-1).sum(-1) + apart.amin(-2).sum(-1))

    def point(self, px: Distribution) -> Tensor:
        """Return the decoded clouds."""
        return px.mean

    def initial_features(self, mean: Tensor) -> Tensor:
        """Return the mean points."""
        return mean.unsqueeze(0)
