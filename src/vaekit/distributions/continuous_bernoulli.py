"""The continuous Bernoulli, in its natural parameter."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

__all__ = ["ContinuousBernoulli"]

_SMALL = 0.05  # below it the closed forms cancel, and their series are exact to float precision


class ContinuousBernoulli(Distribution):
    """p(x) proportional to exp(logit · x) on [0, 1].

    ``torch.distributions.ContinuousBernoulli`` turns its logits into probabilities and clamps
    them to float precision: beyond logits of ±16 its density no longer integrates to 1 and its
    mean never gets below 0.06, so that no pixel could be black.

    Args:
        logits: Natural parameter, any shape.

    Source: Loaiza-Ganem & Cunningham 2019, eq. 5-8, in natural form.

    Example:
        >>> ContinuousBernoulli(torch.tensor([-100.0, 0.0, 100.0])).mean
        tensor([0.0100, 0.5000, 0.9900])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    def _parts(self) -> tuple[Tensor, Tensor]:
        """Whether each logit is small, and the logits with the small ones out of harm's way.

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
