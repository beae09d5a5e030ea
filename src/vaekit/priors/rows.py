"""A distribution of rows, from two functions that draw and score them."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints

__all__ = ["Rows"]


class Rows(Distribution):
    """Vectors that a network draws and scores one batch of rows at a time.

    It brings any sample and batch shape down to rows, each with its context, and cuts them into
    parts, so that memory stays bounded.

    Args:
        size: Size of a vector.
        draw: Number of rows, and their contexts -> rows.
        score: Rows, and their contexts -> log density in nats, shape (rows,).
        context: What the vectors are conditioned on; gives the batch shape.
        part: Most rows at a time.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self,
        size: int,
        draw: Callable[[int, Tensor | None], Tensor],
        score: Callable[[Tensor, Tensor | None], Tensor],
        context: Tensor | None,
        part: int,
    ) -> None:
        self._draw, self._score = draw, score
        self.context, self.part = context, part
        batch_shape = Size() if context is None else context.shape[:-1]
        super().__init__(batch_shape, Size((size,)), validate_args=False)

    @torch.no_grad()
    def sample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw, without gradients."""
        shape = self._extended_shape(sample_shape)
        contexts = self._contexts(shape[:-1])
        return torch.cat([self._draw(n, context) for n, context in contexts]).reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats."""
        shape = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)
        rows = value.expand(*shape, -1).reshape(-1, value.shape[-1]).split(self.part)
        contexts = self._contexts(shape)
        scores = [self._score(u, c) for u, (_, c) in zip(rows, contexts, strict=True)]
        return torch.cat(scores).reshape(shape)

    def _contexts(self, shape: Size) -> list[tuple[int, Tensor | None]]:
        """The parts that rows of a shape are cut into: their sizes and contexts."""
        count = shape.numel()
        sizes = [min(self.part, count - done) for done in range(0, count, self.part)]
        if self.context is None:
            return [(size, None) for size in sizes]
        rows = self.context.expand(*shape, -1).reshape(count, -1)
        return list(zip(sizes, rows.split(self.part), strict=True))
