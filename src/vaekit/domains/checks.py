"""Checks of raw data, and columns of data frames as numbers, as text, and as trees read them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vaekit.errors import DataError, DataTypeError
from vaekit.reading.records import as_pandas


def is_frame(raw: Any) -> bool:
    """Return whether this is a data frame of pandas, which need not be installed to ask."""
    return type(raw).__module__.startswith("pandas") and type(raw).__name__ == "DataFrame"


_FOREIGN = ("DataFrame", "LazyFrame", "Table", "RecordBatch")


def is_foreign_table(raw: Any) -> bool:
    """Return whether this is a table of polars or pyarrow, which pandas can be made of."""
    return table_form(raw) != "pandas"


def table_form(raw: Any) -> str:
    """Return whose table this is: ``"polars"``, ``"arrow"``, or ``"pandas"`` for all others."""
    package = type(raw).__module__.split(".")[0]
    if type(raw).__name__ not in _FOREIGN:
        return "pandas"
    return {"polars": "polars", "pyarrow": "arrow"}.get(package, "pandas")


def plain_frame(raw: Any) -> Any:
    """Return a data frame of pandas of one of polars or pyarrow; anything else as it is."""
    return as_pandas(raw) if is_foreign_table(raw) else raw


def frame_like(frame: Any, given: Any) -> Any:
    """Return a data frame of pandas in the form of another table, of polars or pyarrow.

    Args:
        frame: Of pandas.
        given: The table whose form it is to have.
    """
    return as_form(frame, table_form(given))


def as_form(frame: Any, form: str) -> Any:
    """Return a data frame of pandas as a table of ``"polars"`` or ``"arrow"``; or as it is."""
    if form == "pandas":
        return frame
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    if form == "arrow":
        return table
    import polars

    return polars.from_arrow(table)


def check_column_names(frame: Any) -> None:
    """Refuse columns that cannot be told apart, or would not be once their names are text.

    Args:
        frame: A pandas data frame; anything else has no names, and passes.

    Raises:
        DataError: A name that comes twice, or names of which some are text and some are not.

    Example:
        >>> import pandas as pd
        >>> check_column_names(pd.DataFrame([[0, 0]], columns=[1, "1"]))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        vaekit.errors.DataError: names of columns must be all text, or none; got 1 (int) beside...
    """
    if not is_frame(frame):
        return
    names = list(frame.columns)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"names of columns must differ; got {', '.join(map(repr, twice))} more than once. "
            "Rename them so that no two are alike, for instance frame.columns = [...]."
        )
    text = [name for name in names if isinstance(name, str)]
    if 0 < len(text) < len(names):
        odd = next(name for name in names if not isinstance(name, str))
        raise DataError(
            f"names of columns must be all text, or none; got {odd!r} ({type(odd).__name__}) "
            f"beside {text[0]!r}. Rename them so that no two are alike, for instance "
            "frame.columns = [...]."
        )


def with_text_names(frame: Any) -> Any:
    """Return a data frame whose columns have names: x0, x1 and so on, where none is text.

    Example:
        >>> import pandas as pd
        >>> list(with_text_names(pd.DataFrame([[0, 0]])).columns)
        ['x0', 'x1']
    """
    if any(isinstance(name, str) for name in frame.columns):
        return frame
    return frame.set_axis([f"x{i}" for i in range(frame.shape[1])], axis=1)


def as_numbers(raw: Any) -> NDArray[Any]:
    """Numpy array of a numeric dtype from an array, tensor, data frame or nested list.

    Raises:
        DataTypeError: Sparse, complex, text, dates or objects that are no numbers.
    """
    if type(raw).__module__.startswith("scipy.sparse"):
        raise DataTypeError(
            "X must be a dense array; got a sparse matrix, and sparse input is not supported. "
            "Pass X.toarray()."
        )
    if isinstance(raw, torch.Tensor):
        raw = array_of(raw)
    if type(raw).__module__.startswith("pandas"):
        raw = _without_extensions(raw)
    array = np.asarray(raw)
    if array.dtype.kind == "O":
        array = _numbers_from_objects(array)
    if array.dtype.kind == "c":
        raise DataTypeError(
            "X must be real numbers; got complex ones. Complex data not supported: pass "
            "real and imaginary parts as columns."
        )
    if array.dtype.kind not in "biuf":
        raise DataTypeError(
            f"X must be numbers; got dtype {array.dtype}. Encode text and dates as numbers first."
        )
    return array


def _without_extensions(raw: Any) -> Any:
    """Return a frame or series whose numbers that may be missing, as ``Int64``, are floats."""
    import pandas.api.types as kinds

    def is_extended(dtype: Any) -> bool:
        is_number = kinds.is_numeric_dtype(dtype) or kinds.is_bool_dtype(dtype)
        return is_number and kinds.is_extension_array_dtype(dtype)

    if type(raw).__name__ == "Series" and is_extended(raw.dtype):
        return raw.to_numpy(dtype=np.float64, na_value=np.nan)
    if not is_frame(raw) or not any(is_extended(dtype) for dtype in raw.dtypes):
        return raw
    columns = [
        raw.iloc[:, place].to_numpy(dtype=np.float64, na_value=np.nan)
        if is_extended(dtype)
        else raw.iloc[:, place].to_numpy()
        for place, dtype in enumerate(raw.dtypes)
    ]
    return np.stack(columns, axis=1) if len(raw.columns) else raw


def array_of(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a tensor as an array; numbers that NumPy has no type for, as bfloat16, in single.

    Raises:
        DataTypeError: Sparse or quantized.

    Example:
        >>> array_of(torch.ones(2, dtype=torch.bfloat16)).dtype
        dtype('float32')
    """
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise DataTypeError(
            "X must be a dense tensor of plain numbers; got one that is sparse or quantized, and "
            "such input is not supported. Pass X.to_dense(), or X.dequantize()."
        )
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    try:
        array: NDArray[Any] = tensor.numpy()
    except TypeError:  # floats of 16 and 8 bits that NumPy has not, all of which single holds
        array = tensor.float().numpy()
    return array


