"""Files to arrays and data frames: ``.npz``, ``.npy``, idx ``.gz``, ``.csv`` and ``.parquet``."""

import gzip
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.image_folders import read_images
from vaekit.errors import DataError, MissingExtraError

__all__ = ["is_table_file", "read_source"]

_ARRAY_KEYS = ("X", "x", "images", "data", "x_train", "arr_0")
_IDX_UINT8 = 8
_PIECE = 2**20


def read_source(
    path: str | Path,
    *,
    size: Sequence[int] | None = None,
    on_bad: str = "raise",
    transparency: str = "white",
) -> Any:
    """Read training data from a file or a folder of image files.

    Args:
        path: A folder, or a file ending in .npz, .npy, .gz (idx), .csv, .csv.gz, .parquet.
        size: Height and width to which image files are scaled and cropped.
        on_bad: ``"raise"`` or ``"skip"`` unreadable image files.
        transparency: ``"white"`` or ``"keep"``; see `read_images`.

    Returns:
        An array; a data frame for tables.

    Raises:
        DataError: Nothing there, an unknown format, or a damaged file; names it.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"the data must be a file or a folder; there is nothing at {path}.")
    if path.is_dir():
        return read_images(path, size=size, on_bad=on_bad, transparency=transparency)
    ending = next((end for end in _READERS if path.name.endswith(end)), None)
    if ending is None:
        raise DataError(
            f"a data file must end in {', '.join(_READERS)} or be a folder of images; got {path}."
        )
    try:
        return _READERS[ending](path)
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} must be a readable {ending} file; {error}.") from error


def is_table_file(path: Path) -> bool:
    """Whether the name is that of a table."""
    return path.name.endswith(_TABLE_ENDINGS)


def _read_npz(path: Path) -> NDArray[Any]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        key = next((k for k in _ARRAY_KEYS if k in archive.files), None)
        if key is None and len(archive.files) == 1:
            key = archive.files[0]
        if key is None:
            raise DataError(
                f"{path} must hold one array, or one named {', '.join(_ARRAY_KEYS)}; got "
                f"{archive.files}."
            )
        return np.asarray(archive[key])


def _read_npy(path: Path) -> NDArray[Any]:
    return np.asarray(np.load(path, allow_pickle=False))


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """The format of MNIST: two zero bytes, type, rank, big-endian sizes, then the values."""
    with gzip.open(path) as file:
        head = file.read(4)
        if len(head) != 4 or head[:2] != b"\0\0" or head[2] != _IDX_UINT8:
            raise DataError(f"{path} must be an idx file of bytes (MNIST's format); it is not.")
        shape = tuple(int.from_bytes(file.read(4), "big") for _ in range(head[3]))
        array = np.empty(shape, np.uint8)
        count = _fill(array.reshape(-1), file)
    if count != array.size:
        raise DataError(
            f"{path} must hold {array.size} values by its header; got {count}. "
            "The file is truncated: fetch it again."
        )
    return array


def _fill(values: NDArray[np.uint8], file: gzip.GzipFile) -> int:
    """Read in place, a piece at a time, so that there is no second copy of the data."""
    count = 0
    while count < len(values):
        got = file.readinto(values[count : count + _PIECE].data)
        if not got:
            break
        count += got
    return count


def _read_csv(path: Path) -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(
            "reading .csv needs pandas: pip install 'vaekit[pandas]'."
        ) from error
    return pd.read_csv(path)


def _read_parquet(path: Path) -> Any:
    try:
        import pandas as pd

        return pd.read_parquet(path)
    except ImportError as error:
        raise MissingExtraError(
            "reading .parquet needs pandas and pyarrow: pip install 'vaekit[tables]'."
        ) from error


_READERS: dict[str, Callable[[Path], Any]] = {
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".csv.gz": _read_csv,
    ".gz": _read_idx,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
_TABLE_ENDINGS = (".csv", ".csv.gz", ".parquet")
