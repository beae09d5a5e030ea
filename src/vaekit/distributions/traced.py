"""Distributions whose draws carry their own log density."""

import abc
from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

__all__ = ["Traced"]


class Traced(Distribution, abc.ABC):
    """A distribution whose density is known along the way that a draw has taken.

    A flow that is cheap in one direction only, a Hamiltonian trajectory, a hierarchy of latents:
    each knows log q of what it has just drawn, but not, or only at a high price, of any other
    point.
    """

    has_rsample = True

    @abc.abstractmethod
    def rsample_with_log_prob(self, sample_shape: Size) -> tuple[Tensor, Tensor]:
        """Draw, reparametrised, with the log density of each draw in nats.

        Returns:
            Draws of shape (*sample_shape, *batch, *event) and densities (*sample_shape, *batch).
        """

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw, reparametrised."""
        return self.rsample_with_log_prob(Size(sample_shape))[0]
