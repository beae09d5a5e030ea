"""Columns of data frames as numbers, as text, and as boosted trees read them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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


def for_trees(rows: Any) -> Any:
    """A table as boosted trees read it: numbers as floats, labels as categories.

    Of labels the 250 most frequent are told apart, which is all that scikit-learn's trees allow.

    Args:
        rows: A pandas data frame.
    """
    import pandas as pd

    seen: dict[str, Any] = {}
    for name in rows.columns:
        if is_number(rows[name]):
            seen[name] = numbers_of(rows[name])
            continue
        text = text_of(rows[name]).reset_index(drop=True)
        frequent = text.value_counts().index[:250]
        seen[name] = pd.Categorical(text.where(text.isin(frequent), "(other)"))
    return pd.DataFrame(seen)
