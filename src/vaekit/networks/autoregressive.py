"""A network that tells each cell of a row from those before it."""

import abc
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from vaekit.bounds import Share
from vaekit.distributions.gaussian import broadcast_shape
from vaekit.errors import SpecError
from vaekit.randomness import drawing_nothing

_WAVES = 16
_DAMPING = 0.3
_PACE, _SMALLEST = 0.7, 1e-9
_LOG_NORMAL = math.log(math.sqrt(2 * math.pi))
_RARE = 0.5  # rows that a code or bin is taken to have had besides those it had
_AT_ONCE = 2**18  # numbers that a layer says at once: 1 MB stays in the cache for the next one
_MOST_TOGETHER = 16  # codes; the heads of more of them are layers that `shard` may spread
_MOVES, _FREEDOM = 2, 5.0  # of a peak: outputs that move it, degrees of freedom
_UNIT = _FREEDOM**-0.5
_PENALTIES, _LEAST_SPREAD = (1.0, 10.0, 100.0), 1e-3
_REGRESSED, _LEFT_OUT = 10_000, 1000  # rows, at least, that regressions are fitted and judged on
_BEYOND = 2.0  # more than any rank: the end of bins that a number lacks


class AutoregressiveCells(nn.Module):
    """Logits of each cell of a row, given features and the cells before it.

    What is known of a row is a sum of vectors: the features, and one for each cell so far. A
    network that all cells share reads that sum, and each cell has a last layer of its own. So the
    cost is linear in the cells, both of scoring a row and of making one. Codes come before
    numbers: labels told from numbers are less right than numbers told from labels.

    Codes have a logit each. Numbers have one for each bin; those are a free constant and a smooth
    curve of 16 cosines, since neighbouring bins are alike.

    Cells are computed some at a time, so that what one layer says is still in the processor's
    cache when the next one reads it. A column with one code is known beforehand and costs nothing.

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
        regression: Whether numbers are predicted from a linear regression on those before them,
            too. Where numbers follow from others to within less than the curves can show, that
            gives the bins near to its guess a peak, which the network moves and makes wider or
            narrower. `start_from` fits it.

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
    middles: Tensor
    ends: Tensor
    waves: Tensor
    slopes: Tensor
    spreads: Tensor

    def __init__(
        self,
        num_codes: Sequence[int],
        numeric_cells: Sequence[tuple[int, int]],
        edges: Sequence[Sequence[float]],
        width: int,
        depth: int = 2,
        dropout: Share = 0.0,
        blind: Share = 0.0,
        regression: bool = False,
    ) -> None:
        super().__init__()
        if min(num_codes, default=0) < 1:
            raise SpecError(
                f"a table must have columns of at least one code each; got num_codes={num_codes}."
            )
        self.num_codes, self.width = tuple(num_codes), width
        self.numeric_cells = tuple((column, code) for column, code in numeric_cells)
        self.edges = tuple(tuple(ends) for ends in edges)
        self.depth, self.dropout, self.blind, self.regression = depth, dropout, blind, regression
        if regression and self.numeric_cells:
            count = len(self.numeric_cells)
            self.register_buffer("slopes", torch.zeros(count, 2 * count + 1))
            self.register_buffer("spreads", torch.ones(count))
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
        numbers = [
            _Number(width, *there, ends, regression)
            for there, ends in zip(numeric_cells, edges, strict=True)
        ]
        self.cells = nn.ModuleList([*codes, *numbers])
        tables = (
            ([n.ends for n in numbers], _BEYOND),
            ([n.waves for n in numbers], 0.0),
            ([n.middles for n in numbers], 0.0),
        )
        for name, (own, padding) in zip(("ends", "waves", "middles"), tables, strict=True):
            padded = pad_sequence(own, True, padding) if numbers else torch.zeros(0)
            self.register_buffer(name, padded, persistent=False)

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
        if self.regression and self.numeric_cells:
            self._regress(x)

    @torch.no_grad()
    def _regress(self, x: Tensor) -> None:
        """Fit a ridge regression of each number on those before it, and how far it is off."""
        x = x[:: max(1, len(x) // _REGRESSED)]
        count, first = len(self.numeric_cells), len(self.num_codes)
        regressors = self._regressors(x).double()
        varies = [count + i for i, own in enumerate(regressors[:, count:-1].std(0)) if own > 0]
        for place, cell in enumerate(self._own()[first:]):
            there = cell.there(x)
            if there.sum() <= 1:
                continue
            used = [*range(place), *(i for i in varies if i < count + place), 2 * count]
            slopes, error = _ridge(regressors[there][:, used], x[there, first + place].double())
            self.slopes[place, used] = slopes.to(self.slopes)
            self.spreads[place] = max(error, _LEAST_SPREAD)

    def _regressors(self, x: Tensor) -> Tensor:
        """Return what numbers are guessed from: numbers, whether they are there, and a constant.

        The constant is 1. Of rows with a cell that is not known, which a guess might count on, all
        is 0.
        """
        first = len(self.num_codes)
        columns = [column for column, _ in self.numeric_cells]
        whole = (x[..., columns] > 0).all(-1, keepdim=True)
        there = [self.has_number(cell, x) for cell in range(first, self.num_cells)]
        known = torch.stack(there, -1) & whole
        numbers = torch.where(known, x[..., first:], 0.0)
        return torch.cat([numbers, known.to(x.dtype), whole.to(x.dtype)], -1)

    @torch.no_grad()
    def calibrate(self, seen: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Move the shares towards those with which known rows are predicted as they are.

        Args:
            seen: Features (draws, batch, width) and rows (batch, cells), some at a time.
        """
        cells = self._own()
        predicted, counts = ([torch.zeros_like(c.share) for c in cells] for _ in range(2))
        for features, x in seen:
            for places, logits in self._some_logits(features, x):
                shares = logits.softmax(-1).sum(tuple(range(1, logits.ndim - 2)))
                for place, own in zip(places, shares, strict=True):
                    there, count = cells[place].there(x), len(cells[place].share)
                    predicted[place] += (there.to(own.dtype) @ own)[:count]
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
        batch = broadcast_shape(features.shape[:-1], x.shape[:-1])
        cells = self._own()
        found = [cell.share.expand(*batch, -1) for cell in cells]  # right where there is one code
        for places, logits in self._some_logits(features, x):
            for place, own in zip(places, logits.unbind(), strict=True):
                found[place] = own[..., : len(cells[place].share)]
        return found

    def log_prob(
        self, features: Float[Tensor, "*draws width"], x: Float[Tensor, "*batch cells"]
    ) -> Float[Tensor, "*items cells"]:
        """Log probability or density of each cell of rows given those before it, in nats.

        Of code 0, which is a cell that is not known, it means nothing.
        """
        batch = broadcast_shape(features.shape[:-1], x.shape[:-1])
        found = [features.new_zeros(batch)] * self.num_cells  # right where there is one code
        for places, logits in self._some_logits(features, x):
            with drawing_nothing():
                values = x[..., list(places)].movedim(-1, 0)
                positions, base = self._locate(places, values)
                shape = (len(values), *[1] * (len(batch) - x.ndim + 1), *x.shape[:-1])
                positions = positions.view(shape).expand(-1, *batch).unsqueeze(-1)
                log_p = logits.log_softmax(-1).gather(-1, positions).squeeze(-1)
                log_p = log_p + base.view(shape)
            for place, own in zip(places, log_p.unbind(), strict=True):
                found[place] = own
        return torch.stack(found, -1)

    def logits(
        self, cell: int, known: Float[Tensor, "*batch width"], x: Float[Tensor, "*batch cells"]
    ) -> Tensor:
        """Logits of one cell, from the sum of what is known and the cells before it."""
        h = self._trunk(known + self.positions[cell])
        has_guess = self.regression and cell >= len(self.num_codes)
        regressors = self._regressors(x) if has_guess else None
        return self._heads([cell], h.unsqueeze(0), regressors).squeeze(0)

    def embed(self, cell: int, x: Float[Tensor, "*batch cells"]) -> Float[Tensor, "*batch width"]:
        """Return what one cell of rows adds to what is known."""
        if cell < len(self.num_codes):
            return F.embedding(x[..., cell].long() + self.starts[cell], self.codes.weight)
        number = self._waves_of(x[..., cell]) @ self.numbers[cell - len(self.num_codes)]
        return number * self.has_number(cell, x).unsqueeze(-1)

    def _own(self) -> "list[_Cell]":
        return list(self.cells)  # type: ignore[arg-type]

    def _some_logits(self, features: Tensor, x: Tensor) -> Iterator[tuple[Sequence[int], Tensor]]:
        """Yield places of some cells, and their logits, shape (cells, *batch, values).

        Where one of them has fewer values than others, minus infinity follows its logits.
        """
        batch = broadcast_shape(features.shape[:-1], x.shape[:-1])
        lead = (1,) * (features.ndim - x.ndim)
        known = self._known_before(x)
        regressors = self._regressors(x) if self.regression and self.numeric_cells else None
        like = features.new_empty(()).expand(1, *batch, self.width)
        masks = [part.mask(like) for part in self.modules() if isinstance(part, _RowDropout)]
        for places in self._runs(batch.numel()):
            with drawing_nothing():
                before = torch.stack([known[place] + self.positions[place] for place in places])
                before = before.view(len(places), *lead, *before.shape[1:])
                logits = self._heads(places, self._trunk(before + features, masks), regressors)
            yield places, logits

    def _known_before(self, x: Tensor) -> dict[int, Tensor]:
        """Return what is known of rows before cells, shape (*batch, width) each.

        Of cells with one code, which are known beforehand, there is none.
        """
        embedded, places = [], []
        seen = None
        if self.training and self.blind:
            drawn = torch.rand_like(x.new_empty(()).expand(self.num_cells, *x.shape[:-1], 1))
            seen = drawn > self.blind
        with drawing_nothing():
            for some, is_single in self._spans(x[..., 0].numel()):
                own = None if seen is None else seen[some]
                if is_single:
                    embedded.append(self._embed_singles(some, x, own))
                    places.append(-1)
                    continue
                cells = self._embed(some, x)
                embedded.extend((cells if own is None else cells * own).unbind())
                places.extend(range(some.start, some.stop))
            start = torch.zeros_like(embedded[0])
            sums = itertools.accumulate(embedded[:-1], initial=start)
            return dict(zip(places, sums, strict=True))

    def _spans(self, rows: int) -> Iterator[tuple[slice, bool]]:
        """Yield cells that are embedded at once, and whether each of them has one code."""
        count = len(self.num_codes)
        alike = itertools.groupby(
            range(self.num_cells), lambda i: (i < count, i < count and self.num_codes[i] == 1)
        )
        for (_, is_single), places in alike:
            for some in _pieces(list(places), 0 if is_single else rows * self.width):
                yield slice(some[0], some[-1] + 1), is_single

    def _embed_singles(self, some: slice, x: Tensor, seen: Tensor | None) -> Tensor:
        """Return the sum of what cells of one code each tell."""
        positions = (x[..., some].long() + self.starts[some]).flatten(0, -2)
        weights = None if seen is None else seen.squeeze(-1).movedim(0, -1).flatten(0, -2)
        total = F.embedding_bag(
            positions,
            self.codes.weight,
            mode="sum",
            per_sample_weights=None if weights is None else weights.to(self.codes.weight),
        )
        return total.view(*x.shape[:-1], self.width)

    def _embed(self, some: slice, x: Tensor) -> Tensor:
        """Return what each of these cells, all codes or all numbers, tells."""
        count = len(self.num_codes)
        if some.start < count:
            positions = (x[..., some].long() + self.starts[some]).movedim(-1, 0).contiguous()
            return F.embedding(positions, self.codes.weight)
        waves = self._waves_of(x[..., some].movedim(-1, 0))
        weights = self.numbers[some.start - count : some.stop - count]
        numbers = torch.bmm(waves.flatten(1, -2), weights).view(*waves.shape[:-1], self.width)
        there = torch.stack([self.has_number(cell, x) for cell in range(some.start, some.stop)])
        return numbers * there.unsqueeze(-1)

    def _runs(self, rows: int) -> Iterator[Sequence[int]]:
        """Yield places of cells that are computed at once; of columns of one code none."""
        sizes, count = [len(cell.share) for cell in self._own()], len(self.num_codes)
        codes = [place for place in range(count) if 1 < sizes[place] <= _MOST_TOGETHER]
        yield from _pieces(codes, rows * self.width)
        yield from ([place] for place in range(count) if sizes[place] > _MOST_TOGETHER)
        yield from _pieces(range(count, self.num_cells), rows * self.width)

    def _heads(self, places: Sequence[int], h: Tensor, regressors: Tensor | None) -> Tensor:
        """Return the logits of cells of one kind from what the trunk says of each.

        Args:
            places: Of the cells.
            h: What the trunk says, shape (cells, *draws, *batch, width).
            regressors: What numbers are guessed from, besides, shape (*batch, regressors).
        """
        cells = [self._own()[place] for place in places]
        if len(cells) == 1 and not (self.regression and isinstance(cells[0], _Number)):
            alone: Tensor = cells[0](h.squeeze(0))
            return alone.unsqueeze(0)
        weights = pad_sequence([cell.head.weight for cell in cells], batch_first=True)
        shares = pad_sequence([cell.share for cell in cells], True, -math.inf)
        out = torch.bmm(h.flatten(1, -2), weights.mT)
        if isinstance(cells[0], _Number):
            waves = self.waves[self._numbers(places), : shares.shape[1]]
            if regressors is not None:
                shares = shares - _log_t(self._middles_of(places, shares.shape[1]) * _UNIT)
            curves = torch.baddbmm(shares.unsqueeze(1), out[..., :_WAVES], waves.mT)
            if regressors is not None:
                rows = regressors.expand(*h.shape[1:-1], -1).flatten(0, -2)
                curves = curves + self._peaks(places, rows, out[..., _WAVES:], shares.shape[1])
            out = curves
        else:
            out = out + shares.unsqueeze(1)
        return out.view(*h.shape[:-1], shares.shape[1])

    def _peaks(self, places: Sequence[int], regressors: Tensor, moves: Tensor, bins: int) -> Tensor:
        """Return the log density of bins by Student's t distributions round guesses.

        Taken off the shares is that of the t distribution round 0, which the bins of a column have
        without a guess; so a guess of nothing changes nothing.

        Args:
            places: Of the numbers.
            regressors: What they are guessed from, shape (rows, regressors).
            moves: By how many standard deviations the number is taken to be elsewhere, and the
                logarithm of how much wider the distribution is; shape (numbers, rows, 2).
            bins: How many a number has at most.
        """
        numbers = self._numbers(places)
        guesses = self.slopes[numbers] @ regressors.mT
        spreads = self.spreads[numbers].unsqueeze(1)
        spreads = torch.where(regressors[:, -1] > 0, spreads, 1.0)
        centers, paces = guesses + spreads * moves[..., 0], (-moves[..., 1]).exp() / spreads
        far = torch.stack([paces, -centers * paces], -1) * _UNIT  # one product, not four passes
        middles = self._middles_of(places, bins)
        return _log_t(far @ torch.stack([middles, torch.ones_like(middles)], 1))

    def _middles_of(self, places: Sequence[int], bins: int) -> Tensor:
        return self.middles[self._numbers(places), :bins]

    def _locate(self, places: Sequence[int], values: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes or bins of values, (cells, *batch), and their log density but for logits."""
        if places[0] < len(self.num_codes):
            return (values.long() - 1).clamp_min(0), values.new_zeros(values.shape)
        ends = self.ends[self._numbers(places)]
        ranks = torch.special.ndtr(values).to(ends).flatten(1).contiguous()
        most = torch.tensor([len(self._own()[place].share) for place in places], device=ends.device)
        positions = torch.searchsorted(ends, ranks, right=True) - 1
        positions = torch.minimum(positions.clamp_min(0), most.unsqueeze(1) - 1)
        widths = ends.diff().log().gather(1, positions).view(values.shape)
        return positions.view(values.shape), -(values**2) / 2 - _LOG_NORMAL - widths

    def _numbers(self, places: Sequence[int]) -> slice:
        count = len(self.num_codes)
        return slice(places[0] - count, places[-1] + 1 - count)

    def _waves_of(self, numbers: Tensor) -> Tensor:
        waves: Tensor = _curves(torch.special.ndtr(numbers)) - self.middle
        return waves

    def _trunk(self, h: Tensor, masks: Sequence[Tensor | None] | None = None) -> Tensor:
        """Return what all cells are predicted from; masks say which units training leaves out."""
        parts = [*self.layers, self.last]
        for (norm, activation, _, *linear), mask in zip(
            parts, masks or [None] * len(parts), strict=True
        ):
            out: Tensor = activation(norm(h) if mask is None else norm(h) * mask)
            h = h + linear[0](out) if linear else out
        return h


class _RowDropout(nn.Module):
    """Dropout that leaves out the same units for all cells of a row, which come first.

    Source: Gal & Ghahramani 2016, "A theoretically grounded application of dropout in recurrent
    neural networks".
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def mask(self, h: Tensor) -> Tensor | None:
        """Return what the units of each row are multiplied by; ``None`` where all are kept."""
        if not (self.training and self.share):
            return None
        return F.dropout(torch.ones_like(h[:1]), self.share)

    def forward(self, h: Tensor) -> Tensor:
        mask = self.mask(h)
        return h if mask is None else h * mask


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
    middles: Tensor

    def __init__(
        self, width: int, column: int, code: int, edges: Sequence[float], regression: bool = False
    ) -> None:
        super().__init__(width, column, _WAVES + _MOVES * regression, len(edges) - 1)
        self.code = code
        ends = torch.tensor(edges)
        self.register_buffer("ends", ends, persistent=False)
        self.register_buffer("waves", _curves((ends[1:] + ends[:-1]) / 2), persistent=False)
        middles = torch.special.ndtri((ends[1:] + ends[:-1]) / 2)
        self.register_buffer("middles", middles, persistent=False)

    def there(self, x: Tensor) -> Tensor:
        return x[..., self.column] == self.code

    def positions(self, values: Tensor) -> Tensor:
        rank = torch.special.ndtr(values).contiguous()
        positions = torch.searchsorted(self.ends, rank, right=True) - 1
        return positions.clamp(0, len(self.share) - 1)

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = self.head(h) @ self.waves.T
        return out + self.share


def _pieces(places: Sequence[int], numbers: int) -> Iterator[Sequence[int]]:
    """Yield runs of places as long as the cache holds, each place of so many numbers."""
    longest = max(1, _AT_ONCE // numbers) if numbers else len(places)
    return (places[start : start + longest] for start in range(0, len(places), longest or 1))


def _ridge(regressors: Tensor, answers: Tensor) -> tuple[Tensor, float]:
    """Return slopes of a ridge regression, and the root of the squared error of rows left out.

    Of several penalties that with the least error is taken. Some of the rows are left out, each in
    turn, by their leverages: of many columns and few rows, residuals of the rows that were learned
    from are too small.
    """
    gram, target = regressors.mT @ regressors, regressors.mT @ answers
    some = slice(0, None, max(1, len(regressors) // _LEFT_OUT))
    found = []
    for penalty in _PENALTIES:
        lower = torch.linalg.cholesky(gram + penalty * torch.eye(len(gram)).to(gram))
        slopes = torch.cholesky_solve(target.unsqueeze(1), lower).squeeze(1)
        leverages = (
            torch.linalg.solve_triangular(lower, regressors[some].mT, upper=False).square().sum(0)
        )
        rest = (answers[some] - regressors[some] @ slopes) / (1 - leverages).clamp_min(_SMALLEST)
        found.append((slopes, float(rest.square().mean().sqrt())))
    return min(found, key=lambda fit: fit[1])


def _log_t(far: Tensor) -> Tensor:
    """Log density of Student's t distribution but for a constant, of numbers times `_UNIT`."""
    return far.square().log1p() * (-(_FREEDOM + 1) / 2)


def _log_shares(counts: Tensor) -> Tensor:
    return ((counts + _RARE) / (counts + _RARE).sum()).log()


def _curves(ranks: Tensor) -> Tensor:
    """Cosines of rising frequency and falling height at ranks between 0 and 1."""
    steps = torch.arange(1.0, _WAVES + 1, device=ranks.device)
    curves: Tensor = torch.cos(math.pi * ranks.unsqueeze(-1) * steps) * math.sqrt(2)
    return curves / (1 + _DAMPING * steps)
