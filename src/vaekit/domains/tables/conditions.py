"""What the cells of a column may hold."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError

__all__ = ["Allowed", "Condition"]


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
            return cls(values=tuple(given))
        if not isinstance(given, tuple):
            return cls(values=(given,))
        if len(given) != 2 or given == (None, None):
            raise DataError(
                f"a range must be a pair (low, high), one of them None if open; got {given!r}. "
                "Pass a list for several values."
            )
        return cls(low=given[0], high=given[1])


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
