"""Raw items in and out as operations of tensors: what leaves Python with an exported model."""

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Port:
    """One input or output of an exported model: a tensor with an axis of items in front.

    Attributes:
        name: Of a column its name; ``"items"`` where items are single tensors.
        dtype: Name of its type, as NumPy has it; that of ``labels`` is text outside, and within
            the graph whole numbers, from 1 in their order and 0 for any other text.
        shape: Of one item; () for a number.
        labels: The texts that it takes.
        missing: The text that stands for a missing cell of ``labels``.
        unit: ``"seconds"``, since 1970 where they are no durations; else nothing.
        decimals: Digits after the point to which an output is to be rounded; ``None`` for none.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    missing: str = ""
    unit: str = ""
    decimals: int | None = None

    @property
    def tensor_type(self) -> torch.dtype:
        """The type within the graph."""
        found: torch.dtype = torch.int64 if self.labels else getattr(torch, self.dtype)
        return found


@dataclass(frozen=True)
class Window:
    """How a long series is cut into items.

    Attributes:
        steps: Of one window.
        stride: From one to the next.
    """

    steps: int
    stride: int


class ItemReader(nn.Module, abc.ABC):
    """Checks nothing, and scales as `Domain.prepare` and `Domain.encode` do.

    What the domain refuses comes out as NaN.

    Attributes:
        inputs: What it takes, one tensor each.
        window: How a long series becomes items; ``None`` where items come one by one.
    """

    inputs: tuple[Port, ...]
    window: Window | None = None

    @abc.abstractmethod
    def forward(self, *raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return x as the networks see it, and which of its cells are there, as `observed` does."""


class ItemWriter(nn.Module, abc.ABC):
    """Turns x back, as `Domain.decode` does, but for the rounding that its outputs ask for.

    Attributes:
        outputs: What it gives, one tensor each.
    """

    outputs: tuple[Port, ...]

    @abc.abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return raw items."""


class ScaledReader(ItemReader):
    """Numbers less a center and divided by a scale.

    Args:
        port: The only input.
        center: Broadcast to an item.
        scale: Broadcast to an item.
        move: The axis of channels, which networks have first; ``None`` leaves all as it is.
        is_flat: Whether items lack the axis of channels.
        has_holes: Whether NaN is a value that is missing.
        window: How a long series becomes items.
        dtype: The precision in which it scales, that of the domain: a last bit may turn a
            comparison around.
    """

    def __init__(
        self,
        port: Port,
        center: Sequence[float],
        scale: Sequence[float],
        *,
        move: int | None = None,
        is_flat: bool = False,
        has_holes: bool = False,
        window: Window | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        self.inputs, self.window, self.dtype = (port,), window, dtype
        self.move, self.is_flat, self.has_holes = move, is_flat, has_holes
        self.register_buffer("center", torch.tensor(center, dtype=dtype))
        self.register_buffer("scale", torch.tensor(scale, dtype=dtype))

    def forward(self, *raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Scale."""
        x = raw[0].unsqueeze(-1) if self.is_flat else raw[0]
        x = (x.to(self.dtype) - self.get_buffer("center")) / self.get_buffer("scale")
        x = x.float()
        x = x if self.move is None else x.movedim(self.move, 1)
        return (x.nan_to_num(0.0), ~x.isnan()) if self.has_holes else (x, None)


