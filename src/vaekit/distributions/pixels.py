"""Distributions of pixel values: the continuous Bernoulli and the discretized logistic."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.utils import broadcast_all

_SMALL = 0.05  # below it the closed forms cancel, and their series are exact to float precision


class ContinuousBernoulliDistribution(Distribution):
    """p(x) proportional to exp(logit · x) on [0, 1].

    ``torch.distributions.ContinuousBernoulli`` turns its logits into probabilities and clamps
    them to float precision: beyond logits of ±16 its density no longer integrates to 1 and its
    mean never gets below 0.06, so that no pixel could be black.

    Args:
        logits: Natural parameter, any shape.

    Source: Loaiza-Ganem & Cunningham 2019, eq. 5-8, in natural form.

    Example:
        >>> ContinuousBernoulliDistribution(torch.tensor([-100.0, 0.0, 100.0])).mean
        tensor([0.0100, 0.5000, 0.9900])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    def _parts(self) -> tuple[Tensor, Tensor]:
        """Return whether each logit is small, and the logits with the small ones out of harm's way.

        Both branches of a ``where`` are differentiated, so neither may divide by 0.
        """
        small = self.logits.abs() < _SMALL
        return small, torch.where(small, torch.ones_like(self.logits), self.logits)

    def _log_partition(self) -> Tensor:
        """log((exp(logit) - 1) / logit)."""
        small, safe = self._parts()
        size = safe.abs()
        exact = safe.clamp_min(0) + torch.log1p(-torch.exp(-size)) - torch.log(size)
        series = self.logits / 2 + self.logits.square() / 24
        return torch.where(small, series, exact)

    @property
    def mean(self) -> Tensor:
        """1 / (1 - exp(-logit)) - 1 / logit."""
        small, safe = self._parts()
        size = safe.abs()
        positive = -1 / torch.expm1(-size) - 1 / size
        exact = torch.where(safe > 0, positive, 1 - positive)
        return torch.where(small, 0.5 + self.logits / 12, exact)

    @property
    def variance(self) -> Tensor:
        """1 / logit² - 1 / (4 sinh²(logit / 2))."""
        small, safe = self._parts()
        exact = safe.square().reciprocal() - 0.25 / torch.sinh(safe.clamp(-80, 80) / 2).square()
        return torch.where(small, torch.full_like(safe, 1 / 12), exact)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw by the inverse of the distribution function."""
        shape = self._extended_shape(sample_shape)
        uniform = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        small, safe = self._parts()
        size = safe.abs()
        # For a negative logit the density is mirrored.
        upper = 1 + torch.log(uniform + (1 - uniform) * torch.exp(-size)) / size
        exact = torch.where(safe > 0, upper, 1 - upper)
        return torch.where(small, uniform, exact).clamp(0, 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats."""
        return self.logits * value - self._log_partition()


class DiscretizedLogisticDistribution(Distribution):
    """A logistic density, integrated over the bins of an even grid on [0, 1].

    Values are ``j / (levels - 1)`` for j = 0 … levels - 1; the two outer bins take the tails, so
    the probabilities of all levels sum to 1.

    Args:
        loc: Centre, in the units of the grid (0 to 1).
        log_scale: Log of the logistic's scale.
        levels: Number of grid values, at least 2; 256 for 8-bit images.

    Source: Kingma et al. 2016, "Improved variational inference with inverse autoregressive
    flow", eq. 10; Salimans et al. 2017, PixelCNN++, eq. 2.

    Example:
        >>> d = DiscretizedLogisticDistribution(torch.tensor(0.4), torch.tensor(-2.0), levels=4)
        >>> round(d.log_prob(torch.arange(4) / 3).exp().sum().item(), 5)
        1.0
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, loc: Tensor, log_scale: Tensor, levels: int = 256) -> None:
        self.loc, self.log_scale = broadcast_all(loc, log_scale)
        self.levels = levels
        super().__init__(self.loc.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The exact mean, in [0, 1].

        For a count J of levels, E[J] is the sum of P(J > j); one pass per edge keeps the memory
        at the size of the event.
        """
        scale = self.log_scale.exp()
        total = torch.zeros_like(self.loc)
        for j in range(self.levels - 1):
            total += torch.sigmoid((self.loc - (j + 0.5) / (self.levels - 1)) / scale)
        return total / (self.levels - 1)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw grid values: a logistic draw, rounded to its bin and held within [0, 1]."""
        shape = self._extended_shape(sample_shape)
        uniform = torch.rand(shape, dtype=self.loc.dtype, device=self.loc.device)
        noise = torch.logit(uniform.clamp(1e-6, 1 - 1e-6))
        draw = (self.loc + noise * self.log_scale.exp()).clamp(0, 1)
        return torch.round(draw * (self.levels - 1)) / (self.levels - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of grid values, in nats.

        With u, l the standardised edges of the bin, sigmoid(u) - sigmoid(l) is
        sigmoid(u) sigmoid(-l) (1 - exp(l - u)): exact in the far tails as well, where the
        difference itself is 0 in floating point.
        """
        inverse_scale = torch.exp(-self.log_scale)
        half = 0.5 / (self.levels - 1)
        log_below_upper = F.logsigmoid((value - self.loc + half) * inverse_scale)
        log_above_lower = F.logsigmoid((self.loc - value + half) * inverse_scale)
        width = torch.log(-torch.expm1(-2 * half * inverse_scale))
        inner = log_below_upper + log_above_lower + width
        inner = torch.where(value < half, log_below_upper, inner)
        return torch.where(value > 1 - half, log_above_lower, inner)
