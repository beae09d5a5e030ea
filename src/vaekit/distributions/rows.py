"""Distributions of the rows of a table: cells independent, or each given those before it."""

import abc
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal, constraints

from vaekit.distributions.gaussian import broadcast_shape
from vaekit.distributions.wrappers import Categories
from vaekit.errors import CompositionError
from vaekit.randomness import drawing_nothing

Choose = Callable[[int, Distribution], Tensor]
"""From the place of a cell and its distribution to its value in each row: a code, or a number.

The distribution of a code is a `Categorical` of code - 1; that of a number has a ``cdf`` and an
``icdf``."""


class RowDistribution(Distribution, abc.ABC):
    """A distribution of rows, whose cells can be chosen one by one."""

    @abc.abstractmethod
    def walk(self, choose: Choose) -> Tensor:
        """Build rows cell by cell, shape (*batch, cells).

        Each cell is asked for with its distribution, given the cells before it.
        """


def as_row(px: Distribution) -> RowDistribution:
    """Return the same, if it is of rows.

    Raises:
        CompositionError: It is not.
    """
    if not isinstance(px, RowDistribution):
        raise CompositionError(f"this needs a likelihood of rows of tables; got {px!r}.")
    return px


def drawn(place: int, cell: Distribution) -> Tensor:
    """Return a draw of a cell."""
    value: Tensor = cell.sample()
    return value + 1.0 if isinstance(cell, Categorical) else value


def most_probable(place: int, cell: Distribution) -> Tensor:
    """Return the code with the most weight, or the mean of the number."""
    return cell.logits.argmax(-1) + 1.0 if isinstance(cell, Categorical) else cell.mean


_SMALLEST = 1e-20


class Cells(RowDistribution):
    """Independent categorical codes 1 … K of several columns, then independent normal numbers.

    Columns may differ in K, and 5,000 codes cost no more than 5,000 logits: there are no one-hot
    rows and no padding.

    Args:
        logits: Of the codes of all columns, one column after the other.
        num_codes: K of each column.
        mean: Of each number.
        scale: Of each number.

    Example:
        >>> cells = Cells(torch.zeros(5), (2, 3), torch.zeros(1), torch.ones(1))
        >>> cells.log_prob(torch.tensor([2.0, 1.0, 0.0])).exp()
        tensor([0.5000, 0.3333, 0.3989])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self,
        logits: Float[Tensor, "*batch logits"],
        num_codes: Sequence[int],
        mean: Float[Tensor, "*batch numbers"],
        scale: Float[Tensor, "*#batch numbers"],
    ) -> None:
        self.logits, self.num_codes = logits, tuple(num_codes)
        self.numbers = Normal(mean, scale, validate_args=False)
        starts = [0, *itertools.accumulate(self.num_codes)][:-1]
        self._starts = torch.tensor(starts, device=logits.device, dtype=torch.long)
        batch = (*logits.shape[:-1], len(self.num_codes) + mean.shape[-1])
        super().__init__(torch.Size(batch), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The most probable codes (a mean of codes is none), and the means of the numbers."""
        return torch.cat([self._best(self.logits), self.numbers.mean], -1)

    def walk(self, choose: Choose) -> Tensor:
        """Choose the cells one after the other; here none depends on another."""
        codes = [
            Categories(logits=part, validate_args=False) for part in self._columns(self.logits)
        ]
        numbers = zip(self.numbers.mean.unbind(-1), self.numbers.scale.unbind(-1), strict=True)
        cells = [*codes, *(Normal(*number, validate_args=False) for number in numbers)]
        return torch.stack([choose(place, cell) for place, cell in enumerate(cells)], -1)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw codes, by the largest of logits with Gumbel noise added, and numbers."""
        logits = self.logits.expand(*sample_shape, *self.logits.shape)
        uniform = torch.rand_like(logits).clamp_min(_SMALLEST)
        noise = -torch.log((-torch.log(uniform)).clamp_min(_SMALLEST))
        return torch.cat([self._best(logits + noise), self.numbers.sample(sample_shape)], -1)

    def log_prob(self, value: Float[Tensor, "*items cells"]) -> Tensor:
        """Log probability or density of each cell, in nats; of code 0 it means nothing."""
        count = len(self.num_codes)
        codes, numbers = value[..., :count], value[..., count:]
        place = (codes.long() - 1).clamp_min(0) + self._starts
        batch = broadcast_shape(value.shape[:-1], self.logits.shape[:-1])
        log_odds = self.log_odds.expand(*batch, -1).gather(-1, place.expand(*batch, -1))
        return torch.cat([log_odds, self.numbers.log_prob(numbers).expand(*batch, -1)], -1)

    @property
    def log_odds(self) -> Float[Tensor, "*batch logits"]:
        """Log probabilities of the codes of all columns: they sum to 1 in each column.

        Column by column, which for some dozen columns is twice as fast as one pass that sums
        within segments.
        """
        parts = self._columns(self.logits)
        return torch.cat([self.logits[..., :0], *(part.log_softmax(-1) for part in parts)], -1)

    def _best(self, logits: Tensor) -> Tensor:
        """Return the code with the largest logit in each column."""
        best = (part.argmax(-1, keepdim=True) + 1 for part in self._columns(logits))
        return torch.cat([logits[..., :0], *best], -1)

    def _columns(self, logits: Tensor) -> Sequence[Tensor]:
        return logits.split(self.num_codes, -1) if self.num_codes else ()


_EDGE, _SMALLEST_WEIGHT = 1e-6, 1e-30


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
        """Return the number that has this share of the distribution below it."""
        shares = self.log_shares.exp()
        ends = shares.cumsum(-1)
        ends = ends / ends[..., -1:]
        batch = broadcast_shape(value.shape, self.batch_shape)
        ends, value = ends.expand(*batch, -1).contiguous(), value.expand(batch).unsqueeze(-1)
        place = torch.searchsorted(ends, value.contiguous()).clamp_max(self.bins - 1).squeeze(-1)
        share = _at(shares, place).clamp_min(_SMALLEST_WEIGHT)
        within = 1 - (_at(ends, place) - value.squeeze(-1)) / share
        rank = self.edges[place] + within.clamp(0, 1) * self.edges.diff()[place]
        found: Tensor = torch.special.ndtri(rank.clamp(_EDGE, 1 - _EDGE))
        return found

    def _place(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bin of each value, and the share of that bin below it."""
        rank = torch.special.ndtr(value).to(self.edges)
        place = torch.searchsorted(self.edges, rank.contiguous(), right=True) - 1
        place = place.clamp(0, self.bins - 1)
        return place, (rank - self.edges[place]) / self.edges.diff()[place]


