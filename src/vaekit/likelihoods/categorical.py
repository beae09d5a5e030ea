"""The categorical likelihood."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical as CategoricalDistribution
from torch.distributions import Distribution

from vaekit.likelihoods.base import Likelihood, sum_observed
from vaekit.types import Batch

__all__ = ["Categorical"]


class Categorical(Likelihood):
    """Each value is one of K unordered codes 0 … K-1 (stored as whole floats).

    Args:
        num_classes: K, at least 2.

    Example:
        >>> px = Categorical(5)(torch.zeros(1, 3, 5, 4))
        >>> round(px.log_prob(torch.tensor(2.0)).exp().mean().item(), 3)
        0.2
    """

    support: ClassVar[str] = "codes"
    smooth: ClassVar[bool] = False

    def __init__(self, num_classes: int) -> None:
        super().__init__(features_per_value=num_classes)
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2; got {num_classes}.")
        self.num_classes = num_classes

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the features as logits of the K codes."""
        return CategoricalDistribution(logits=features.movedim(2, -1), validate_args=False)

    def log_prob(self, px: Distribution, batch: Batch) -> Float[Tensor, "draws batch"]:
        """Sum the log-probabilities of the observed codes."""
        return sum_observed(px.log_prob(batch.visible), batch)

    def point(self, px: Distribution) -> Tensor:
        """The most probable code: the mean of unordered codes is no code."""
        return px.mode.to(torch.get_default_dtype())

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """Equal odds: the mean of unordered codes says nothing about them."""
        return mean.new_zeros(self.num_classes, *mean.shape)
