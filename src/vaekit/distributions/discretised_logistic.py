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

        In the far tails, where the difference of two sigmoids underflows, the density at the
        centre times the bin width stands in for it (as in PixelCNN++).
        """
        inverse_scale = torch.exp(-self.log_scale)
        half = 0.5 / (self.levels - 1)
        upper = (value - self.loc + half) * inverse_scale
        lower = (value - self.loc - half) * inverse_scale
        mass = torch.sigmoid(upper) - torch.sigmoid(lower)
        middle = (value - self.loc) * inverse_scale
        tail = (
            middle - self.log_scale - 2 * F.softplus(middle) + torch.log(value.new_tensor(2 * half))
        )
        inner = torch.where(mass > 1e-5, torch.log(mass.clamp_min(1e-12)), tail)
        inner = torch.where(value < half, F.logsigmoid(upper), inner)
        return torch.where(value > 1 - half, F.logsigmoid(-lower), inner)
