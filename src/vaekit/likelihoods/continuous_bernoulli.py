"""The continuous Bernoulli likelihood."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import ContinuousBernoulli as ContinuousBernoulliDistribution
from vaekit.likelihoods.base import Elementwise

__all__ = ["ContinuousBernoulli"]

_EDGE = 0.01  # means beyond it need logits beyond ±100
_HALVINGS = 30


class ContinuousBernoulli(Elementwise):
    """The Bernoulli's shape, normalised over [0, 1].

    Source: Loaiza-Ganem & Cunningham 2019, "The continuous Bernoulli: fixing a pervasive error
    in variational autoencoders".

    Example:
        >>> px = ContinuousBernoulli()(torch.zeros(1, 3, 1, 4))
        >>> bool(torch.allclose(px.mean, torch.tensor(0.5)))
        True
    """

    support: ClassVar[str] = "unit"

    def __init__(self) -> None:
        super().__init__()

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the features as logits."""
        return ContinuousBernoulliDistribution(features.squeeze(2))

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """The logits of that mean, found by bisection: they have no closed form."""
        target = mean.clamp(_EDGE, 1 - _EDGE)
        low, high = torch.full_like(mean, -1 / _EDGE), torch.full_like(mean, 1 / _EDGE)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            too_dark = ContinuousBernoulliDistribution(middle).mean < target
            low, high = torch.where(too_dark, middle, low), torch.where(too_dark, high, middle)
        return middle.unsqueeze(0)
