"""The discretised logistic of PixelCNN++ and of inverse autoregressive flow."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.utils import broadcast_all

__all__ = ["DiscretisedLogistic"]


class DiscretisedLogistic(Distribution):
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
        >>> d = DiscretisedLogistic(torch.tensor(0.4), torch.tensor(-2.0), levels=4)
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