def _at(table: Tensor, place: Tensor) -> Tensor:
    """Return the entry of each row at a place."""
    batch = broadcast_shape(table.shape[:-1], place.shape)
    return table.expand(*batch, -1).gather(-1, place.expand(batch).unsqueeze(-1)).squeeze(-1)


class AutoregressiveCellDecoder(Protocol):
    """A network that tells cells from those before them; see `AutoregressiveCells`."""

    num_codes: tuple[int, ...]

    @property
    def num_cells(self) -> int:
        """Number of cells of a row."""

    def log_prob(self, features: Tensor, x: Tensor) -> Tensor:
        """Return the log probability or density of every cell given the cells before it."""

    def logits(self, cell: int, known: Tensor, x: Tensor) -> Tensor:
        """Return the logits of one cell from what is known of those before it."""

    def embed(self, cell: int, x: Tensor) -> Tensor:
        """Return what a cell adds to what is known."""

    def bins(self, cell: int) -> Tensor | None:
        """Return the edges of the bins of a number; ``None`` for a code."""

    def has_number(self, cell: int, x: Tensor) -> Tensor:
        """Return where a cell holds a number."""


class AutoregressiveRow(RowDistribution):
    """Codes 1 … K of several columns, then numbers, each cell given the cells before it.

    Args:
        network: Says the logits of each cell.
        features: What it knows before the first cell.

    Source: Larochelle & Murray 2011, "The neural autoregressive distribution estimator".
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self, network: AutoregressiveCellDecoder, features: Float[Tensor, "*batch width"]
    ) -> None:
        self.network, self.features = network, features
        batch = (*features.shape[:-1], network.num_cells)
        super().__init__(torch.Size(batch), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Cell by cell the most probable code, or the mean of the number."""
        return self.walk(most_probable)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw the cells one after the other."""
        features = self.features.expand(*sample_shape, *self.features.shape)
        return AutoregressiveRow(self.network, features).walk(drawn)

    def walk(self, choose: Choose) -> Tensor:
        """Choose the cells one after the other, each given those before it."""
        x = self.features.new_zeros(*self.features.shape[:-1], self.network.num_cells)
        known = self.features
        for place in range(self.network.num_cells):
            with drawing_nothing():
                cell = self._cell(place, self.network.logits(place, known, x))
            value = choose(place, cell)
            with drawing_nothing():
                if place >= len(self.network.num_codes):
                    value = value * self.network.has_number(place, x)
                x[..., place] = value
                known = known + self.network.embed(place, x)
        return x

    def log_prob(self, value: Float[Tensor, "*items cells"]) -> Tensor:
        """Log probability or density of each cell given those before it, in nats.

        Of code 0, which is a cell that is not known, it means nothing.
        """
        return self.network.log_prob(self.features, value)

    def _cell(self, place: int, logits: Tensor) -> Distribution:
        if place < len(self.network.num_codes):
            return Categories(logits=logits, validate_args=False)
        return BinnedNormal(logits, self.network.bins(place))
