"""Kinds of columns: labels, constants, keys, free text."""

import abc
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vaekit.bounds import Integer
from vaekit.domains.stored import StoredFields
from vaekit.errors import DataError, unknown_name
from vaekit.reading.records import nullable_dtype
from vaekit.tables.constraints import Allowed, Condition

Floats = NDArray[np.float64]
Cell = tuple[Floats, Floats | None]
"""Codes from 1, and numbers where the column has some; NaN where there is no number."""


@dataclass(frozen=True)
class Column(abc.ABC):
    """One column of a table, as learned from training rows.

    Attributes:
        name: Its name.
        dtype: The dtype that it had, which `decode` restores.
        has_missing: Whether cells were missing; that is then the last of the codes.
    """

    name: str
    dtype: str
    has_missing: bool

    def check_stored(self, fields: StoredFields) -> None:  # noqa: B027 - most need none
        """Refuse stored fields that do not fit each other; most kinds of columns have none.

        Raises:
            FormatError: Names the field, the rule and what was got.
        """

    @property
    @abc.abstractmethod
    def num_codes(self) -> int:
        """How many codes it has; 0 for a column that is not learned."""

    @property
    def number_code(self) -> int:
        """The code that says that there is a number; 0 where no code does."""
        return 0

    @property
    def has_number(self) -> bool:
        """Whether a number goes with one of its codes."""
        return self.number_code > 0

    def bins(self, most: int) -> Sequence[float]:
        """Return where bins of the number begin and end, as shares of it from 0 to 1.

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

    def adapt(self, values: Any) -> Any:
        """Return values as near to those of training as the kind of column allows."""
        return values

    @abc.abstractmethod
    def knows(self, values: Any) -> NDArray[np.bool_]:
        """Return which cells of a pandas series `encode` takes."""

    @abc.abstractmethod
    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """Return the values, as an array that pandas turns into a column of the dtype."""

    @abc.abstractmethod
    def allow(self, condition: Condition) -> Allowed:
        """Return what a condition allows.

        Raises:
            DataError: It can never hold, or makes no sense for the column.
        """

    @property
    @abc.abstractmethod
    def summary(self) -> str:
        """In a few words."""

    @property
    @abc.abstractmethod
    def kind(self) -> str:
        """What it is called: ``"number"``, ``"category"``, ``"datetime"``, ``"key"``, ..."""


def missing_in(column: Column, values: Any) -> NDArray[np.bool_]:
    """Return which cells are missing.

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


def refuse_other_kind(column: Column, values: Any, known: NDArray[np.bool_], was: str) -> None:
    """Raise if no cell is of the kind of training: another column under the same name.

    Raises:
        DataError: Says what the column was, and the first value.
    """
    there = values.notna().to_numpy()
    if there.sum() > 1 and not (known & there).any():
        refuse(column, values, there, was, "Rename the columns, or drop this one.")


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
    """Return an array of a dtype that pandas knows by this name."""
    import pandas as pd

    return pd.array(values, dtype=dtype)


_SHOWN = 5