def _numbers_from_objects(array: NDArray[Any]) -> NDArray[Any]:
    missing = np.array([type(value).__name__ == "NAType" for value in array.flat], dtype=bool)
    array = np.where(missing.reshape(array.shape), np.nan, array) if missing.any() else array
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        place = next(
            (index for index, value in np.ndenumerate(array) if not _is_number(value)), None
        )
        where = "" if place is None else f" (first at index {place}: {array[place]!r})"
        raise DataTypeError(
            f"X must be numbers; got dtype object{where}. Every value must be a number, not "
            f"text or a container: argument must be a string or a number. Encode it first."
        ) from error


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def check_rows(array: Any, *, least: int = 1) -> None:
    """Refuse sets with fewer rows than needed.

    Raises:
        DataError: Says how many there are.
    """
    if len(array) == 0:
        raise DataError(
            "X must have at least one row; got an empty set: 0 sample(s) "
            f"(shape={array.shape}) while a minimum of {least} is required."
        )
    if len(array) < least:
        raise DataError(
            f"X must have at least {least} rows to fit; got 1 sample. A distribution cannot be "
            "learnt from one item: pass more."
        )


def check_finite(array: NDArray[Any], columns: tuple[str, ...] | None = None) -> None:
    """Refuse NaN and infinity, naming the first place.

    Raises:
        DataError: Says row and column (or pixel), and how many there are.
    """
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum(dtype=np.float64)
    if np.isfinite(total):
        return  # a finite sum proves every term finite, without a mask as large as the data
    bad = ~np.isfinite(array)
    if not bad.any():
        return
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    column = columns[place[1]] if columns else place[1:] if len(place) > 2 else place[-1]
    kind = "NaN" if np.isnan(array[place]) else "infinity"
    raise DataError(
        f"X must be finite; got {kind} at row {place[0]}, column {column!r} "
        f"({int(bad.sum())} such cells in {int(bad.reshape(len(bad), -1).any(1).sum())} rows; "
        "X contains NaN or inf). Drop those rows or fill the cells, for instance with "
        "sklearn.impute.SimpleImputer, or pass a data frame, in which cells may be missing."
    )


def disambiguate_names(names: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Return a name for each, itself unless a column of that name has another meaning.

    Args:
        names: Chosen by the user, each once.
        taken: Of the columns that a table has anyway.

    Example:
        >>> disambiguate_names(["qed", "score"], ["smiles", "score"])
        {'qed': 'qed', 'score': 'score_value'}
    """
    found: dict[str, str] = {}
    chosen, reserved = list(names), set(taken)
    for name in chosen:
        column = name
        while column in reserved or (column != name and column in (*chosen, *found.values())):
            column += "_value"
        found[name] = column
    return found


def check_least(items: Any, least: int, why: str) -> None:
    """Refuse fewer items than a question needs.

    Raises:
        DataError: Says how many there are.
    """
    if len(items) < least:
        raise DataError(f"there must be at least {least} items; got {len(items)}: {why}.")


Floats = NDArray[np.float64]


def is_number(values: Any) -> bool:
    """Return whether a column is of numbers, times or durations."""
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
    """Return a column as text, missing cells included."""
    return values.astype(object).where(values.notna(), "(missing)").astype(str)


def for_trees(rows: Any) -> Any:
    """Return a table as boosted trees read it: numbers as floats, labels as categories.

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