class ScaledWriter(ItemWriter):
    """Undoes `ScaledReader`.

    Args:
        port: The only output.
        center: Broadcast to an item.
        scale: Broadcast to an item.
        move: Where the axis of channels goes.
        is_flat: Whether items lack it.
        low: The least value, if values are bounded.
        high: The largest.
    """

    def __init__(
        self,
        port: Port,
        center: Sequence[float],
        scale: Sequence[float],
        *,
        move: int | None = None,
        is_flat: bool = False,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        super().__init__()
        self.outputs, self.move, self.is_flat = (port,), move, is_flat
        self.low, self.high = low, high
        self.register_buffer("center", torch.tensor(center, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Scale back."""
        x = x if self.move is None else x.movedim(1, self.move)
        x = x.double() * self.get_buffer("scale") + self.get_buffer("center")
        if self.low is not None or self.high is not None:
            x = x.clamp(self.low, self.high)
        x = x[..., 0] if self.is_flat else x
        return (x.to(self.outputs[0].tensor_type),)


class RowsReader(ItemReader):
    """Rows as `Domain.prepare` gives them, where text becomes rows outside of the graph.

    Args:
        port: The only input.
        untold: Cells behind them of which nothing is told.
    """

    def __init__(self, port: Port, untold: int = 0) -> None:
        super().__init__()
        self.inputs, self.untold = (port,), untold

    def forward(self, *raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return them."""
        x = raw[0].float()
        if not self.untold:
            return x, None
        rest = x.new_zeros(x.shape[0], self.untold)
        observed = torch.cat([torch.ones_like(x), rest], 1) > 0
        return torch.cat([x, rest], 1), observed


class RowsWriter(ItemWriter):
    """The first cells of rows, as `Domain.decode` takes them."""

    def __init__(self, port: Port) -> None:
        super().__init__()
        self.outputs = (port,)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return them."""
        port = self.outputs[0]
        return (x[:, : port.shape[0]].to(port.tensor_type),)


def count_below(numbers: Tensor, knots: Tensor, *, with_equal: bool = False) -> Tensor:
    """Return how many knots are less than each number, as ``np.searchsorted`` does.

    Args:
        numbers: Shape (rows, columns).
        knots: Of each column, rising, shape (columns, knots); infinite ones fill up.
        with_equal: Whether an equal knot counts, which is its ``side="right"``.

    Example:
        >>> count_below(torch.tensor([[1.0], [2.5]]), torch.tensor([[1.0, 2.0]])).tolist()
        [[0], [2]]
    """
    apart = numbers.unsqueeze(-1)
    below = knots <= apart if with_equal else knots < apart
    return below.sum(-1)


def at_places(table: Tensor, places: Tensor) -> Tensor:
    """Return the entries of columns at places.

    Args:
        table: Shape (columns, entries).
        places: Shape (rows, columns).

    Example:
        >>> at_places(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1, 0]])).tolist()
        [[2.0, 3.0]]
    """
    starts = torch.arange(table.shape[0]) * table.shape[1]
    return table.flatten()[places + starts]


def padded(parts: Sequence[Sequence[float] | Floats], fill: float | None = None) -> Tensor:
    """Return numbers of several lengths as rows of one tensor, double precision.

    Args:
        parts: At least one number each.
        fill: What follows shorter ones; ``None`` for their last number.
    """
    longest = max(len(part) for part in parts)
    rows = [np.asarray(part, dtype=np.float64) for part in parts]
    rows = [
        np.pad(row, (0, longest - len(row)), constant_values=row[-1] if fill is None else fill)
        for row in rows
    ]
    return torch.from_numpy(np.stack(rows))


class Interpolations(nn.Module):
    """``np.interp`` with fixed knots for each column.

    Args:
        knots: Of each column, rising, at least one.
        values: As many.

    Example:
        >>> function = Interpolations([[0.0, 2.0]], [[1.0, 5.0]])
        >>> function(torch.tensor([[-1.0], [0.5], [9.0]])).flatten().tolist()
        [1.0, 2.0, 5.0]
    """

    def __init__(
        self, knots: Sequence[Sequence[float] | Floats], values: Sequence[Sequence[float] | Floats]
    ) -> None:
        super().__init__()
        x, y = ([np.asarray(one, dtype=np.float64) for one in part] for part in (knots, values))
        slopes = [
            np.divide(np.diff(b), np.diff(a), out=np.zeros(len(a) - 1), where=np.diff(a) > 0)
            for a, b in zip(x, y, strict=True)
        ]
        ends = torch.tensor([[a[0], a[-1], b[0], b[-1]] for a, b in zip(x, y, strict=True)])
        self.register_buffer("ends", ends)
        self.register_buffer("knots", padded(x, np.inf))
        self.register_buffer("values", padded(y))
        self.register_buffer("starts", padded(x))
        self.register_buffer("slopes", padded([np.append(part, 0.0) for part in slopes], 0.0))
        self.register_buffer("most", torch.tensor([max(0, len(part) - 2) for part in x]))

    def forward(self, numbers: Tensor) -> Tensor:
        """Return values at numbers (rows, columns), double precision."""
        numbers = numbers.double()
        place = count_below(numbers, self.get_buffer("knots"), with_equal=True) - 1
        place = torch.minimum(place.clamp_min(0), self.get_buffer("most"))
        parts = (self.get_buffer(name) for name in ("values", "slopes", "starts"))
        value, slope, start = (at_places(part, place) for part in parts)
        low, high, at_low, at_high = self.get_buffer("ends").T
        inside = value + slope * (numbers - start)
        inside = torch.where(numbers >= high, at_high, inside)
        return torch.where(numbers <= low, at_low, inside)


_CENTRAL, _TAILS = 0.425, 5.0
_HALF = 0.180625
_NEAR = (
    (3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
     45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727),
    (1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
     21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610),
)  # fmt: skip
_MIDDLE = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
     3.64784832476320460504, 1.27045825245236838258, 0.241780725177450611770,
     0.0227238449892691845833, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
     0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)  # fmt: skip
_FAR = (
    (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
     0.296560571828504891230, 0.0265321895265761230930, 0.00124266094738807843860,
     2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)  # fmt: skip


def normal_quantile(p: Tensor) -> Tensor:
    """Return the number below which a share p of a standard normal distribution lies.

    Made of operations that every runtime has, to a relative 1e-15; ``torch.special.ndtri`` has no
    form there.

    Args:
        p: From 0 to 1, double precision; outside it is NaN.

    Source: Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution".

    Example:
        >>> normal_quantile(torch.tensor([0.025, 0.5], dtype=torch.float64))
        tensor([-1.9600,  0.0000], dtype=torch.float64)
    """
    q = p - 0.5
    central = q * _ratio(_HALF - q * q, _NEAR)
    tail = torch.where(q < 0, p, 1 - p)
    r = (-tail.clamp_min(1e-300).log()).clamp_min(0.0).sqrt()
    beyond = torch.where(r <= _TAILS, _ratio(r - 1.6, _MIDDLE), _ratio(r - _TAILS, _FAR))
    beyond = torch.where(q < 0, -beyond, beyond)
    beyond = torch.where(tail > 0, beyond, torch.where(q < 0, -torch.inf, torch.inf))
    found = torch.where(q.abs() <= _CENTRAL, central, beyond)
    return torch.where((p >= 0) & (p <= 1), found, torch.nan)


def _ratio(x: Tensor, coefficients: tuple[tuple[float, ...], tuple[float, ...]]) -> Tensor:
    above, below = (_polynomial(x, part) for part in coefficients)
    return above / below


def _polynomial(x: Tensor, coefficients: Sequence[float]) -> Tensor:
    total = torch.full_like(x, coefficients[-1])
    for one in reversed(coefficients[:-1]):
        total = total * x + one
    return total


_SMALL, _LARGE = 0.46875, 4.0
_ERF = (
    (3209.37758913846947, 377.485237685302021, 113.864154151050156, 3.16112374387056560,
     0.185777706184603153),
    (2844.23683343917062, 1282.61652607737228, 244.024637934444173, 23.6012909523441209, 1.0),
)  # fmt: skip
_ERFC = (
    (1230.33935479799725, 2051.07837782607147, 1712.04761263407058, 881.952221241769090,
     298.635138197400131, 66.1191906371416295, 8.88314979438837594, 0.564188496988670089,
     2.15311535474403846e-8),
    (1230.33935480374942, 3439.36767414372164, 4362.61909014324716, 3290.79923573345963,
     1621.38957456669019, 537.181101862009858, 117.693950891312499, 15.7449261107098347, 1.0),
)  # fmt: skip
_ERFC_FAR = (
    (6.58749161529837803e-4, 0.0160837851487422766, 0.125781726111229246, 0.360344899949804439,
     0.305326634961232344, 0.0163153871373020978),
    (2.33520497626869185e-3, 0.0605183413124413191, 0.527905102951428412, 1.87295284992346725,
     2.56852019228982242, 1.0),
)  # fmt: skip


def normal_share(scores: Tensor) -> Tensor:
    """Return the share of a standard normal distribution that lies below each score.

    As ``torch.special.ndtr``, which has no form in double precision elsewhere, to 1e-15.

    Source: Cody 1969, "Rational Chebyshev approximations for the error function".

    Example:
        >>> normal_share(torch.tensor([-1.96, 0.0], dtype=torch.float64))
        tensor([0.0250, 0.5000], dtype=torch.float64)
    """
    x = (scores.double() / math.sqrt(2)).clamp(-27, 27)
    size = x.abs()
    square = x * x
    near = 0.5 + 0.5 * x * _ratio(square, _ERF)
    middle = _ratio(size, _ERFC)
    inverse = 1 / square.clamp_min(1.0)
    far = (1 / math.sqrt(math.pi) - inverse * _ratio(inverse, _ERFC_FAR)) / size.clamp_min(1.0)
    beyond = 0.5 * (-square).exp() * torch.where(size <= _LARGE, middle, far)
    return torch.where(size <= _SMALL, near, torch.where(x < 0, beyond, 1 - beyond))
