"""A network that tells each cell of a row from those before it."""

import abc
import itertools
import math
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.bounds import Share
from vaekit.errors import SpecError

_WAVES = 16
_DAMPING = 0.3
_PACE, _SMALLEST = 0.7, 1e-9
_RARE = 0.5  # rows that a code or bin is taken to have had besides those it had


class AutoregressiveCells(nn.Module):
    """Logits of each cell of a row, given features and the cells before it.

    What is known of a row is a sum of vectors: the features, and one for each cell so far. A
    network that all cells share reads that sum, and each cell has a last layer of its own. So the
    cost is linear in the cells, both of scoring a row and of making one. Codes come before
    numbers: labels told from numbers are less right than numbers told from labels.

    Codes have a logit each. Numbers have one for each bin; those are a free constant and a smooth
    curve of 16 cosines, since neighbouring bins are alike.

    Args:
        num_codes: How many codes each column has; 0 stands for a cell that is not known.
        numeric_cells: Of each number that follows, the column and the code that say that there is
            one.
        edges: Of each number, where its bins begin and end, as shares of the standard normal
            distribution: from 0 to 1.
        width: Of the features and of all layers.
        depth: Layers that the cells share.
        dropout: Share of the units that are left out in training.
        blind: Share of the cells that are hidden from those after them in training, so that the
            network knows what to make of rows with holes.

    Raises:
        SpecError: No column, or a column without codes.

    Source: Uria et al. 2016, "Neural autoregressive distribution estimation".

    Example:
        >>> cells = AutoregressiveCells((2, 3), [(1, 3)], [(0.0, 0.2, 0.4, 0.9, 1.0)], 8)
        >>> x = torch.tensor([[1.0, 3.0, -0.4]])
        >>> [logits.shape[-1] for logits in cells(torch.zeros(1, 8), x)]
        [2, 3, 4]
    """

    starts: Tensor
    middle: Tensor

    def __init__(
        self,
        num_codes: Sequence[int],
        numeric_cells: Sequence[tuple[int, int]],
        edges: Sequence[Sequence[float]],
        width: int,
        depth: int = 2,
        dropout: Share = 0.0,
        blind: Share = 0.0,
    ) -> None:
        super().__init__()
        if min(num_codes, default=0) < 1:
            raise SpecError(
                f"a table must have columns of at least one code each; got num_codes={num_codes}."
            )
        self.num_codes, self.width = tuple(num_codes), width
        self.numeric_cells = tuple((column, code) for column, code in numeric_cells)
        self.edges = tuple(tuple(ends) for ends in edges)
        self.depth, self.dropout, self.blind = depth, dropout, blind
        ends = list(itertools.accumulate(count + 1 for count in num_codes))
        self.register_buffer("starts", torch.tensor([0, *ends][:-1]), persistent=False)
        self.register_buffer("middle", _curves(torch.tensor(0.5)), persistent=False)
        self.codes = nn.Embedding(ends[-1], width)
        self.numbers = nn.Parameter(torch.empty(len(self.numeric_cells), _WAVES, width))
        self.positions = nn.Parameter(torch.empty(self.num_cells, width))
        std = self.num_cells**-0.5
        for weight, spread in (
            (self.codes.weight, std),
            (self.numbers, std),
            (self.positions, 0.3),
        ):
            nn.init.normal_(weight, std=spread)
        self.layers = nn.ModuleList(
            nn.Sequential(*self._read(), nn.Linear(width, width)) for _ in range(depth)
        )
        self.last = nn.Sequential(*self._read())
        codes = [_Code(width, place, count) for place, count in enumerate(num_codes)]
        numbers = [_Number(width, *there, e) for there, e in zip(numeric_cells, edges, strict=True)]
        self.cells = nn.ModuleList([*codes, *numbers])

    def _read(self) -> tuple[nn.Module, ...]:
        return nn.LayerNorm(self.width), nn.ReLU(), _RowDropout(self.dropout)

    @property
    def num_cells(self) -> int:
        """Codes and numbers of a row."""
        return len(self.num_codes) + len(self.numeric_cells)

    def start_from(self, x: Float[Tensor, "rows cells"]) -> None:
        """Begin with the shares of codes and bins in these rows, whatever the features."""
        for values, cell in zip(x.T, self._own(), strict=True):
            cell.start_from(values[cell.there(x)])

    @torch.no_grad()
    def calibrate(self, seen: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Move the shares towards those with which known rows are predicted as they are.

        Args:
            seen: Features (draws, batch, width) and rows (batch, cells), some at a time.
        """
        cells = self._own()
        predicted, counts = ([torch.zeros_like(c.share) for c in cells] for _ in range(2))
        for features, x in seen:
            for place, logits in enumerate(self(features, x)):
                there = cells[place].there(x)
                predicted[place] += logits[..., there, :].softmax(-1).flatten(0, -2).sum(0)
                counts[place] += cells[place].counts(x[..., place][there])
        for cell, expected, found in zip(cells, predicted, counts, strict=True):
            if found.sum() > 0:
                shares = (expected / expected.sum()).clamp_min(_SMALLEST).log()
                cell.share.add_(_log_shares(found) - shares, alpha=_PACE)

    def bins(self, cell: int) -> Tensor | None:
        """Return where the bins of a number begin and end; ``None`` of a code."""
        own = self.cells[cell]
        return own.ends if isinstance(own, _Number) else None

    def has_number(self, cell: int, x: Float[Tensor, "*batch cells"]) -> Tensor:
        """Return whether rows have a number in this cell, by the codes that they have."""
        own: _Cell = self.cells[cell]  # type: ignore[assignment]
        return own.there(x)

    def forward(
        self, features: Float[Tensor, "*draws width"], x: Float[Tensor, "*batch cells"]
    ) -> list[Tensor]:
        """Logits of each cell of known rows; all cells at once."""
        numeric_cells = self._embed_all(x)
        if self.training and self.blind:
            numeric_cells = numeric_cells * (torch.rand_like(numeric_cells[..., :1]) > self.blind)
        sums = itertools.accumulate(numeric_cells[:-1], initial=torch.zeros_like(numeric_cells[0]))
        before = torch.stack([a + b for a, b in zip(sums, self.positions, strict=True)])
        lead = [1] * (features.ndim - x.ndim)
        h = self._trunk(before.view(len(before), *lead, *before.shape[1:]) + features)
        # Not h[place]: the gradient of each would be as large as all of them.
        return [cell(own) for cell, own in zip(self.cells, h.unbind(), strict=True)]

    def logits(self, cell: int, known: Float[Tensor, "*batch width"]) -> Tensor:
        """Logits of one cell, from the sum of what is known."""
        out: Tensor = self.cells[cell](self._trunk(known + self.positions[cell]))
        return out

    def embed(self, cell: int, x: Float[Tensor, "*batch cells"]) -> Float[Tensor, "*batch width"]:
        """Return what one cell of rows adds to what is known."""
        if cell < len(self.num_codes):
            return F.embedding(x[..., cell].long() + self.starts[cell], self.codes.weight)
        return self._number(cell, x, self.numbers[cell - len(self.num_codes)])

    def _number(self, cell: int, x: Tensor, weights: Float[Tensor, "waves width"]) -> Tensor:
        number = self._waves_of(x[..., cell]) @ weights
        return number * self.has_number(cell, x).unsqueeze(-1)

    def _own(self) -> "list[_Cell]":
        return list(self.cells)  # type: ignore[arg-type]

    def _embed_all(self, x: Tensor) -> Tensor:
        """Return what each cell tells, cell by cell: that order is the fastest to go on with."""
        count = len(self.num_codes)
        positions = (x[..., :count].long() + self.starts).movedim(-1, 0).contiguous()
        codes = F.embedding(positions, self.codes.weight)
        numbers = [
            self._number(place, x, weights)
            for place, weights in enumerate(self.numbers.unbind(), count)
        ]
        return torch.cat([codes, torch.stack(numbers)]) if numbers else codes

    def _waves_of(self, numbers: Tensor) -> Tensor:
        waves: Tensor = _curves(torch.special.ndtr(numbers)) - self.middle
        return waves

    def _trunk(self, h: Tensor) -> Tensor:
        for layer in self.layers:
            h = h + layer(h)
        out: Tensor = self.last(h)
        return out


class _RowDropout(nn.Module):
    """Dropout that leaves out the same units for all cells of a row, which come first.

    Source: Gal & Ghahramani 2016, "A theoretically grounded application of dropout in recurrent
    neural networks".
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, h: Tensor) -> Tensor:
        if not (self.training and self.share):
            return h
        return h * F.dropout(torch.ones_like(h[:1]), self.share)


