"""The Bernoulli likelihood."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli as BernoulliDistribution
from torch.distributions import Distribution

from vaekit.likelihoods.base import Likelihood, sum_observed
from vaekit.types import Batch

__all__ = ["Bernoulli"]


class Bernoulli(Likelihood):
    """Independent coins; for grey values between 0 and 1 it is the usual cross-entropy.

    On grey values it is no density of x (it does not integrate to 1 over [0, 1]); its nats
    compare with other Bernoulli models only. `ContinuousBernoulli` is the normalised kin.

    Source: Kingma & Welling 2014, appendix C.1.

    Example:
        >>> px = Bernoulli()(torch.zeros(1, 3, 1, 4))
        >>> px.mean.shape
        torch.Size([1, 3, 4])
    """

    support: ClassVar[str] = "unit"

    def __init__(self) -> None:
        super().__init__()

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the features as logits."""
        return BernoulliDistribution(logits=features.squeeze(2), validate_args=False)

    def log_prob(self, px: Distribution, batch: Batch) -> Float[Tensor, "draws batch"]:
        """Minus the cross-entropy, summed over the observed cells.

        The distribution's own log_prob says the same in more passes over what is the largest
        tensor of the training step.
        """
        logits: Tensor = px.logits  # type: ignore[attr-defined]
        logits, target = torch.broadcast_tensors(logits, batch.visible)
        cost = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return -sum_observed(cost, batch)

    def point(self, px: Distribution) -> Tensor:
        """The mean."""
        return px.mean

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """The logits of the mean, with always-black pixels kept at 0.1 %."""
        return torch.logit(mean, eps=1e-3).unsqueeze(0)
