"""A standard normal number, made more or less likely in each of some bins."""

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, constraints

__all__ = ["BinnedNormal"]

_EDGE, _SMALLEST = 1e-6, 1e-30


class BinnedNormal(Distribution):
    """A standard normal distribution, reweighted in bins.

    With logits that are the logarithms of the bins' widths it is standard normal; with others it
    takes any shape that bins can show, several modes included, and keeps normal tails.

    Args:
        logits: Of the bins, from below upwards.
        edges: Where bins begin and end, as shares of the standard normal distribution: from 0 to
            1, one more than bins. ``None`` makes bins of equal probability.

    Example:
        >>> BinnedNormal(torch.zeros(4)).cdf(torch.tensor(0.0))
        tensor(0.5000)
        >>> BinnedNormal(torch.tensor([0.0, 0.0, -9.0, -9.0])).mean
        tensor(-0.7977)
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self, logits: Float[Tensor, "*batch bins"], edges: Float[Tensor, "ends"] | None = None
    ) -> None:
        self.log_shares = logits.log_softmax(-1)
        self.bins = logits.shape[-1]
        self.edges = torch.linspace(0, 1, self.bins + 1).to(logits) if edges is None else edges
        super().__init__(logits.shape[:-1], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        ends = torch.special.ndtri(self.edges)
        density = torch.exp(-(ends**2) / 2) / math.sqrt(2 * math.pi)
        means = -density.diff() / self.edges.diff()
        return (self.log_shares.exp() * means).sum(-1)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw, by the inverse of the distribution function."""
        shape = self._extended_shape(torch.Size(sample_shape))
        return self.icdf(torch.rand(shape, device=self.log_shares.device))

    def log_prob(self, value: Float[Tensor, "*batch"]) -> Tensor:
        """Log density, nats."""
        place, _ = self._place(value)
        normal = -(value**2) / 2 - math.log(math.sqrt(2 * math.pi))
        return _at(self.log_shares - self.edges.diff().log(), place) + normal

    def cdf(self, value: Float[Tensor, "*batch"]) -> Tensor:
        """Share of the distribution below a value."""
        place, within = self._place(value)
        shares = self.log_shares.exp()
        return _at(shares.cumsum(-1) - shares, place) + within * _at(shares, place)

    def icdf(self, value: Float[Tensor, "*batch"]) -> Tensor:
        """The number that has this share of the distribution below it."""
        shares = self.log_shares.exp()
        ends = shares.cumsum(-1)
        ends = ends / ends[..., -1:]
        batch = torch.broadcast_shapes(value.shape, self.batch_shape)
        ends, value = ends.expand(*batch, -1).contiguous(), value.expand(batch).unsqueeze(-1)
        place = torch.searchsorted(ends, value.contiguous()).clamp_max(self.bins - 1).squeeze(-1)
        share = _at(shares, place).clamp_min(_SMALLEST)
        within = 1 - (_at(ends, place) - value.squeeze(-1)) / share
        rank = self.edges[place] + within.clamp(0, 1) * self.edges.diff()[place]
        found: Tensor = torch.special.ndtri(rank.clamp(_EDGE, 1 - _EDGE))
        return found

    def _place(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """The bin of each value, and the share of that bin below it."""
        rank = torch.special.ndtr(value).to(self.edges)
        place = torch.searchsorted(self.edges, rank.contiguous(), right=True) - 1
        place = place.clamp(0, self.bins - 1)
        return place, (rank - self.edges[place]) / self.edges.diff()[place]


def _at(table: Tensor, place: Tensor) -> Tensor:
    """The entry of each row at a place."""
    batch = torch.broadcast_shapes(table.shape[:-1], place.shape)
    return table.expand(*batch, -1).gather(-1, place.expand(batch).unsqueeze(-1)).squeeze(-1)
