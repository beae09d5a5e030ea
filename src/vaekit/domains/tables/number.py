"""Columns of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.tables.base import Cell, Column, Floats, missing_in, refuse, typed
from vaekit.domains.tables.conditions import Allowed, Condition
from vaekit.domains.tables.ranks import Ranks
from vaekit.domains.tables.scale import Scale
from vaekit.domains.tables.straight import Straight
from vaekit.errors import DataError

__all__ = ["SCALES", "Number"]

_FEW = 20  # so many different values are codes, and nothing is left to be a number
_MASS, _MASS_ROWS = 0.05, 10  # share and number of rows that make a value a code of its own
_MOST_DECIMALS = 6


SCALES: dict[str, type[Ranks] | type[Straight]] = {"ranks": Ranks, "straight": Straight}
"""How numbers are scaled: to normal scores of their ranks, or in standard deviations."""


@dataclass(frozen=True)
class Number(Column):
    """A column of numbers: values that many rows share are codes, the others are ranks.

    A rank among the training values is sent through the quantile function of the normal
    distribution, so that whatever the shape of the column, the networks see a standard normal
    number, and what they say comes back within the range and the shape of the column.

    Attributes:
        masses: Values that are codes, rising.
        scale: Of the others: `Ranks` or `Straight`.
        decimals: Digits after the point; ``None`` for as many as there are.
    """

    masses: Sequence[float] = ()
    scale: Scale = field(default_factory=Ranks)
    decimals: int | None = None

    def fit(self, numbers: Floats, scale: str = "ranks") -> Self:
        """Learn from values, NaN where missing.

        Args:
            numbers: The values.
            scale: One of `SCALES`.
        """
        known = numbers[~np.isnan(numbers)]
        values, counts = np.unique(known, return_counts=True)
        heavy = counts >= max(_MASS_ROWS, _MASS * len(numbers))
        if len(values) <= _FEW:
            heavy[:] = True
        rest = known[np.isin(known, values[~heavy])]
        return replace(
            self,
            masses=tuple(values[heavy].tolist()),
            scale=SCALES[scale].of(rest),
            decimals=_decimals(values),
        )

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
    def summary(self) -> str:
        """Its range, and the values that are codes."""
        everything = [*self.masses, *self.scale.values]
        masses = f", {len(self.masses)} values of their own" if self.masses else ""
        return f"numbers from {min(everything):g} to {max(everything):g}{masses}"

    def knows(self, values: Any) -> NDArray[np.bool_]:
        """Finite numbers, of training where it had few, and missing cells if it had some."""
        import pandas as pd

        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        told = np.isfinite(numbers) if self.has_number else np.isin(numbers, self.masses)
        found: NDArray[np.bool_] = told | (values.isna().to_numpy() & self.has_missing)
        return found

    def encode(self, values: Any) -> Cell:
        """Codes of the masses, and normal scores of the ranks of the others."""
        import pandas as pd

        missing = missing_in(self, values)
        read = pd.to_numeric(values, errors="coerce")
        bad = read.isna().to_numpy() & ~missing
        refuse(self, values, bad, "held numbers", "Clean it.")
        numbers = read.to_numpy(dtype=np.float64, na_value=np.nan)
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

    def _values(self, scores: Floats) -> Floats:
        found = self.scale.numbers(scores)
        if not self.scale.snaps and self.decimals is not None:
            found = np.round(found, self.decimals)
        return found


def _decimals(values: Floats) -> int | None:
    for decimals in range(_MOST_DECIMALS + 1):
        close = 1e-12 + 1e-9 * 10**-decimals
        if np.allclose(np.round(values, decimals), values, rtol=0, atol=close):
            return decimals
    return None
