"""Conditions on cells, and constraints that every row must obey."""

import abc
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, SpecError, unknown_name


@dataclass(frozen=True)
class Condition:
    """Some values, or a range.

    Attributes:
        values: The values that are allowed; ``None`` for a range.
        low: Least value of a range; ``None`` for no bound.
        high: Largest value of a range; ``None`` for no bound.

    Example:
        >>> Condition.of("vet"), Condition.of((30, None))
        (Condition(values=('vet',), low=None, high=None), Condition(values=None, low=30, high=None))
    """

    values: tuple[Any, ...] | None = None
    low: Any = None
    high: Any = None

    @classmethod
    def of(cls, given: Any) -> Self:
        """From one value, a list or set of them, or a pair (low, high), either ``None`` if open.

        Raises:
            DataError: A tuple that is no pair, or a range without bounds.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, list | set | frozenset):
            return cls(values=tuple(map(_known, given)))
        if not isinstance(given, tuple):
            return cls(values=(_known(given),))
        ends = tuple(map(_known, given))
        if len(ends) != 2 or ends == (None, None):
            raise DataError(
                f"a range must be a pair (low, high), one of them None if open; got {given!r}. "
                "Pass a list for several values."
            )
        return cls(low=ends[0], high=ends[1])


def _known(value: Any) -> Any:
    """Return ``None`` for NaN, NaT and NA, all of which stand for a missing cell."""
    import pandas as pd

    return None if np.ndim(value) == 0 and pd.isna(value) else value


@dataclass(frozen=True)
class Allowed:
    """The same as the networks see it.

    Attributes:
        codes: Which codes are allowed, shape (codes,).
        low: Least number that is allowed where the code asks for one.
        high: The largest.
        number: Place of that code; ``None`` where no code does.
    """

    codes: NDArray[np.bool_]
    low: float = -np.inf
    high: float = np.inf
    number: int | None = None

    def possible(self, name: str, condition: Condition) -> Self:
        """Itself, if anything is allowed.

        Raises:
            DataError: Nothing is.
        """
        if not self.codes.any() or self.low > self.high:
            raise DataError(
                f"the condition on column {name!r} can never hold: no row of training has a value "
                f"like that; got {condition}."
            )
        return self


_DIGITS = 9  # after the point: what a sum of decimals adds beyond is rounding


@dataclass(frozen=True)
class Constraint(abc.ABC):
    """Columns turned into others from which the constraint follows, and back."""

    @property
    @abc.abstractmethod
    def names(self) -> tuple[str, ...]:
        """The columns that it speaks of."""

    @abc.abstractmethod
    def apply(self, frame: Any) -> Any:
        """Return the table as it is learned.

        Raises:
            DataError: A row that breaks the constraint, named.
        """

    def apply_to_new(self, frame: Any) -> Any:
        """Return later rows as they are learned; cells that break the constraint are missing."""
        return self.apply(frame)

    @abc.abstractmethod
    def undo(self, frame: Any) -> Any:
        """Return the table as it was."""

    def check(self, frame: Any) -> None:
        """Look for the columns.

        Raises:
            SpecError: One is not there; suggests the nearest.
        """
        for name in self.names:
            if name not in frame.columns:
                raise unknown_name("column", name, list(frame.columns))


@dataclass(frozen=True)
class Inequality(Constraint):
    """One column is never above another: numbers, dates or durations.

    What is learned of the second is how far it is above the first, so that it is above it in every
    new row. Where either is missing, the second is.

    Attributes:
        low: Name of the smaller column.
        high: Name of the larger one.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"start": [1, 5], "end": [4, 5]})
        >>> Inequality("start", "end").apply(frame)
           start  end
        0      1    3
        1      5    0
    """

    low: str
    high: str

    @property
    def names(self) -> tuple[str, ...]:
        """Both columns."""
        return self.low, self.high

    def apply(self, frame: Any) -> Any:
        """Return the larger column as its distance from the smaller one."""
        self.check(frame)
        try:
            distance = frame[self.high] - frame[self.low]
            bad = (distance < distance.dtype.type(0)).to_numpy(dtype=bool, na_value=False)
        except TypeError as error:
            raise DataError(
                f"columns {self.low!r} and {self.high!r} must be numbers, or both dates, to be "
                f"compared; {error}."
            ) from error
        if bad.any():
            row = int(bad.argmax())
            raise DataError(
                f"column {self.low!r} must never be above {self.high!r}; row {row} has "
                f"{frame[self.low].iloc[row]} and {frame[self.high].iloc[row]} "
                f"({int(bad.sum())} such rows). Clean them, or drop the constraint."
            )
        return frame.assign(**{self.high: distance})

    def apply_to_new(self, frame: Any) -> Any:
        """Return distances; missing where a row breaks the order."""
        self.check(frame)
        bad = (frame[self.low] > frame[self.high]).to_numpy(dtype=bool, na_value=False)
        return self.apply(frame.assign(**{self.high: frame[self.high].mask(bad)}))

    def undo(self, frame: Any) -> Any:
        """Return the larger column as itself."""
        high = frame[self.low] + frame[self.high]
        is_float = high.dtype.kind == "f"
        return frame.assign(**{self.high: high.round(_DIGITS) if is_float else high})


@dataclass(frozen=True)
class FixedCombinations(Constraint):
    """Columns whose values occur in the combinations of training only, such as city and country.

    Attributes:
        columns: Their names, two or more.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"city": ["Rome", "Lyon"], "country": ["IT", "FR"]})
        >>> FixedCombinations(("city", "country")).apply(frame).columns.tolist()
        ['city+country']
    """

    columns: Sequence[str]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(self.columns)

    @property
    def _joint(self) -> str:
        return "+".join(self.columns)

    def apply(self, frame: Any) -> Any:
        """Return one column of combinations."""
        import pandas as pd

        self.check(frame)
        plain = frame[list(self.columns)].astype(object)
        plain = plain.where(plain.notna(), None)
        combinations = [
            json.dumps([_plain(v) for v in row]) for row in plain.itertuples(index=False)
        ]
        place = min(list(frame.columns).index(name) for name in self.columns)
        rest = frame.drop(columns=list(self.columns))
        before = sum(name not in self.columns for name in frame.columns[:place])
        joint = pd.Series(combinations, index=frame.index, dtype="str")
        rest.insert(before, self._joint, joint)
        return rest

    def undo(self, frame: Any) -> Any:
        """Return the columns of the combinations."""
        rows = [json.loads(text) for text in frame[self._joint]]
        parts = {name: [row[i] for row in rows] for i, name in enumerate(self.columns)}
        return frame.drop(columns=self._joint).assign(**parts)


@dataclass(frozen=True)
class Unique(Constraint):
    """Columns whose values together occur once only, such as customer and day.

    It is met by drawing rows again; so it has no effect on what is learned. A column that is unique
    alone is recognised as a key and needs no constraint.

    Attributes:
        columns: Their names, one or more.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"who": ["a", "a", "b", "a"], "day": [1, 2, 1, 1]})
        >>> Unique(("who", "day")).repeated(frame).tolist()
        [False, False, False, True]
    """

    columns: Sequence[str]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(self.columns)

    def repeated(self, frame: Any) -> NDArray[np.bool_]:
        """Return which rows have the values of a row above them."""
        found: NDArray[np.bool_] = frame.duplicated(list(self.columns)).to_numpy()
        return found

    def apply(self, frame: Any) -> Any:
        """Return the table as it is."""
        self.check(frame)
        if (bad := self.repeated(frame)).any():
            row = int(bad.argmax())
            values = [_plain(frame[name].iloc[row]) for name in self.columns]
            raise DataError(
                f"columns {list(self.columns)} must be unique together; row {row} repeats "
                f"{values} ({int(bad.sum())} such rows). Clean them, or drop the constraint."
            )
        return frame

    def apply_to_new(self, frame: Any) -> Any:
        """Return the table as it is: later rows may repeat each other."""
        self.check(frame)
        return frame

    def undo(self, frame: Any) -> Any:
        """Return the table as it is; see `TableDomain.repeated`."""
        return frame


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def read_inequality(text: str) -> Inequality:
    """Return the rule that a text such as ``begin < end`` states.

    Raises:
        SpecError: Another form.

    Example:
        >>> read_inequality("begin < end").high
        'end'
    """
    parts = re.split(r"\s*(<=|<|>=|>)\s*", text.strip())
    if len(parts) != 3 or not parts[0] or not parts[2]:
        raise SpecError(f"--require must be like 'begin < end'; got {text!r}.")
    low, sign, high = parts
    return Inequality(low, high) if sign.startswith("<") else Inequality(high, low)
