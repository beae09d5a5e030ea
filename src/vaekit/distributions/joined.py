"""Independent parts of an item, one behind the other."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

__all__ = ["Joined"]


class Joined(Distribution):
    """Parts that are independent of each other, along the last axis.

    Args:
        parts: With batch shapes that differ in their last axis alone, each of which has log
            probabilities of the same shape as its values.

    Example:
        >>> from torch.distributions import Normal
        >>> both = Joined([Normal(torch.zeros(3, 2), 1.0), Normal(torch.ones(3, 4), 1.0)])
        >>> both.sample().shape, both.mode[0].tolist()
        (torch.Size([3, 6]), [0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, parts: Sequence[Distribution]) -> None:
        self.parts = parts
        self.sizes = [part.batch_shape[-1] for part in parts]
        batch = torch.Size((*parts[0].batch_shape[:-1], sum(self.sizes)))
        super().__init__(batch, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Of each place, in nats."""
        values = value.split(self.sizes, -1)
        return torch.cat([p.log_prob(v) for p, v in zip(self.parts, values, strict=True)], -1)

    @property
    def mode(self) -> Tensor:
        """Of each part."""
        return torch.cat([part.mode for part in self.parts], -1)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw each part."""
        return torch.cat([part.sample(sample_shape) for part in self.parts], -1)
