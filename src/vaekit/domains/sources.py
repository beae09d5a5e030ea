"""Files to arrays and data frames, whole or a piece at a time."""

import gzip
import itertools
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.hooks import ShardPiece
from vaekit.errors import DataError, MissingExtraError, SpecError
from vaekit.files import expanded_path
from vaekit.memory import check_memory
from vaekit.places import check_source, is_there
from vaekit.reading.records import current_options, warn_of_guesses
from vaekit.reading.tables import ENDINGS, examine_table, is_table_file
from vaekit.reading.tables import read_pieces as table_pieces

_ARRAY_KEYS = ("X", "x", "images", "data", "x_train", "arr_0")
_IDX_UINT8 = 8
_PIECE = 2**20
_MOST_PACKED = 1100  # bytes that gzip makes one of, at most


def read_source(path: str | Path) -> Any:
    """Read training data from a file, or from a folder that a domain recognizes.

    Args:
        path: A folder, or a file ending in .npz, .npy, .gz (idx), .csv, .csv.gz, .parquet.

    Returns:
        An array; a data frame for tables.

    Raises:
        DataError: Nothing there, an unknown format, or a damaged file; names it.
    """
    path = expanded_path(path)
    check_source(path)
    if not is_there(path):
        raise DataError(f"the data must be a file or a folder; there is nothing at {path}.")
    if path.is_dir() and not _is_named_as_file(path):
        from vaekit.domains.choice import infer_domain  # which reads files to tell what they are

        return infer_domain(path).read(path)
    if not path.is_file():
        raise DataError(f"the data must be a regular file, or a folder of images; got {path}.")
    if is_table_file(path):
        found = examine_table(path)
        warn_of_guesses(found, path)
        return found.to_pandas()
    ending = next((end for end in _READERS if path.name.endswith(end)), None)
    if ending is None:
        known = ", ".join([*_READERS, *ENDINGS])
        raise DataError(f"a data file must end in {known} or be a folder of images; got {path}.")
    try:
        found = _READERS[ending](path)
    except DataError:
        raise
    except _UNREADABLE as error:
        raise DataError(f"{path} must be a readable {ending} file; {error}.") from error
    if np.ndim(found) == 0:
        raise DataError(f"{path} must hold items; got a single value. Save an array of them.")
    return found


_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    LookupError,
    OverflowError,
    NotImplementedError,  # of zipfile, for ways of compression that it does not have
    RuntimeError,  # of zipfile, for files with a password
    SyntaxError,  # as this and the next, of the header of an array
    TypeError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and its like raise for damaged files."""


def _is_named_as_file(path: Path) -> bool:
    return is_table_file(path) or path.name.endswith(tuple(_READERS))


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
        member = f"{key}.npy" if f"{key}.npy" in archive.zip.namelist() else key
        with archive.zip.open(member) as stored:
            check_header(path, stored, archive.zip.getinfo(member).file_size)
        return np.asarray(archive[key])


def _read_npy(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        check_header(path, file, path.stat().st_size)
    return np.asarray(np.load(path, allow_pickle=False))


def check_header(path: Path, file: IO[bytes], size: int, *, mapped: bool = False) -> None:
    """Refuse an .npy file whose header promises more than it holds, or than fits in memory.

    Args:
        path: Of the file, or of the archive that it is in.
        file: The .npy file, at its begin.
        size: Of all its bytes, unpacked.
        mapped: Whether it is read a piece at a time, so that it need not fit.

    Raises:
        DataError: Says how much it promises.
    """
    version = np.lib.format.read_magic(file)
    reader = {(1, 0): np.lib.format.read_array_header_1_0}.get(
        version, np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = reader(file)
    if any(length < 0 for length in shape):
        raise DataError(f"{path} must hold an array; its header declares the shape {shape}.")
    wanted = math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise DataError(
            f"{path} must hold numbers or text; its values are objects of Python, which only "
            "running code can read (allow_pickle). Save it with another dtype."
        )
    if wanted > size:
        raise DataError(
            f"{path} must hold {math.prod(shape)} values by its header, shape {shape}; it is too "
            "small for them. It is cut off: fetch it again."
        )
    if not mapped:
        check_memory(str(path), wanted, "Take a part of it.", DataError)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the format of MNIST: two zero bytes, type, rank, big-endian sizes, then the values."""
    with gzip.open(path) as file:
        head = file.read(4)
        if len(head) != 4 or head[:2] != b"\0\0" or head[2] != _IDX_UINT8:
            raise DataError(f"{path} must be an idx file of bytes (MNIST's format); it is not.")
        shape = tuple(int.from_bytes(file.read(4), "big") for _ in range(head[3]))
        if math.prod(shape) > _MOST_PACKED * path.stat().st_size:
            raise DataError(
                f"{path} must hold {math.prod(shape)} values by its header; it is too small for "
                "them. It is cut off: fetch it again."
            )
        check_memory(str(path), math.prod(shape), "Take a part of it.", DataError)
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


_READERS: dict[str, Callable[[Path], Any]] = {
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".gz": _read_idx,
}


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
    path = expanded_path(path)
    check_source(path)
    if path.is_file() and path.suffix == ".parquet":
        return _parquet(path, rows)
    if path.is_file() and path.suffix in (".arrow", ".feather"):
        return itertools.chain.from_iterable(_cut(batch, rows) for batch in _arrow_batches(path))
    if path.is_file() and path.suffix == ".npy":
        return _cut(_mapped(path), rows)
    if path.is_file() and is_table_file(path):
        text = {name: "category" for name, kind in (dtypes or {}).items() if kind == "str"}
        options = current_options()
        return table_pieces(path, rows, replace(options, kinds={**text, **options.kinds}))
    return _cut(read_source(path), rows)


def parted(piece: Any, context: str | None) -> ShardPiece:
    """Return items without the column that conditions a model, and that column.

    Raises:
        DataError: There is no such column, or the items have none.
    """
    if context is None:
        return ShardPiece(piece)
    names = list(getattr(piece, "columns", ()))
    if context not in names:
        raise DataError(
            f"context={context!r} must name a column of each file; got "
            f"{', '.join(map(str, names)) or 'items without columns'}."
        )
    return ShardPiece(piece.drop(columns=context), piece[context].tolist())


def _arrow_batches(path: Path) -> Iterator[Any]:
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as batches:
            for number in range(batches.num_record_batches):
                yield pa.Table.from_batches([batches.get_batch(number)]).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} must be a readable file of Arrow's; {error}.") from error


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
        with path.open("rb") as file:
            check_header(path, file, path.stat().st_size, mapped=True)
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except DataError:
        raise
    except _UNREADABLE as error:
        raise DataError(f"{path} must be a readable .npy file; {error}.") from error
    if np.ndim(found) == 0:
        raise DataError(f"{path} must hold items; got a single value. Save an array of them.")
    return found


def _cut(items: Any, rows: int) -> Iterator[Any]:
    for start in range(0, len(items), rows):
        yield items[start : start + rows]