@dataclass(frozen=True)
class CategoricalColumn(Column):
    """A column of labels: text, truth values, or numbers that are names.

    Attributes:
        labels: All of them, in order.
        ordered: Whether their order means something.
    """

    labels: Sequence[str | int | float | bool] = ()
    ordered: bool = False

    @property
    def num_codes(self) -> int:
        """One for each label, and one for missing cells."""
        return len(self.labels) + self.has_missing

    @property
    def kind(self) -> str:
        """``"category"``."""
        return "category"

    @property
    def summary(self) -> str:
        """How many labels, and the first of them."""
        shown = ", ".join(str(label) for label in self.labels[:_SHOWN])
        more = ", ..." if len(self.labels) > _SHOWN else ""
        return f"{len(self.labels)} {'ordered ' if self.ordered else ''}labels: {shown}{more}"

    def encode(self, values: Any) -> Cell:
        """Return places among the labels, from 1."""
        missing = missing_in(self, values)
        positions = {label: place for place, label in enumerate(self.labels, 1)}
        codes = (
            values.astype(object)
            .map(positions)
            .to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        )
        codes[missing] = self.num_codes
        bad = np.isnan(codes)
        if bad.any():
            refuse(self, values, bad, f"had {len(self.labels)} labels", self._advice(values, bad))
        return codes, None

    def knows(self, values: Any) -> NDArray[np.bool_]:
        """Return labels of training, and missing cells if it had some."""
        missing = values.isna()
        seen = values.astype(object).isin(list(self.labels)) | (missing & self.has_missing)
        found: NDArray[np.bool_] = seen.to_numpy(dtype=bool)
        return found

    def _advice(self, values: Any, bad: NDArray[np.bool_]) -> str:
        first = str(values.iloc[int(bad.argmax())])
        near = difflib.get_close_matches(first, [str(label) for label in self.labels], n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        known = f"Known are {list(self.labels[:_SHOWN])}"
        return f"{hint}{known}; leave those rows out, or train on rows that have it."

    def allow(self, condition: Condition) -> Allowed:
        """Return the codes of the labels; ``None`` is that of missing cells."""
        if condition.values is None:
            raise DataError(
                f"labels have no range; name those of column {self.name!r} that are allowed in a "
                f"list, of {list(self.labels[:_SHOWN])}."
            )
        codes = np.zeros(self.num_codes, dtype=bool)
        for value in condition.values:
            if value is None and self.has_missing:
                codes[-1] = True
            elif value in self.labels:
                codes[list(self.labels).index(value)] = True
            else:
                raise unknown_name(
                    f"label of column {self.name!r}", str(value), map(str, self.labels)
                )
        return Allowed(codes).possible(self.name, condition)

    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """Return the labels."""
        import pandas as pd

        values = np.empty(len(self.labels) + 1, dtype=object)
        values[:-1], values[-1] = self.labels, None
        chosen = values[codes - 1]
        if self.dtype == "category":
            return pd.Categorical(chosen, categories=list(self.labels), ordered=self.ordered)
        return typed(chosen, self._whole_dtype())

    def _whole_dtype(self) -> Any:
        """Return the dtype; of plain truth values with holes, object, as pandas reads them."""
        return "object" if self.has_missing and self.dtype == "bool" else self.dtype


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
        """Return all of them."""
        return np.ones(len(values), dtype=bool)

    def allow(self, condition: Condition) -> Allowed:
        """Nothing can be asked for."""
        raise DataError(
            f"no condition can be put on column {self.name!r}, which is not learnt: {self.summary}."
        )


@dataclass(frozen=True)
class ConstantColumn(_Outside):
    """One value in every row, and so in every new one.

    Attributes:
        value: It; ``None`` where all cells were missing.
    """

    value: str | int | float | bool | None = None

    @property
    def kind(self) -> str:
        """``"constant"``."""
        return "constant"

    @property
    def summary(self) -> str:
        """The value."""
        return "always missing" if self.value is None else f"always {self.value!r}"

    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """Return the value, repeated."""
        return typed([self.value] * len(codes), self.dtype)


@dataclass(frozen=True)
class KeyColumn(_Outside):
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
    last: Integer = 0

    @property
    def kind(self) -> str:
        """``"key"``."""
        return "key"

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
class TextColumn(_Outside):
    """Free text, or keys without a number: left out, as nothing here can write it."""

    @property
    def kind(self) -> str:
        """``"text"``."""
        return "text"

    @property
    def summary(self) -> str:
        """That it is left out."""
        return "text that differs from row to row; left empty in new rows"

    def decode(self, codes: NDArray[np.int64], numbers: Floats | None) -> Any:
        """Missing cells."""
        return typed([None] * len(codes), nullable_dtype(self.dtype))


_NUMBERED = re.compile(r"^(\D*)(\d+)(\D*)$")


def key_of(name: str, dtype: str, texts: list[str]) -> KeyColumn | None:
    """Return the key whose values these are; ``None`` if they are not numbered alike."""
    matches = [_NUMBERED.match(text) for text in texts]
    parts = [match.groups() for match in matches if match]
    if len(parts) < len(texts) or len({(p[0], p[2]) for p in parts}) > 1:
        return None
    before, _, after = parts[0]
    lengths = {len(p[1]) for p in parts}
    digits = lengths.pop() if len(lengths) == 1 else 0
    last = max(int(p[1]) for p in parts)
    return KeyColumn(name, dtype, False, before, after, digits, last)
