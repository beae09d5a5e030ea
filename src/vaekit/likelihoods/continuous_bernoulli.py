"""The continuous Bernoulli likelihood."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import ContinuousBernoulli as ContinuousBernoulliDistribution
from torch.distributions import Distribution

from vaekit.likelihoods.base import Elementwise

__all__ = ["ContinuousBernoulli"]


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
        return ContinuousBernoulliDistribution(logits=features.squeeze(2), validate_args=False)

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """The logits of the mean: near the parameter of that mean, which has no closed form."""
        return torch.logit(mean, eps=1e-2).unsqueeze(0)
