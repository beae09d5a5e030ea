"""What every kind of column promises."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.tables.conditions import Allowed, Condition
from vaekit.errors import DataError

__all__ = ["Cell", "Column", "encode_known", "missing_in", "refuse", "typed"]

Floats = NDArray[np.float64]
Cell = tuple[Floats, Floats | None]
"""Codes from 1, and numbers where the column has some; NaN where there is no number."""


@dataclass(frozen=True)
class Column(abc.ABC):
    """One column of a table, as learnt from training rows.

    Attributes:
        name: Its name.
        dtype: The dtype that it had, which `decode` restores.
        has_missing: Whether cells were missing; that is then the last of the codes.
    """

    name: str
    dtype: str
    has_missing: bool

    @property
    @abc.abstractmethod
    def num_codes(self) -> int:
        """How many codes it has; 0 for a column that is not learnt."""

    @property
    def number_code(self) -> int:
        """The code that says that there is a number; 0 where no code does."""
        return 0

    @property
    def has_number(self) -> bool:
        """Whether a number goes with one of its codes."""
        return self.number_code > 0

    def bins(self, most: int) -> Sequence[float]:
        """Where bins of the number begin and end, as shares of it from 0 to 1.

        Args:
            most: Bins, at most. There are fewer where the number has fewer values, each of which
                then has a bin.
        """
        raise NotImplementedError(f"{self.name!r} has no numbers")  # pragma: no cover

    @abc.abstractmethod
    def encode(self, values: Any) -> Cell:
        """Codes and numbers of a pandas series.

        Raises:
            DataError: A value that the column cannot hold, named with its row.
        """

    @abc.abstractmethod
    def knows(self, values: Any) -> NDArray[np.bool_]:
        """Which cells of a pandas series `encode` takes."""

    @abc.abstractmethod
    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """The values, as an array that pandas turns into a column of the dtype."""

    @abc.abstractmethod
    def allow(self, condition: Condition) -> Allowed:
        """What a condition allows.

        Raises:
            DataError: It can never hold, or makes no sense for the column.
        """

    @property
    @abc.abstractmethod
    def summary(self) -> str:
        """In a few words."""


def missing_in(column: Column, values: Any) -> NDArray[np.bool_]:
    """Which cells are missing.

    Raises:
        DataError: Some are, and none was in training.
    """
    missing: NDArray[np.bool_] = values.isna().to_numpy()
    if missing.any() and not column.has_missing:
        raise DataError(
            f"column {column.name!r} had no missing cells in training and has some here (first in "
            f"row {int(missing.argmax())}). Fill them, drop those rows, or train on rows that lack "
            "some."
        )
    return missing


def encode_known(column: Column, values: Any, known: NDArray[np.bool_]) -> Cell:
    """Codes and numbers of some cells; of the others neither."""
    found = column.encode(values[known])
    codes, numbers = (None if part is None else np.full(len(values), np.nan) for part in found)
    for whole, part in zip((codes, numbers), found, strict=True):
        if whole is not None:
            whole[known] = part
    return cast(Cell, (codes, numbers))


def refuse(column: Column, values: Any, bad: NDArray[np.bool_], was: str, remedy: str) -> None:
    """Raise if any value is bad, naming the first.

    Raises:
        DataError: Says what the column was in training, the value and its row.
    """
    if not bad.any():
        return
    row = int(bad.argmax())
    value = values.iloc[row]
    shown = value.item() if isinstance(value, np.generic) else value
    raise DataError(
        f"column {column.name!r} {was} in training; got {shown!r} in row {row} "
        f"({int(bad.sum())} such cells). {remedy}"
    )


def typed(values: Any, dtype: Any) -> Any:
    """An array of a dtype that pandas knows by this name."""
    import pandas as pd

    return pd.array(values, dtype=dtype)
