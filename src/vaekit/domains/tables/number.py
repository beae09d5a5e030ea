"""Columns of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from vaekit.domains.tables.base import Cell, Column, Floats, missing_in, refuse, typed
from vaekit.domains.tables.conditions import Allowed, Condition
from vaekit.errors import DataError

__all__ = ["Number"]

_KNOTS = 1000
_FEW = 20  # so many different values are codes, and nothing is left to be a number
_MASS, _MASS_ROWS = 0.05, 10  # share and number of rows that make a value a code of its own
_MOST_DECIMALS = 6
_TAIL = 0.1
_FARTHEST = 6.0  # standard deviations beyond which no number is sent to the networks


@dataclass(frozen=True)
class Number(Column):
    """A column of numbers: values that many rows share are codes, the others are ranks.

    A rank among the training values is sent through the quantile function of the normal
    distribution, so that whatever the shape of the column, the networks see a standard normal
    number, and what they say comes back within the range and the shape of the column.

    Attributes:
        masses: Values that are codes, rising.
        values: Some of the others, rising, at most 1,000.
        ranks: Their share of smaller values, between 0 and 1.
        decimals: Digits after the point; ``None`` for as many as there are.
        snaps: Whether there are so few that all are known, and new ones are the nearest of them.
    """

    masses: Sequence[float] = ()
    values: Sequence[float] = ()
    ranks: Sequence[float] = ()
    decimals: int | None = None
    snaps: bool = False

    def fit(self, numbers: Floats) -> Self:
        """Learn from values, NaN where missing."""
        known = numbers[~np.isnan(numbers)]
        values, counts = np.unique(known, return_counts=True)
        heavy = counts >= max(_MASS_ROWS, _MASS * len(numbers))
        if len(values) <= _FEW:
            heavy[:] = True
        rest = known[np.isin(known, values[~heavy])]
        knots, ranks = _knots(rest)
        return replace(
            self,
            masses=tuple(values[heavy].tolist()),
            values=tuple(knots.tolist()),
            ranks=tuple(ranks.tolist()),
            decimals=_decimals(values),
            snaps=len(knots) == len(np.unique(rest)) <= len(rest) / 2,
        )

    @property
    def num_codes(self) -> int:
        """One for each mass, one for the other numbers, one for missing cells."""
        return len(self.masses) + self.has_number + self.has_missing

    @property
    def has_number(self) -> bool:
        """Whether there are values besides the masses."""
        return bool(self.values)

    @property
    def summary(self) -> str:
        """Its range, and the values that are codes."""
        everything = [*self.masses, *self.values]
        masses = f", {len(self.masses)} values of their own" if self.masses else ""
        return f"numbers from {min(everything):g} to {max(everything):g}{masses}"

    def encode(self, values: Any) -> Cell:
        """Codes of the masses, and normal scores of the ranks of the others."""
        missing = missing_in(self, values)
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
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
        return codes, np.where(is_mass | missing, np.nan, self._scores(numbers))

    def allow(self, condition: Condition) -> Allowed:
        """The codes of the masses, and the scores of the other numbers, within the condition.

        Of other numbers only one can be asked for, or a range; ``None`` is a missing cell.
        """
        masses = np.asarray(self.masses)
        if condition.values is None:
            low, high = (
                default if end is None else float(end)
                for end, default in ((condition.low, -np.inf), (condition.high, np.inf))
            )
            return self._between(low, high, (masses >= low) & (masses <= high), condition)
        numbers = [float(value) for value in condition.values if value is not None]
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

    def _around(self, number: float) -> tuple[float, float]:
        """What is shown as this number."""
        if self.snaps:
            knots = np.asarray(self.values)
            nearest = int(np.abs(knots - number).argmin())
            middles = [-np.inf, *((knots[1:] + knots[:-1]) / 2), np.inf]
            return middles[nearest], middles[nearest + 1]
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
        elsewhere = self.has_number and low <= self.values[-1] and high >= self.values[0]
        parts = [is_mass, [elsewhere] * self.has_number, [missing] * self.has_missing]
        codes = np.concatenate([np.asarray(part, dtype=bool) for part in parts])
        if not elsewhere:
            return Allowed(codes).possible(self.name, condition)
        ends = self._scores(np.clip([low, high], self.values[0], self.values[-1]))
        bounds = [-np.inf if low <= self.values[0] else ends[0]]
        bounds.append(np.inf if high >= self.values[-1] else ends[1])
        allowed = Allowed(codes, float(bounds[0]), float(bounds[1]), len(self.masses))
        return allowed.possible(self.name, condition)

    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """The masses, and the values of the ranks, rounded as in training."""
        table = np.array([*self.masses, np.nan, np.nan])
        found = table[np.minimum(codes - 1, len(self.masses))]
        if numbers is not None:
            elsewhere = codes == len(self.masses) + 1
            found = np.where(elsewhere, self._values(numbers), found)
        dtype = self.dtype
        if dtype.startswith(("int", "uint")) and self.has_missing:
            dtype = "float64"
        if np.isnan(found).any() and dtype[0].isupper():  # pandas' own types, which know holes
            return typed(typed(found, "Float64"), dtype)
        return found.astype(dtype) if dtype[0].islower() else typed(found, dtype)

    def _scores(self, numbers: Floats) -> Floats:
        """Normal scores; beyond the training range they go on with the slope of the tail."""
        knots, ranks = np.asarray(self.values), np.asarray(self.ranks)
        scores = ndtri(np.interp(numbers, knots, ranks))
        for end, inner in ((0, _TAIL), (-1, 1 - _TAIL)):
            edge, score = knots[end], ndtri(ranks[end])
            slope = (score - ndtri(inner)) / _apart(edge - np.interp(inner, ranks, knots))
            beyond = numbers < edge if end == 0 else numbers > edge
            scores = np.where(beyond, score + slope * (numbers - edge), scores)
        bounded: Floats = np.clip(scores, -_FARTHEST, _FARTHEST)
        return bounded

    def _values(self, scores: Floats) -> Floats:
        knots = np.asarray(self.values)
        found = np.interp(ndtr(scores), np.asarray(self.ranks), knots)
        if self.snaps:
            return _nearest(knots, found)
        if self.decimals is not None:
            found = np.round(found, self.decimals)
        within: Floats = np.clip(found, knots[0], knots[-1])
        return within


def _knots(numbers: Floats) -> tuple[Floats, Floats]:
    """Different values, and the share of values below each (half of its equals counted)."""
    values, counts = np.unique(numbers, return_counts=True)
    if not len(values):
        return values, values
    ranks = (counts.cumsum() - counts / 2) / counts.sum()
    if len(values) <= _KNOTS:
        return values, ranks
    wanted = np.linspace(0, len(values) - 1, _KNOTS).round().astype(np.int64)
    return values[wanted], ranks[wanted]


def _nearest(knots: Floats, numbers: Floats) -> Floats:
    if len(knots) == 1:
        return np.full_like(numbers, knots[0])
    above = np.searchsorted(knots, numbers).clip(1, len(knots) - 1)
    below, after = knots[above - 1], knots[above]
    nearest: Floats = np.where(numbers - below < after - numbers, below, after)
    return nearest


def _decimals(values: Floats) -> int | None:
    for decimals in range(_MOST_DECIMALS + 1):
        close = 1e-12 + 1e-9 * 10**-decimals
        if np.allclose(np.round(values, decimals), values, rtol=0, atol=close):
            return decimals
    return None


def _apart(difference: float) -> float:
    return difference if abs(difference) > 1e-12 else float("inf")
