"""Columns as measures read them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError

__all__ = ["Floats", "check_tables", "is_number", "numbers_of", "text_of"]

Floats = NDArray[np.float64]


def check_tables(real: Any, synthetic: Any) -> None:
    """Refuse tables of other columns, or without rows."""
    lacking = [name for name in real.columns if name not in synthetic.columns]
    if lacking:
        raise DataError(f"both tables must have the same columns; {lacking} are in one only.")
    if not len(real) or not len(synthetic):
        raise DataError(f"tables must have rows; got {len(real)} and {len(synthetic)}.")


def is_number(values: Any) -> bool:
    """Whether a column is of numbers, times or durations."""
    import pandas.api.types as kinds

    is_time = kinds.is_datetime64_any_dtype(values) or kinds.is_timedelta64_dtype(values)
    return is_time or (kinds.is_numeric_dtype(values) and not kinds.is_bool_dtype(values))


def numbers_of(values: Any) -> Floats:
    """As floats, times as nanoseconds, NaN where missing."""
    import pandas.api.types as kinds

    if kinds.is_numeric_dtype(values):
        array: Floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return array
    moments = values.astype("int64").to_numpy(dtype=np.float64)
    return np.where(values.isna(), np.nan, moments)


def text_of(values: Any) -> Any:
    """A column as text, missing cells included."""
    return values.astype(object).where(values.notna(), "(missing)").astype(str)
