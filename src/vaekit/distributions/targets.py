"""Numbers with normal noise, and classes, as what is told of an item beside its tokens."""

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal, constraints


class NumbersAndClasses(Distribution):
    """Columns that are numbers, each by itself, or 1 for the class of an item and 0 for others.

    Args:
        features: Means of the numbers, and of each class log probabilities but for a constant.
        scale: Standard deviations of the numbers, in their order.
        widths: Columns of each: 1 for a number, as many as there are classes otherwise.

    Example:
        >>> features = torch.tensor([[0.5, 2.0, 0.0, 0.0]])
        >>> px = NumbersAndClasses(features, torch.ones(1), (1, 3))
        >>> px.mean.round(decimals=2).tolist(), px.mode.tolist()
        ([[0.5, 0.7900000214576721, 0.10999999940395355, 0.10999999940395355]], \
[[0.5, 1.0, 0.0, 0.0]])
        >>> px.log_prob(torch.tensor([[0.5, 0.0, 1.0, 0.0]])).round(decimals=2).tolist()
        [[-0.9200000166893005, -0.0, -2.240000009536743, -0.0]]
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self,
        features: Float[Tensor, "*batch columns"],
        scale: Float[Tensor, "numbers"],
        widths: Sequence[int],
    ) -> None:
        super().__init__(features.shape, validate_args=False)
        scales = iter(scale.unbind())
        self.widths = tuple(widths)
        self.parts: list[Normal | Categorical] = [
            Normal(some.squeeze(-1), next(scales), validate_args=False)
            if width == 1
            else Categorical(logits=some, validate_args=False)
            for some, width in zip(features.split(self.widths, -1), self.widths, strict=True)
        ]

    def log_prob(self, value: Tensor) -> Tensor:
        """Of each column, in nats; those of a class that an item is not of have none."""
        values = value.split(self.widths, -1)
        return torch.cat(
            [
                part.log_prob(some.squeeze(-1)).unsqueeze(-1)
                if isinstance(part, Normal)
                else some * part.logits
                for part, some in zip(self.parts, values, strict=True)
            ],
            -1,
        )

    @property
    def mean(self) -> Tensor:
        """Means of numbers and probabilities of classes."""
        return torch.cat(
            [p.mean.unsqueeze(-1) if isinstance(p, Normal) else p.probs for p in self.parts], -1
        )

    @property
    def mode(self) -> Tensor:
        """Means of numbers, and 1 for the most probable class."""
        return torch.cat(
            [
                part.mean.unsqueeze(-1)
                if isinstance(part, Normal)
                else _one_hot(part.probs.argmax(-1), part.probs)
                for part in self.parts
            ],
            -1,
        )

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw numbers and classes."""
        return torch.cat(
            [
                part.sample(sample_shape).unsqueeze(-1)
                if isinstance(part, Normal)
                else _one_hot(part.sample(sample_shape), part.probs)
                for part in self.parts
            ],
            -1,
        )

    def cdf(self, value: Tensor) -> Tensor:
        """Probability that each column is at most so large."""
        value = value.expand(self.batch_shape)
        columns = [
            part.cdf(some.squeeze(-1)).unsqueeze(-1)
            if isinstance(part, Normal)
            else (some >= 0) * (1 - part.probs) + (some >= 1) * part.probs
            for part, some in zip(self.parts, value.split(self.widths, -1), strict=True)
        ]
        return torch.cat(columns, -1)


def _one_hot(places: Tensor, like: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(places, like.shape[-1]).to(like.dtype)


def column_counts(widths: Sequence[int]) -> tuple[int, int]:
    """Return how many columns there are of numbers, and of classes.

    Example:
        >>> column_counts((1, 3, 1))
        (2, 3)
    """
    numbers = sum(width == 1 for width in widths)
    return numbers, sum(itertools.filterfalse(lambda width: width == 1, widths))
