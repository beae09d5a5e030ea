"""Columns of labels."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.tables.base import Cell, Column, Floats, missing_in, refuse, typed
from vaekit.domains.tables.conditions import Allowed, Condition
from vaekit.errors import DataError, unknown_name

__all__ = ["Category"]

_SHOWN = 5


@dataclass(frozen=True)
class Category(Column):
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
    def summary(self) -> str:
        """How many labels, and the first of them."""
        shown = ", ".join(str(label) for label in self.labels[:_SHOWN])
        more = ", ..." if len(self.labels) > _SHOWN else ""
        return f"{len(self.labels)} {'ordered ' if self.ordered else ''}labels: {shown}{more}"

    def encode(self, values: Any) -> Cell:
        """Places among the labels, from 1."""
        missing = missing_in(self, values)
        places = {label: place for place, label in enumerate(self.labels, 1)}
        codes = (
            values.astype(object).map(places).to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        )
        codes[missing] = self.num_codes
        bad = np.isnan(codes)
        if bad.any():
            refuse(self, values, bad, f"had {len(self.labels)} labels", self._advice(values, bad))
        return codes, None

    def knows(self, values: Any) -> NDArray[np.bool_]:
        """Labels of training, and missing cells if it had some."""
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
        """The codes of the labels; ``None`` is that of missing cells."""
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
        """The labels."""
        import pandas as pd

        values = np.empty(len(self.labels) + 1, dtype=object)
        values[:-1], values[-1] = self.labels, None
        chosen = values[codes - 1]
        if self.dtype == "category":
            return pd.Categorical(chosen, categories=list(self.labels), ordered=self.ordered)
        return typed(chosen, self._whole_dtype())

    def _whole_dtype(self) -> Any:
        """The dtype; of plain truth values with holes, object, as pandas reads them."""
        return "object" if self.has_missing and self.dtype == "bool" else self.dtype
