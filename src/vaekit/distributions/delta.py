"""A point mass."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

__all__ = ["Delta"]


class Delta(Distribution):
    """All mass at one point: the posterior of a plain autoencoder.

    It has no density, so ``log_prob`` is refused; objectives that need one are told so before
    the first step.

    Args:
        point: The point, shape (batch, *event).
        event_dim: How many trailing axes form one event.

    Example:
        >>> Delta(torch.ones(3, 2)).rsample((5,)).shape
        torch.Size([5, 3, 2])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, point: Tensor, event_dim: int = 1) -> None:
        self.point = point
        split = point.dim() - event_dim
        super().__init__(point.shape[:split], point.shape[split:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The point."""
        return self.point

    @property
    def variance(self) -> Tensor:
        """Zero."""
        return torch.zeros_like(self.point)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Repeat the point; gradients pass through."""
        return self.point.expand(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Refuse: a point mass has no density."""
        raise NotImplementedError("a point mass has no density")
