"""Columns that are not learnt: constants, keys and free text."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.tables.base import Cell, Column, Floats, typed
from vaekit.domains.tables.conditions import Allowed, Condition
from vaekit.errors import DataError

__all__ = ["Constant", "Key", "Text"]


@dataclass(frozen=True)
class _Outside(Column):
    @property
    def num_codes(self) -> int:
        """None."""
        return 0

    def encode(self, values: Any) -> Cell:
        """Nothing is looked at."""
        return np.empty(0), None

    def knows(self, values: Any) -> NDArray[np.bool_]:
        """All of them."""
        return np.ones(len(values), dtype=bool)

    def allow(self, condition: Condition) -> Allowed:
        """Nothing can be asked for."""
        raise DataError(
            f"no condition can be put on column {self.name!r}, which is not learnt: {self.summary}."
        )


@dataclass(frozen=True)
class Constant(_Outside):
    """One value in every row, and so in every new one.

    Attributes:
        value: It; ``None`` where all cells were missing.
    """

    value: str | int | float | bool | None = None

    @property
    def summary(self) -> str:
        """The value."""
        return "always missing" if self.value is None else f"always {self.value!r}"

    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """The value, repeated."""
        return typed([self.value] * len(codes), self.dtype)


@dataclass(frozen=True)
class Key(_Outside):
    """A different value in every row, which tells nothing of it; new rows are numbered on.

    Attributes:
        before: What stands before the number.
        after: What stands behind it.
        digits: Digits of the number, with zeros in front; 0 for as many as it takes.
        last: The largest number in training.
    """

    before: str = ""
    after: str = ""
    digits: int = 0
    last: int = 0

    @property
    def summary(self) -> str:
        """How new keys look."""
        return f"a key; new rows get {self._written(self.last + 1)} and so on"

    def _written(self, number: int) -> str:
        return f"{self.before}{number:0{self.digits}d}{self.after}"

    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """New keys, none of which was in training."""
        new = range(self.last + 1, self.last + 1 + len(codes))
        if self.dtype.lower().startswith(("int", "uint")):
            return typed(list(new), self.dtype)
        return typed([self._written(number) for number in new], self.dtype)


@dataclass(frozen=True)
class Text(_Outside):
    """Free text, or keys without a number: left out, as nothing here can write it."""

    @property
    def summary(self) -> str:
        """That it is left out."""
        return "text that differs from row to row; left empty in new rows"

    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """Missing cells."""
        return typed([None] * len(codes), self.dtype)


_NUMBERED = re.compile(r"^(\D*)(\d+)(\D*)$")


def key_of(name: str, dtype: str, texts: list[str]) -> Key | None:
    """The key whose values these are; ``None`` if they are not numbered alike."""
    matches = [_NUMBERED.match(text) for text in texts]
    parts = [match.groups() for match in matches if match]
    if len(parts) < len(texts) or len({(p[0], p[2]) for p in parts}) > 1:
        return None
    before, _, after = parts[0]
    lengths = {len(p[1]) for p in parts}
    digits = lengths.pop() if len(lengths) == 1 else 0
    last = max(int(p[1]) for p in parts)
    return Key(name, dtype, False, before, after, digits, last)
