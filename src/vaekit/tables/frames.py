"""Data frames that a table is read from and written to."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vaekit.domains.checks import check_column_names, is_frame
from vaekit.errors import DataError
from vaekit.reading.records import as_pandas


def possible_dtypes(frame: Any, dtypes: Mapping[str, str]) -> dict[str, str]:
    """Return the dtypes, but for whole numbers and truth values of which some are missing now."""
    plain = ("int", "uint", "bool")
    return {
        name: dtype
        for name, dtype in dtypes.items()
        if not (dtype.startswith(plain) and frame[name].isna().any())
    }


def checked_frame(raw: Any) -> Any:
    """Return a data frame with names that are text and differ."""
    frame = _as_frame(raw)
    names = list(frame.columns)
    if not names:
        raise DataError("a table must have at least one column; got none.")
    check_column_names(frame)
    odd = next((name for name in names if not isinstance(name, str)), None)
    if odd is not None:
        raise DataError(
            f"names of columns must be text; got {odd!r}. Rename them with "
            "frame.columns = frame.columns.astype(str)."
        )
    return frame


def _as_frame(raw: Any) -> Any:
    """Return a pandas data frame, from one of polars or pyarrow as well."""
    raw = as_pandas(raw)
    if isinstance(raw, np.ndarray) and raw.dtype.names:
        import pandas as pd

        return pd.DataFrame.from_records(raw)
    if not is_frame(raw):
        raise DataError(f"a table must be a data frame; got {type(raw).__name__}.")
    return raw


def all_numbers(frame: Any) -> bool:
    """Return whether all columns of a data frame are numbers without gaps."""
    import pandas.api.types as kinds

    dtypes = frame.dtypes
    plain = all(kinds.is_numeric_dtype(t) and not kinds.is_bool_dtype(t) for t in dtypes)
    return plain and not frame.isna().any(axis=None)
