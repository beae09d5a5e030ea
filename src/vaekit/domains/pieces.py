"""Files a piece at a time, for data that do not fit in memory."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.domains.sources import read_source
from vaekit.errors import DataError, MissingExtraError, SpecError

__all__ = ["read_pieces"]


def read_pieces(
    path: str | Path, rows: int = 10_000, dtypes: Mapping[str, str] | None = None
) -> Iterator[Any]:
    """Read a file a piece at a time.

    Of .csv, .csv.gz, .parquet and .npy files one piece is in memory; others, and folders, are read
    whole and then cut.

    Args:
        path: What `read_source` reads.
        rows: Items in a piece, at most; at least 1.
        dtypes: Of columns of .csv files, which a piece alone might take for others: codes that
            look like numbers, for instance.

    Raises:
        DataError: As of `read_source`; of a damaged file when its damaged piece is reached.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/x.npy", np.zeros((25, 2)))
        ...     [len(piece) for piece in read_pieces(f"{folder}/x.npy", 10)]
        [10, 10, 5]
    """
    if rows < 1:
        raise SpecError(f"rows must be at least 1; got {rows}.")
    path = Path(path)
    if path.is_file() and path.name.endswith((".csv", ".csv.gz")):
        return _csv(path, rows, dtypes or {})
    if path.is_file() and path.suffix == ".parquet":
        return _parquet(path, rows)
    if path.is_file() and path.suffix == ".npy":
        return _cut(_mapped(path), rows)
    return _cut(read_source(path), rows)


def _csv(path: Path, rows: int, dtypes: Mapping[str, str]) -> Iterator[Any]:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(
            "reading .csv needs pandas: pip install 'vaekit[pandas]'."
        ) from error
    try:
        wanted: Any = {n: t for n, t in dtypes.items() if n in pd.read_csv(path, nrows=0).columns}
        with pd.read_csv(path, chunksize=rows, dtype=wanted) as pieces:
            yield from pieces
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} must be a readable .csv file; {error}.") from error


def _parquet(path: Path, rows: int) -> Iterator[Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(
            "reading .parquet needs pandas and pyarrow: pip install 'vaekit[tables]'."
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(rows):
                yield pa.Table.from_batches([batch]).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} must be a readable .parquet file; {error}.") from error


def _mapped(path: Path) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} must be a readable .npy file; {error}.") from error


def _cut(items: Any, rows: int) -> Iterator[Any]:
    for start in range(0, len(items), rows):
        yield items[start : start + rows]
