"""From what a user names to a stream."""

import glob
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.errors import DataError, SpecError
from vaekit.files import expanded_path
from vaekit.places import is_there
from vaekit.streams.files import (
    FileStream,
    ItemStream,
    MappedStream,
    Stream,
    can_stream,
    holds_values,
    is_address,
    is_hidden,
    list_files,
)


def stream(
    source: Any,
    *,
    rows: int = 65_536,
    cache: str | Path | None = None,
    context: str | None = None,
) -> Stream:
    """Return data that an estimator reads a piece at a time, so that they need not fit in memory.

    Args:
        source: A folder of files (.parquet, .csv, .arrow, .npy, .npz, .txt, pictures, .tar of
            pictures), a glob of them, one such file, an address (``"s3://bucket/*.parquet"``), an
            array that lies in a file (`numpy.memmap`), or a data set of PyTorch, Hugging Face,
            litdata or anything else that yields the same items each time.
        rows: Items that are read at once, at most.
        cache: Folder for the prepared rows; see `Stream`.
        context: Name of the column or part of an item that conditions a model. Its values are kept
            in memory.

    Raises:
        DataError: Nothing there, or nothing that can stream.
        SpecError: ``rows`` below 1.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from vaekit import Autoencoder, stream
        >>> rows = np.random.default_rng(0).normal(size=(3, 200, 5))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for number, part in enumerate(rows):
        ...         np.save(f"{folder}/{number}.npy", part)
        ...     model = Autoencoder(latent_dim=2, max_epochs=2, progress=False).fit(stream(folder))
        >>> model.sample(4, seed=0).shape
        (4, 5)
    """
    if rows < 1:
        raise SpecError(f"rows must be at least 1; got {rows}.")
    options: dict[str, Any] = {"rows": rows, "cache": cache, "context": context}
    if isinstance(source, Stream):
        raise SpecError("a stream must not be made of a stream; pass it as it is.")
    if isinstance(source, str | Path):
        files, root = list_files(source)
        if not files or not can_stream(files[0]):
            raise DataError(
                f"data that stream must be files of tables, arrays, pictures or text; got "
                f"{source}, with {files[0] if files else 'none of them'}."
            )
        return FileStream(files=tuple(files), root=root, **options)
    if isinstance(source, np.ndarray):
        return MappedStream(array=source, **options)
    if isinstance(source, Iterable) or hasattr(source, "__getitem__"):
        if is_used_up_once(source):
            raise DataError(
                "data that stream must yield the same items each time they are begun; got "
                f"{type(source).__name__}, which is used up after once. Pass an object with "
                "__iter__, such as an IterableDataset."
            )
        return ItemStream(source=source, **options)
    raise DataError(f"data that stream must yield items; got {type(source).__name__}.")


def is_used_up_once(source: Any) -> bool:
    """Return whether something is used up after it was gone through once."""
    return hasattr(source, "__next__")


def is_stream(source: Any) -> bool:
    """Return whether data are read a piece at a time without being asked to.

    So are globs, addresses, and folders of tables or arrays, and data sets without a length: what
    cannot be read at once.
    """
    if isinstance(source, Stream):
        return True
    if isinstance(source, str | Path):
        text = str(source)
        if is_address(text):
            return True
        path = expanded_path(source)
        there = is_there(path)
        if there and path.is_dir():
            return _holds_shards(path)
        return (glob.has_magic(text) and not there) or path.name.endswith(".tar")
    yields = hasattr(source, "__iter__") and not hasattr(source, "__len__")
    return yields and not isinstance(source, str | bytes)


def _holds_shards(folder: Path) -> bool:
    """Return whether all files of a folder are of tables or arrays, or archives of pictures.

    Beside pictures, tables describe them: then it is a folder of pictures, and read at once.
    """
    found = False
    for path in folder.rglob("*"):
        if path.is_dir() or is_hidden(path, folder) or path.name in _MARKS:
            continue
        if not (holds_values(path.name) or path.suffix == ".tar"):
            return False
        found = True
    return found


_MARKS = frozenset({"_SUCCESS", "_metadata", "_common_metadata"})
"""Files of Spark and Arrow that say that a folder is complete, or what it holds."""
