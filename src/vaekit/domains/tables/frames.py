"""Data frames as tables take them."""

from collections.abc import Mapping
from typing import Any

from vaekit.domains.checks import is_foreign_table, is_frame
from vaekit.errors import DataError

__all__ = ["checked_frame", "possible_dtypes"]


def possible_dtypes(frame: Any, dtypes: Mapping[str, str]) -> dict[str, str]:
    """The dtypes, but for whole numbers and truth values of which some are missing now."""
    plain = ("int", "uint", "bool")
    return {
        name: dtype
        for name, dtype in dtypes.items()
        if not (dtype.startswith(plain) and frame[name].isna().any())
    }


def checked_frame(raw: Any) -> Any:
    """A data frame with names that are text and differ."""
    frame = _as_frame(raw)
    names = list(frame.columns)
    if not names:
        raise DataError("a table must have at least one column; got none.")
    odd = next((name for name in names if not isinstance(name, str)), None)
    if odd is not None:
        raise DataError(
            f"names of columns must be text; got {odd!r}. Rename them with "
            "frame.columns = frame.columns.astype(str)."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"names of columns must differ; got {twice} more than once. Rename them.")
    return frame


def _as_frame(raw: Any) -> Any:
    """A pandas data frame, from one of polars or pyarrow as well."""
    if is_foreign_table(raw):
        raw = raw.to_pandas()
    if not is_frame(raw):
        raise DataError(f"a table must be a data frame; got {type(raw).__name__}.")
    return raw
