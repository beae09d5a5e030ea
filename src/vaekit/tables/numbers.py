"""Columns of numbers, and the transforms through which networks see them."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from vaekit.bounds import Integer
from vaekit.domains.stored import StoredFields
from vaekit.errors import DataError
from vaekit.reading.records import nullable_dtype
from vaekit.tables.columns import (
    Cell,
    Column,
    Floats,
    missing_in,
    refuse,
    refuse_other_kind,
    typed,
)
from vaekit.tables.constraints import Allowed, Condition

FARTHEST = 6.0
"""Standard deviations beyond which no number is sent to the networks."""


class Scale(abc.ABC):
    """From numbers to scores, which the likelihood takes for about standard normal.

    Attributes:
        values: Some of the training values, rising, the smallest and the largest among them.
        snaps: Whether these are all values, so that there is nothing between them.
    """

    values: Sequence[float]
    snaps: bool

    @abc.abstractmethod
    def check_stored(self, fields: StoredFields) -> None:
        """Refuse stored fields that do not fit each other.

        Raises:
            FormatError: Names the field, the rule and what was got.
        """

    @abc.abstractmethod
    def scores(self, numbers: Floats) -> Floats:
        """Return what the networks see of numbers, those beyond the training range included."""

    @abc.abstractmethod
    def numbers(self, scores: Floats) -> Floats:
        """Return the numbers that have these scores, within the training range."""

    @abc.abstractmethod
    def range(self, low: float, high: float) -> tuple[float, float] | None:
        """Return the scores of numbers from low to high; ``None`` if there are none."""

    @abc.abstractmethod
    def bins(self, most: int) -> tuple[float, ...]:
        """Ends of bins of scores, as shares of the standard normal distribution.

        Args:
            most: Bins, at most.
        """


_KNOTS = 1000
_TIED = 3  # rows from which a value is one that others share
_TAIL = 0.1
_INSET = 1e-6  # of a range, so that its ends do not fall to the values next to it


@dataclass(frozen=True)
class QuantileTransform(Scale):
    """The distribution function of a column, with steps where rows share a value.

    A rank is the share of smaller values, from 0 to 1. A value that rows share has a range of
    ranks, and comes back from each of them; between values, ranks are interpolated.

    Attributes:
        values: Some values, rising, at most 1,000.
        lows: The share of values below each.
        highs: The share of values up to each; the same as below for values that are not shared.
        snaps: Whether these are all values, so that there is nothing between them.

    Example:
        >>> ranks = QuantileTransform.of(np.array([1.0, 1.0, 1.0, 2.0, 3.0, 4.0]))
        >>> ranks.value(np.array([0.1, 0.4, 0.75])).tolist()
        [1.0, 1.0, 3.0]
    """

    values: Sequence[float] = ()
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()
    snaps: bool = False

    def check_stored(self, fields: StoredFields) -> None:
        """Refuse values without their shares."""
        for name, shares in (("lows", self.lows), ("highs", self.highs)):
            fields.length(name, shares, len(self.values))
            fields.require(list(shares) == sorted(shares), name, "rise", shares)
            fits = not shares or (shares[0] >= 0 and shares[-1] <= 1)
            fields.require(fits, name, "be from 0 to 1", shares)
        fields.require(list(self.values) == sorted(self.values), "values", "rise", self.values)

    @classmethod
    def of(cls, numbers: Floats) -> Self:
        """Learn from numbers, none of them missing."""
        return cls.of_counts(*np.unique(numbers, return_counts=True))

    @classmethod
    def of_counts(
        cls,
        values: Floats,
        counts: NDArray[np.int64],
        shared: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Learn from numbers that rise, and how often each occurs.

        Args:
            values: Some numbers, or all.
            counts: For how many each stands.
            shared: Which occur so often themselves; ``None`` for all, and then there are no others.
        """
        if not len(values):
            return cls()
        snaps = shared is None and bool(len(values) <= min(_KNOTS, counts.sum() / 2))
        highs = counts.cumsum() / counts.sum()
        lows = np.concatenate([[0.0], highs[:-1]])
        own = counts if shared is None else np.where(shared, counts, 1)
        alone = (own < _TIED) & (not snaps)
        lows[alone] = highs[alone] = (lows[alone] + highs[alone]) / 2
        kept = _kept(own)
        found, below, up_to = (tuple(part[kept].tolist()) for part in (values, lows, highs))
        return cls(found, below, up_to, snaps)

    @property
    def middles(self) -> Floats:
        """The rank of each value: the middle of its range."""
        middles: Floats = (np.asarray(self.lows) + np.asarray(self.highs)) / 2
        return middles

    def scores(self, numbers: Floats) -> Floats:
        """Normal scores of ranks; beyond the training range they go on with the tail's slope."""
        scores = ndtri(self.rank(numbers))
        (low, at_low, slope_low), (high, at_high, slope_high) = self.tails
        scores = np.where(numbers < low, at_low + slope_low * (numbers - low), scores)
        scores = np.where(numbers > high, at_high + slope_high * (numbers - high), scores)
        bounded: Floats = np.clip(scores, -FARTHEST, FARTHEST)
        return bounded

    @property
    def tails(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """The least and the largest value, the score of each, and how scores go on beyond it."""
        low, high = (self._tail(end, inner) for end, inner in ((0, _TAIL), (-1, 1 - _TAIL)))
        return low, high

    def _tail(self, end: int, inner: float) -> tuple[float, float, float]:
        edge, score = self.values[end], float(ndtri(self.middles[end]))
        apart = _apart(edge - float(self.value(np.array(inner))), self._size)
        return edge, score, float((score - ndtri(inner)) / apart)

    @property
    def _size(self) -> float:
        """The largest size of a value, so that differences are judged by it; 1 at most."""
        return min(1.0, max(abs(self.values[0]), abs(self.values[-1])))

    def numbers(self, scores: Floats) -> Floats:
        """Return the numbers of these normal scores."""
        return self.value(ndtr(scores))

    def rank(self, numbers: Any) -> Floats:
        """Ranks of numbers; those beyond the first and last have theirs."""
        ranks: Floats = np.interp(numbers, self.values, self.middles)
        return ranks

    def value(self, ranks: Floats) -> Floats:
        """Return the numbers that have these ranks."""
        if self.snaps:
            found: Floats = np.asarray(self.values)[np.searchsorted(self.highs[:-1], ranks)]
            return found
        ends = np.stack([self.lows, self.highs], 1).ravel()
        between: Floats = np.interp(ranks, ends, np.repeat(self.values, 2))
        return between

    def range(self, low: float, high: float) -> tuple[float, float] | None:
        """Return the normal scores of numbers from low to high; ``None`` if there are none."""
        if (ranks := self.between(low, high)) is None:
            return None
        lowest, highest = ndtri(ranks).tolist()
        return lowest, highest

    def between(self, low: float, high: float) -> tuple[float, float] | None:
        """Return the ranks of numbers from low to high; ``None`` if there are none."""
        values = np.asarray(self.values)
        nothing = low > values[-1] or high < values[0]
        if nothing or (self.snaps and not ((values >= low) & (values <= high)).any()):
            return None
        first = int(np.searchsorted(values, low))
        last = int(np.searchsorted(values, high, side="right")) - 1
        start = 0.0 if low <= values[0] else self._at(first - 1, first, low)[0]
        end = 1.0 if high >= values[-1] else self._at(last, last + 1, high)[1]
        inner = _INSET * (end - start)
        return start + inner * (start > 0), end - inner * (end < 1)

    def _at(self, below: int, above: int, number: float) -> tuple[float, float]:
        """The range of ranks of a number that is one of two neighbouring values, or between."""
        for place in (below, above):
            if self.values[place] == number:
                return self.lows[place], self.highs[place]
        share = (number - self.values[below]) / (self.values[above] - self.values[below])
        rank = self.highs[below] + share * (self.lows[above] - self.highs[below])
        return rank, rank

    def bins(self, most: int) -> tuple[float, ...]:
        """Ends of bins of equal probability, moved where they would part a shared value.

        Args:
            most: Bins, at most.
        """
        ends = np.linspace(0, 1, most + 1)
        lows, highs = np.asarray(self.lows), np.asarray(self.highs)
        place = np.searchsorted(lows, ends, side="right") - 1
        low, high = lows[place.clip(0)], highs[place.clip(0)]
        inside = (place >= 0) & (low < ends) & (ends < high)
        nearest = np.where(ends - low < high - ends, low, high)
        return tuple(np.unique([0.0, *np.where(inside, nearest, ends)[1:-1], 1.0]).tolist())


def _kept(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the values to keep: evenly spaced ones, and those that most rows share."""
    if len(counts) <= _KNOTS:
        return np.arange(len(counts))
    heavy = np.argsort(counts, kind="stable")[::-1][: _KNOTS // 2]
    heavy = heavy[counts[heavy] >= _TIED]
    spaced = np.linspace(0, len(counts) - 1, _KNOTS - len(heavy)).round().astype(np.int64)
    return np.union1d(spaced, heavy)


def _apart(difference: float, size: float) -> float:
    return difference if abs(difference) > 1e-12 * size else float("inf")


_MOST = 1000
_ORDINARY = (1e-100, 1e100)  # sizes whose squares are neither 0 nor infinite


@dataclass(frozen=True)
class StandardScaling(Scale):
    """Numbers in standard deviations from their mean.

    What is linear between columns stays so, which ranks bend; in return the column is normal only
    if it was.

    Attributes:
        values: All values if there are at most 1,000 and rows share them, else the two ends.
        mean: Of the training numbers.
        spread: Their standard deviation.
        snaps: Whether these are all values.

    Example:
        >>> scale = StandardScaling.of(np.array([1.0, 2.0, 3.0]))
        >>> scale.numbers(scale.scores(np.array([1.0, 2.5]))).tolist()
        [1.0, 2.5]
    """

    values: Sequence[float] = ()
    mean: float = 0.0
    spread: float = 1.0
    snaps: bool = False

    def check_stored(self, fields: StoredFields) -> None:
        """Refuse values that do not rise, and a spread of nothing."""
        fields.require(list(self.values) == sorted(self.values), "values", "rise", self.values)
        fields.require(self.spread > 0, "spread", "be above 0", self.spread)

    @classmethod
    def of(cls, numbers: Floats) -> Self:
        """Learn from numbers, none of them missing."""
        values = np.unique(numbers)
        if not len(values):
            return cls()
        snaps = bool(len(values) <= min(_MOST, len(numbers) / 2))
        kept = values if snaps else values[[0, -1]]
        size = np.abs(numbers).max()
        unit = size if size and not _ORDINARY[0] < size < _ORDINARY[1] else 1.0
        spread = float((numbers / unit).std() * unit) or 1.0
        mean = float((numbers / unit).mean() * unit)
        return cls(tuple(kept.tolist()), mean, spread, snaps)

    @classmethod
    def of_counts(
        cls,
        values: Floats,
        counts: NDArray[np.int64],
        shared: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Learn from numbers that rise, and how often each occurs; see `QuantileTransform`."""
        if not len(values):
            return cls()
        snaps = shared is None and bool(len(values) <= min(_MOST, counts.sum() / 2))
        mean = float(np.average(values, weights=counts))
        spread = float(np.sqrt(np.average(np.square(values - mean), weights=counts))) or 1.0
        kept = values if snaps else values[[0, -1]]
        return cls(tuple(kept.tolist()), mean, spread, snaps)

    def scores(self, numbers: Floats) -> Floats:
        """Standard deviations from the mean, 6 at most."""
        scores: Floats = np.clip((numbers - self.mean) / self.spread, -FARTHEST, FARTHEST)
        return scores

    def numbers(self, scores: Floats) -> Floats:
        """Return the number, or the nearest value where all are known."""
        numbers, values = self.mean + self.spread * scores, np.asarray(self.values)
        if self.snaps:
            between = (values[1:] + values[:-1]) / 2
            nearest: Floats = values[np.searchsorted(between, numbers)]
            return nearest
        bounded: Floats = np.clip(numbers, values[0], values[-1])
        return bounded

    def range(self, low: float, high: float) -> tuple[float, float] | None:
        """Return the scores of numbers from low to high, of whole values where all are known."""
        values = np.asarray(self.values)
        if low > values[-1] or high < values[0]:
            return None
        if self.snaps:
            inside = np.flatnonzero((values >= low) & (values <= high))
            if not len(inside):
                return None
            ends = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
            low, high = ends[inside[0]], ends[inside[-1] + 1]
        start = -np.inf if low <= values[0] else (low - self.mean) / self.spread
        end = np.inf if high >= values[-1] else (high - self.mean) / self.spread
        return float(start), float(end)

    def bins(self, most: int) -> tuple[float, ...]:
        """Ends of bins of equal probability."""
        return tuple(np.linspace(0, 1, most + 1).tolist())


_FEW = 20  # so many different values are codes, and nothing is left to be a number
_MASS, _MASS_ROWS = 0.05, 10  # share and number of rows that make a value a code of its own
_MOST_DECIMALS = 6


SCALES: dict[str, type[QuantileTransform] | type[StandardScaling]] = {
    "quantiles": QuantileTransform,
    "standard": StandardScaling,
}
"""How numbers are scaled: to normal scores of their ranks, or in standard deviations."""


@dataclass(frozen=True)
class NumericColumn(Column):
    """A column of numbers: values that many rows share are codes, the others are ranks.

    A rank among the training values is sent through the quantile function of the normal
    distribution, so that whatever the shape of the column, the networks see a standard normal
    number, and what they say comes back within the range and the shape of the column.

    Attributes:
        masses: Values that are codes, rising.
        scale: Of the others: `QuantileTransform` or `StandardScaling`.
        decimals: Digits after the point; ``None`` for as many as there are.
        offset: What is taken off integers of more than 53 bits, so that each stays exact.
    """

    masses: Sequence[float] = ()
    scale: Scale = field(default_factory=QuantileTransform)
    decimals: int | None = None
    offset: Integer = 0

    def read(self, values: Any) -> Floats:
        """Return numbers of a series less the offset, NaN for what is none."""
        import pandas as pd

        numbers = pd.to_numeric(values, errors="coerce")
        if not self.offset:
            found: Floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
            return found
        whole = [
            float(int(value) - self.offset) if np.isfinite(value) else np.nan
            for value in numbers.astype(object).where(numbers.notna(), np.nan)
        ]
        return np.array(whole)

    def fit(self, numbers: Floats, scale: str = "quantiles") -> Self:
        """Learn from values, NaN where missing.

        Args:
            numbers: The values.
            scale: One of `SCALES`.
        """
        known = numbers[~np.isnan(numbers)]
        values, counts = np.unique(known, return_counts=True)
        heavy = are_masses(counts, len(numbers), len(values))
        rest = known[np.isin(known, values[~heavy])]
        return replace(
            self,
            masses=tuple(values[heavy].tolist()),
            scale=SCALES[scale].of(rest),
            decimals=decimals_of(values),
        )

    def with_counts(
        self,
        values: Floats,
        counts: NDArray[np.int64],
        masses: Floats,
        scale: str,
        decimals: int | None,
        shared: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Learn from values that were counted; what `fit` learns from the values themselves.

        Args:
            values: Numbers, rising; all of them, or some.
            counts: For how many each stands.
            masses: Those that are codes.
            scale: One of `SCALES`.
            decimals: Digits after the point; ``None`` for as many as there are.
            shared: Of some values; see `QuantileTransform.of_counts`.
        """
        rest = ~np.isin(values, masses)
        shared = None if shared is None else shared[rest]
        learned = SCALES[scale].of_counts(values[rest], counts[rest], shared)
        return replace(self, masses=tuple(masses.tolist()), scale=learned, decimals=decimals)

    def check_stored(self, fields: StoredFields) -> None:
        """Refuse masses and values that do not rise."""
        rising = list(self.masses) == sorted(set(self.masses))
        fields.require(rising, "masses", "rise", self.masses)
        self.scale.check_stored(StoredFields(f"{fields.place}.args.scale"))
        fields.require(self.num_codes > 0, "masses", "be given, or values of the scale", ())

    @property
    def num_codes(self) -> int:
        """One for each mass, one for the other numbers, one for missing cells."""
        return len(self.masses) + self.has_number + self.has_missing

    @property
    def number_code(self) -> int:
        """The code after the masses, where there are other values."""
        return len(self.masses) + 1 if self.scale.values else 0

    def bins(self, most: int) -> Sequence[float]:
        """Equal ones, which hold whole values where rows share some."""
        return self.scale.bins(most)

    @property
    def kind(self) -> str:
        """``"number"``."""
        return "number"

    @property
    def summary(self) -> str:
        """Its range, and the values that are codes."""
        everything = [*self.masses, *self.scale.values]
        if self.offset:
            low, high = (int(end) + self.offset for end in (min(everything), max(everything)))
            return f"integers from {low} to {high}"
        masses = f", {len(self.masses)} values of their own" if self.masses else ""
        return f"numbers from {min(everything):g} to {max(everything):g}{masses}"

    def adapt(self, values: Any) -> Any:
        """Return the nearest known number, where a column has few."""
        import pandas as pd

        numbers = self.read(values)
        known = np.isfinite(numbers)
        refuse_other_kind(self, values, known, "held numbers")
        if self.has_number or not self.masses:
            return values
        masses = np.asarray(self.masses)
        nearest = masses[np.searchsorted((masses[1:] + masses[:-1]) / 2, numbers)]
        if self.offset:
            whole = [
                int(n) + self.offset if k else None for n, k in zip(nearest, known, strict=True)
            ]
            found = pd.Series(whole, values.index, dtype="Int64", name=values.name)
        else:
            found = pd.Series(np.where(known, nearest, np.nan), values.index, name=values.name)
        return found.where(known | values.isna(), values.astype(object))

    def knows(self, values: Any) -> NDArray[np.bool_]:
        """Finite numbers, of training where it had few, and missing cells if it had some."""
        numbers = self.read(values)
        told = np.isfinite(numbers) if self.has_number else np.isin(numbers, self.masses)
        found: NDArray[np.bool_] = told | (values.isna().to_numpy() & self.has_missing)
        return found

    def encode(self, values: Any) -> Cell:
        """Codes of the masses, and normal scores of the ranks of the others."""
        missing = missing_in(self, values)
        numbers = self.read(values)
        bad = np.isnan(numbers) & ~missing
        refuse(self, values, bad, "held numbers", "Clean it.")
        refuse(self, values, np.isinf(numbers), "held finite numbers", "Clean it.")
        place = np.searchsorted(self.masses, numbers) if self.masses else np.zeros(len(numbers))
        place = np.minimum(place, max(0, len(self.masses) - 1)).astype(np.int64)
        is_mass = np.asarray(self.masses)[place] == numbers if self.masses else missing & False
        if not self.has_number:
            refuse(
                self,
                values,
                ~is_mass & ~missing,
                f"held {len(self.masses)} different numbers",
                f"Known are {list(self.masses[:_FEW])}.",
            )
        codes = np.where(is_mass, place + 1.0, len(self.masses) + 1.0)
        codes[missing] = self.num_codes
        if not self.has_number:
            return codes, None
        return codes, np.where(is_mass | missing, np.nan, self.scale.scores(numbers))

    def allow(self, condition: Condition) -> Allowed:
        """The codes of the masses, and the scores of the other numbers, within the condition.

        Of other numbers only one can be asked for, or a range; ``None`` is a missing cell.
        """
        masses = np.asarray(self.masses)
        if condition.values is None:
            low, high = (
                default if end is None else self._counted(end)
                for end, default in ((condition.low, -np.inf), (condition.high, np.inf))
            )
            return self._between(low, high, (masses >= low) & (masses <= high), condition)
        numbers = [self._counted(v) for v in condition.values if v is not None]
        is_mass = np.isin(masses, numbers)
        others = [number for number in numbers if number not in self.masses]
        if len(others) > 1:
            raise DataError(
                f"of column {self.name!r} allow one number or a range (low, high); got "
                f"{sorted(others)}."
            )
        missing = len(numbers) < len(condition.values)
        if not others:
            return self._between(np.inf, -np.inf, is_mass, condition, missing)
        low, high = self._around(others[0])
        return self._between(low, high, is_mass, condition, missing)

    def _counted(self, value: Any) -> float:
        """Return a number that a condition names, from the offset.

        Raises:
            DataError: It is none, or too large to be one.
        """
        try:
            return float(value - self.offset)
        except (TypeError, ValueError, OverflowError) as error:
            shown = repr(value)
            shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
            raise DataError(
                f"column {self.name!r} holds numbers; a condition on it must name one, got {shown}."
            ) from error

    def _around(self, number: float) -> tuple[float, float]:
        """Return what is shown as this number."""
        if self.scale.snaps:
            nearest = min(self.scale.values, key=lambda value: abs(value - number))
            return nearest, nearest
        half = 0.0 if self.decimals is None else 0.5 * 10.0**-self.decimals
        return number - half, number + half

    def _between(
        self,
        low: float,
        high: float,
        is_mass: NDArray[np.bool_],
        condition: Condition,
        missing: bool = False,
    ) -> Allowed:
        scores = self.scale.range(low, high) if self.has_number else None
        parts = [is_mass, [scores is not None] * self.has_number, [missing] * self.has_missing]
        codes = np.concatenate([np.asarray(part, dtype=bool) for part in parts])
        if scores is None:
            return Allowed(codes).possible(self.name, condition)
        allowed = Allowed(codes, *scores, len(self.masses))
        return allowed.possible(self.name, condition)

    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """Return the masses, and the values of the ranks, rounded as in training."""
        table = np.array([*self.masses, np.nan, np.nan])
        found = table[np.minimum(codes - 1, len(self.masses))]
        if numbers is not None:
            elsewhere = codes == len(self.masses) + 1
            found = np.where(elsewhere, self._values(numbers), found)
        dtype = self.dtype
        if self.offset:
            return self._whole(found)
        if dtype.startswith(("int", "uint")) and self.has_missing:
            dtype = "float64"
        if np.isnan(found).any() and dtype[0].isupper():  # pandas' own types, which know holes
            return typed(typed(found, "Float64"), dtype)
        return found.astype(dtype) if dtype[0].islower() else typed(found, dtype)

    def _whole(self, numbers: Floats) -> Any:
        """Return exact integers; those with gaps in a type that knows them."""
        whole = [None if np.isnan(n) else int(n) + self.offset for n in numbers.round()]
        return typed(whole, nullable_dtype(self.dtype) if None in whole else self.dtype)

    def _values(self, scores: Floats) -> Floats:
        found = self.scale.numbers(scores)
        if not self.scale.snaps and self.decimals is not None:
            found = np.round(found, self.decimals)
        return found


def are_masses(counts: NDArray[np.int64], rows: int, values: int) -> NDArray[np.bool_]:
    """Return which values so many rows share that they are codes."""
    heavy: NDArray[np.bool_] = counts >= max(_MASS_ROWS, _MASS * rows)
    return heavy | (values <= _FEW)


def decimals_of(values: Floats) -> int | None:
    """Return after how many digits numbers end; ``None`` if they go on, or are tiny."""
    size = np.abs(values).max(initial=0.0)
    for decimals in range(_MOST_DECIMALS + 1):
        close = min(1.0, size) * (1e-12 + 1e-9 * 10**-decimals)
        if np.allclose(np.round(values, decimals), values, rtol=0, atol=close):
            return decimals
    return None
