"""What makes functions of tensors traceable: random numbers that are given, known operations."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from vaekit.domains.graphs import normal_quantile, normal_share
from vaekit.errors import CompositionError

_PROBE = 7
"""Items by which a function of random numbers is tried: no size of a network is that."""


class GivenNoise(TorchFunctionMode):
    """Inside, what draws takes columns of given numbers, one after the other, for each item.

    So a function that draws becomes one that does not, of two more arguments.

    Args:
        count: How many items are drawn; every draw must have an axis of that length.
        normal: Standard normal numbers, shape (items, columns).
        uniform: Numbers from 0 to 1, shape (items, columns).

    Attributes:
        used: How many columns of each were taken.

    Example:
        >>> with GivenNoise(7, torch.ones(7, 3), torch.ones(7, 0)) as noise:
        ...     drawn = torch.normal(torch.zeros(7, 2), torch.full((7, 2), 5.0))
        >>> drawn[0].tolist(), noise.used
        ([5.0, 5.0], [2, 0])
    """

    def __init__(self, count: Any, normal: Tensor | None, uniform: Tensor | None) -> None:
        super().__init__()
        self.count = count
        self.given = (normal, uniform)
        self.used = [0, 0]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Take what would be drawn."""
        if func in _REFUSED:
            raise CompositionError(
                f"an export knows no form of {func.__name__!r}, by which this model draws."
            )
        known = _DRAWS.get(func)
        return (func if known is None else partial(known, self))(*args, **(kwargs or {}))

    def _standard(self, *size: Any, **kwargs: Any) -> Tensor:
        return self._take(_shape(size, kwargs), 0)

    def _even(self, *size: Any, **kwargs: Any) -> Tensor:
        return self._take(_shape(size, kwargs), 1)

    def _standard_like(self, like: Tensor, **kwargs: Any) -> Tensor:
        return self._take(like.shape, 0)

    def _even_like(self, like: Tensor, **kwargs: Any) -> Tensor:
        return self._take(like.shape, 1)

    def _coins(self, shares: Tensor, **kwargs: Any) -> Tensor:
        return (self._take(shares.shape, 1) < shares).to(shares.dtype)

    def _filled_standard(self, into: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return what a fresh tensor would be filled with; nothing else is drawn so."""
        return self._filled(into, args, 0)

    def _filled_even(self, into: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self._filled(into, args, 1)

    def _filled(self, into: Tensor, args: tuple[Any, ...], kind: int) -> Tensor:
        if args:
            raise CompositionError("an export knows no form of draws from other ranges in place.")
        return self._take(into.shape, kind)

    def _randint(self, high: int, size: Any, **kwargs: Any) -> Any:
        if not tuple(size):  # a seed of a stream that nothing in here reads
            return 0
        return (self._take(size, 1) * high).long().clamp(max=high - 1)

    def _normal(self, mean: Any, std: Any = 1.0, size: Any = None, **kwargs: Any) -> Tensor:
        if size is not None:
            found: Tensor = mean + std * self._take(size, 0)
            return found
        mean, std = (torch.as_tensor(part, dtype=torch.float32) for part in (mean, std))
        shape = torch.broadcast_shapes(mean.shape, std.shape)
        drawn: Tensor = mean + std * self._take(shape, 0)
        return drawn

    def _multinomial(
        self, shares: Tensor, num_samples: int, replacement: bool = False, **kwargs: Any
    ) -> Tensor:
        """By inversion: the first class up to which the shares add up to more than the number."""
        if num_samples != 1 and not replacement:
            raise CompositionError("an export knows no form of draws without replacement.")
        ends = shares.cumsum(-1)
        ends = ends / ends[..., -1:]
        u = self._take((*shares.shape[:-1], num_samples), 1)
        place = (u.unsqueeze(-1) > ends.unsqueeze(-2)).sum(-1)
        return place.clamp(max=shares.shape[-1] - 1)

    def _take(self, shape: Any, kind: int) -> Tensor:
        """Return the next columns, as a tensor of a shape that has the axis of items somewhere."""
        shape = tuple(shape)
        axis = next((i for i, size in enumerate(shape) if _is(size, self.count)), None)
        if axis is None:
            raise CompositionError(
                f"an export needs draws for each item; this model draws numbers of shape {shape} "
                "for all of them."
            )
        rest = shape[:axis] + shape[axis + 1 :]
        first = self.used[kind]
        self.used[kind] += math.prod(rest)
        known = self.given[kind]
        if known is None:  # only counted
            return torch.full(shape, 0.5 * kind)
        part = known[:, first : self.used[kind]]
        return part.reshape(part.shape[0], *rest).movedim(0, axis)


def _is(size: Any, count: Any) -> bool:
    """Return whether a size is that of the batch: in a graph the only one that is no number."""
    return not isinstance(size, int) if not isinstance(count, int) else size == count


def _shape(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    if "size" in kwargs:
        return tuple(kwargs["size"])
    return tuple(args[0]) if len(args) == 1 and not isinstance(args[0], int) else args


_DRAWS: dict[Any, Callable[..., Any]] = {
    torch.randn: GivenNoise._standard,
    torch.rand: GivenNoise._even,
    torch.randn_like: GivenNoise._standard_like,
    torch.rand_like: GivenNoise._even_like,
    torch.randint: GivenNoise._randint,
    torch.normal: GivenNoise._normal,
    torch.bernoulli: GivenNoise._coins,
    torch.multinomial: GivenNoise._multinomial,
    Tensor.bernoulli: GivenNoise._coins,
    Tensor.multinomial: GivenNoise._multinomial,
    Tensor.normal_: GivenNoise._filled_standard,
    Tensor.uniform_: GivenNoise._filled_even,
}
_REFUSED = (
    *(torch.randperm, torch.randint_like, torch.poisson, torch.binomial),
    *(torch._standard_gamma, torch._sample_dirichlet, Tensor.random_),
    *(Tensor.exponential_, Tensor.cauchy_, Tensor.log_normal_),
    *(Tensor.geometric_, Tensor.bernoulli_),
)


@torch.no_grad()
def noise_widths(draw: Callable[[int], Any]) -> tuple[int, int]:
    """Return how many normal and uniform numbers an item takes.

    Args:
        draw: Draws so many items.

    Raises:
        CompositionError: It draws what no export knows.
    """
    with GivenNoise(_PROBE, None, None) as noise:
        draw(_PROBE)
    return noise.used[0], noise.used[1]


class KnownOperations(TorchFunctionMode):
    """Inside, what other runtimes have no operation for is made of those that they have.

    Example:
        >>> with KnownOperations():
        ...     torch.special.ndtri(torch.tensor([0.5]))
        tensor([0.])
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Return what the function would."""
        known = _KNOWN.get(func)
        return (func if known is None else known)(*args, **(kwargs or {}))


def _in_double(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: function(x.double()).to(x.dtype)


def _searchsorted(
    knots: Tensor, numbers: Tensor, *, right: bool = False, side: str | None = None
) -> Tensor:
    apart = numbers.unsqueeze(-1)
    knots = knots.unsqueeze(-2) if knots.ndim > 1 else knots
    below = knots <= apart if right or side == "right" else knots < apart
    return below.sum(-1)


def _bucketize(numbers: Tensor, knots: Tensor, *, right: bool = False) -> Tensor:
    return _searchsorted(knots, numbers, right=right)


def _cholesky(matrix: Tensor) -> Tensor:
    """Column by column; of matrices of a few dozen rows."""
    size, columns = matrix.shape[-1], list[Tensor]()
    for place in range(size):
        column = matrix[..., :, place]
        if columns:
            done = torch.stack(columns, -1)
            column = column - (done * done[..., place, None, :]).sum(-1)
        column = column / column[..., place, None].sqrt()
        columns.append(torch.where(torch.arange(size) >= place, column, 0.0))
    return torch.stack(columns, -1)


def _solve_triangular(matrix: Tensor, values: Tensor, *, upper: bool) -> Tensor:
    """Row by row."""
    size, known = matrix.shape[-1], dict[int, Tensor]()
    for place in reversed(range(size)) if upper else range(size):
        row = values[..., place, :]
        for other, found in known.items():
            row = row - matrix[..., place, other, None] * found
        known[place] = row / matrix[..., place, place, None]
    return torch.stack([known[place] for place in range(size)], -2)


def _solve(matrix: Tensor, values: Tensor) -> Tensor:
    """Of covariances, which are all that priors ask for."""
    factor = _cholesky(matrix)
    half = _solve_triangular(factor, values, upper=False)
    return _solve_triangular(factor.mT, half, upper=True)


_KNOWN: dict[Any, Callable[..., Any]] = {
    torch.linalg.cholesky: _cholesky,
    torch.linalg.solve_triangular: _solve_triangular,
    torch.linalg.solve: _solve,
    torch.special.ndtri: _in_double(normal_quantile),
    torch.special.ndtr: _in_double(normal_share),
    torch.searchsorted: _searchsorted,
    torch.bucketize: _bucketize,
}
