"""Structural similarity as an energy."""

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import Delta
from vaekit.likelihoods.base import Likelihood
from vaekit.similarity import ms_ssim
from vaekit.types import Batch

__all__ = ["StructuralSimilarity"]


class StructuralSimilarity(Likelihood):
    """Images that look alike cost little: weight times (1 - MS-SSIM). No density.

    Args:
        weight: Nats that the whole way from equal to unrelated images costs, positive.

    Source: Wang et al. 2003, "Multi-scale structural similarity"; Snell et al. 2017.

    Example:
        >>> likelihood = StructuralSimilarity()
        >>> px = likelihood(torch.zeros(1, 2, 1, 1, 16, 16))
        >>> likelihood.log_prob(px, Batch(torch.full((2, 1, 16, 16), 0.5))).abs().max() < 1e-3
        tensor(True)
    """

    normalised: ClassVar[bool] = False
    support: ClassVar[str] = "image"

    def __init__(self, weight: float = 300.0) -> None:
        super().__init__()
        if not (math.isfinite(weight) and weight > 0):
            raise ValueError(f"weight must be positive and finite; got {weight}.")
        self.weight = weight

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the features as logits of the image."""
        return Delta(torch.sigmoid(features.squeeze(2)), event_dim=0)

    def log_prob(self, px: Distribution, batch: Batch) -> Float[Tensor, "draws batch"]:
        """Minus the cost; a missing pixel counts as the one shown, which costs nothing."""
        shown = px.mean
        target = batch.visible.expand_as(shown)
        if batch.observed is not None:
            target = torch.where(batch.observed, target, shown.detach())
        alike = ms_ssim(shown.flatten(0, 1), target.flatten(0, 1), edges=True)
        return -self.weight * (1 - alike).view(shown.shape[:2])

    def point(self, px: Distribution) -> Tensor:
        """The image."""
        return px.mean

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """The logits of the mean, kept off black and white."""
        return torch.logit(mean, eps=1e-3).unsqueeze(0)
