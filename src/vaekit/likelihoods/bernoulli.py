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
        """x·logits - softplus(logits), summed over the observed cells.

        The same number as the distribution's own log_prob, in fewer passes over memory: this is
        the largest tensor of the training step.
        """
        logits: Tensor = px.logits  # type: ignore[attr-defined]
        if batch.observed is not None:
            return sum_observed(px.log_prob(batch.visible), batch)
        logits = logits.flatten(2)
        product: Tensor = torch.linalg.vecdot(logits, batch.x.flatten(1))
        return product - F.softplus(logits).sum(-1)

    def point(self, px: Distribution) -> Tensor:
        """The mean."""
        return px.mean

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """The logits of the mean, with always-black pixels kept at 0.1 %."""
        return torch.logit(mean, eps=1e-3).unsqueeze(0)
