"""Likelihoods of single values: Bernoulli, categorical, discretized logistic, Student; and SSIM."""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli as BernoulliDistribution,
)
from torch.distributions import (
    Categorical as CategoricalDistribution,
)
from torch.distributions import (
    Distribution,
    StudentT,
)

from vaekit.distributions.gaussian import Delta
from vaekit.distributions.pixels import (
    ContinuousBernoulliDistribution,
    DiscretizedLogisticDistribution,
)
from vaekit.likelihoods.base import (
    CODES,
    IMAGE,
    REAL,
    UNIT,
    Elementwise,
    Likelihood,
    Support,
    sum_observed,
)
from vaekit.ssim import ms_ssim
from vaekit.types import Batch


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

    support: ClassVar[Support] = UNIT

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
        """Return the mean."""
        return px.mean

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """Return the logits of the mean, with always-black pixels kept at 0.1 %."""
        return torch.logit(mean, eps=1e-3).unsqueeze(0)


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

    support: ClassVar[Support] = UNIT

    def __init__(self) -> None:
        super().__init__()

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the features as logits."""
        return ContinuousBernoulliDistribution(features.squeeze(2))

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """Return the logits of that mean, found by bisection: they have no closed form."""
        target = mean.clamp(_EDGE, 1 - _EDGE)
        low, high = torch.full_like(mean, -1 / _EDGE), torch.full_like(mean, 1 / _EDGE)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            too_dark = ContinuousBernoulliDistribution(middle).mean < target
            low, high = torch.where(too_dark, middle, low), torch.where(too_dark, high, middle)
        return middle.unsqueeze(0)


class Categorical(Likelihood):
    """Each value is one of K unordered codes 0 … K-1 (stored as whole floats).

    Args:
        num_classes: K, at least 2.

    Example:
        >>> px = Categorical(5)(torch.zeros(1, 3, 5, 4))
        >>> round(px.log_prob(torch.tensor(2.0)).exp().mean().item(), 3)
        0.2
    """

    support: ClassVar[Support] = CODES
    smooth: ClassVar[bool] = False

    @classmethod
    def for_shape(cls, event_shape: tuple[int, ...]) -> "Categorical":
        """Return one for bytes."""
        return cls(256)

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
        """Return the most probable code: the mean of unordered codes is no code."""
        return px.mode.to(torch.get_default_dtype())

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """Equal odds: the mean of unordered codes says nothing about them."""
        return mean.new_zeros(self.num_classes, *mean.shape)


_LOG_SCALE_BOUNDS = (-7.0, 3.0)
_INITIAL_LOG_SCALE = -2.0


class DiscretizedLogistic(Elementwise):
    """A logistic density over the grey levels, with a centre and a width for every value.

    Args:
        levels: Number of grey levels on [0, 1], at least 2; 256 for 8-bit images.

    Source: Kingma et al. 2016, eq. 10.

    Example:
        >>> px = DiscretizedLogistic(256)(torch.zeros(1, 3, 2, 4))
        >>> px.mean.shape
        torch.Size([1, 3, 4])
    """

    support: ClassVar[Support] = UNIT

    def __init__(self, levels: int = 256) -> None:
        super().__init__(features_per_value=2)
        if levels < 2:
            raise ValueError(f"levels must be at least 2; got {levels}.")
        self.levels = levels

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the two features of a value as its centre and its log scale."""
        loc, raw = features.unbind(dim=2)
        log_scale = (raw + _INITIAL_LOG_SCALE).clamp(*_LOG_SCALE_BOUNDS)
        return DiscretizedLogisticDistribution(loc, log_scale, self.levels)

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """Return the mean as centre."""
        return torch.stack([mean, torch.zeros_like(mean)])


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

    support: ClassVar[Support] = REAL

    @classmethod
    def for_shape(cls, event_shape: tuple[int, ...]) -> "Student":
        """Return one with a noise for each feature."""
        return cls(event_shape)

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
        """Return the mean itself."""
        return mean.unsqueeze(0)


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

    normalized: ClassVar[bool] = False
    support: ClassVar[Support] = IMAGE

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
        """Return the image."""
        return px.mean

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """Return the logits of the mean, kept off black and white."""
        return torch.logit(mean, eps=1e-3).unsqueeze(0)