class _Cell(nn.Module, abc.ABC):
    """The last layer of one cell: shares of its values, and what the features make of them."""

    def __init__(self, width: int, column: int, outs: int, values: int) -> None:
        super().__init__()
        self.column = column
        self.head = nn.Linear(width, outs, bias=False)
        nn.init.zeros_(self.head.weight)
        self.share = nn.Parameter(torch.zeros(values))

    @abc.abstractmethod
    def there(self, x: Tensor) -> Tensor:
        """Return which rows have this cell."""

    @abc.abstractmethod
    def positions(self, values: Tensor) -> Tensor:
        """Return the places of values among the logits."""

    @torch.no_grad()
    def start_from(self, values: Tensor) -> None:
        """Set the shares to those of these values."""
        self.share.copy_(_log_shares(self.counts(values)))

    def counts(self, values: Tensor) -> Tensor:
        """Return how often each code or bin is among the values."""
        return torch.bincount(self.positions(values), minlength=len(self.share))


class _Code(_Cell):
    def __init__(self, width: int, column: int, count: int) -> None:
        super().__init__(width, column, count, count)

    def there(self, x: Tensor) -> Tensor:
        return x[..., self.column] > 0

    def positions(self, values: Tensor) -> Tensor:
        return values.long() - 1

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = self.head(h)
        return out + self.share


class _Number(_Cell):
    ends: Tensor
    waves: Tensor

    def __init__(self, width: int, column: int, code: int, edges: Sequence[float]) -> None:
        super().__init__(width, column, _WAVES, len(edges) - 1)
        self.code = code
        ends = torch.tensor(edges)
        self.register_buffer("ends", ends, persistent=False)
        self.register_buffer("waves", _curves((ends[1:] + ends[:-1]) / 2), persistent=False)

    def there(self, x: Tensor) -> Tensor:
        return x[..., self.column] == self.code

    def positions(self, values: Tensor) -> Tensor:
        rank = torch.special.ndtr(values).contiguous()
        positions = torch.searchsorted(self.ends, rank, right=True) - 1
        return positions.clamp(0, len(self.share) - 1)

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = self.head(h) @ self.waves.T
        return out + self.share


def _log_shares(counts: Tensor) -> Tensor:
    return ((counts + _RARE) / (counts + _RARE).sum()).log()


def _curves(ranks: Tensor) -> Tensor:
    """Cosines of rising frequency and falling height at ranks between 0 and 1."""
    steps = torch.arange(1.0, _WAVES + 1, device=ranks.device)
    curves: Tensor = torch.cos(math.pi * ranks.unsqueeze(-1) * steps) * math.sqrt(2)
    return curves / (1 + _DAMPING * steps)
