"""Streams: files one after the other, items of other libraries, pieces that are kept."""

import abc
import glob
import hashlib
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self, final
from urllib.parse import urlsplit

import numpy as np
from torch import Tensor

from vaekit.domains.base import Domain
from vaekit.domains.choice import collect_items
from vaekit.domains.hooks import ShardPiece
from vaekit.domains.sources import parted
from vaekit.errors import DataError, DataTypeError, MissingExtraError, SaveError
from vaekit.files import expanded_path
from vaekit.places import check_source, is_there
from vaekit.reading.tables import is_table_file
from vaekit.registry import get, names


@dataclass(frozen=True)
class Stream(abc.ABC):
    """Items that come a piece at a time, the same ones in the same order each time.

    A training reads them twice: to learn the schema, and to prepare rows, which go to a file that
    the training reads from then on.

    Attributes:
        rows: Items of a piece, at most.
        cache: Folder for the prepared rows, so that another training of the same data finds them;
            ``None`` keeps them in a folder that is removed after the training.
        context: Name of the column, or of the part of an item, that conditions a model; ``None``
            without one.
    """

    rows: int = 65_536
    cache: str | Path | None = None
    context: str | None = None

    def __array__(self, *_: Any, **__: Any) -> Any:
        """Refuse to become an array, which would be read at once.

        Raises:
            DataTypeError: Always.
        """
        raise DataTypeError(
            "data must be in memory here; got a stream, which Autoencoder.fit reads. Pass an array "
            "or a data frame; for scores of data sets see vaekit.Scorer, or vaekit score RUN DATA "
            "--out FOLDER/."
        )

    @abc.abstractmethod
    def pieces(self, domain: Domain) -> Iterator[ShardPiece]:
        """Yield the items a piece at a time, read as a domain reads them.

        Raises:
            DataError: An item that cannot be read, or a file that is not there any more.
        """

    @abc.abstractmethod
    def first(self) -> Any:
        """Return what tells the kind of the items: some of them, or the path of a file."""

    @property
    def place(self) -> Path | None:
        """The folder that the items lie in, where there is one."""
        return None

    @property
    @abc.abstractmethod
    def signature(self) -> str:
        """Tells whether the data are those of another time; empty where that cannot be known."""


@final
class KeptPieces:
    """Keeps decoded pieces of a first pass, so that a second one need not decode them again.

    They lie in a file without a name, of which nothing is left whatever becomes of the process.
    Pieces that are quick to read, such as those of arrays, are passed on and not kept.

    Args:
        folder: Where the file is.

    Example:
        >>> from vaekit.images import ImageDomain
        >>> made = [ShardPiece(np.zeros((2, 4, 4), np.uint8), decoded=True)]
        >>> with tempfile.TemporaryDirectory() as folder, KeptPieces(Path(folder)) as kept:
        ...     count = sum(len(piece.items) for piece in kept.passing(made))
        ...     again = [piece.items.shape for piece in kept.again(ImageDomain())]
        >>> count, kept.has_all, again
        (2, True, [(2, 4, 4)])
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[bytes] | None = None
        self._contexts: list[Sequence[Any] | None] = []
        self._has_missed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    @property
    def has_all(self) -> bool:
        """Whether all pieces were kept."""
        return bool(self._contexts) and not self._has_missed

    def passing(self, pieces: Iterable[ShardPiece]) -> Iterator[ShardPiece]:
        """Yield pieces as they come, and keep them as long as all were decoded.

        Raises:
            SaveError: The disk is full.
        """
        for piece in pieces:
            if piece.decoded and not self._has_missed:
                self._keep(piece)
            else:
                self._has_missed = True
                self._close()
            yield piece

    def again(self, domain: Domain) -> Iterator[ShardPiece]:
        """Yield what was kept, as the domain that has learned from it would read it."""
        assert self._file is not None
        self._file.seek(0)
        for context in self._contexts:
            items = np.load(self._file, allow_pickle=False)
            yield ShardPiece(domain.read_again(items), context, decoded=True)

    def _keep(self, piece: ShardPiece) -> None:
        try:
            if self._file is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - see _close
            np.save(self._file, piece.items, allow_pickle=False)
            self._file.flush()
        except OSError as error:
            raise SaveError(
                f"decoded items must fit on the disk; {self.folder} takes no more: "
                f"{error.strerror or error}. Free some space, or name a folder elsewhere with "
                "stream(..., cache=)."
            ) from error
        self._contexts.append(piece.context)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


@final
@dataclass(frozen=True, kw_only=True)
class FileStream(Stream):
    """Files of tables, arrays, pictures or text, one after the other.

    Attributes:
        files: Paths, or addresses such as ``"s3://bucket/a.parquet"``, in their order.
        root: The folder that was named, where one was: what lies below belongs to it.
    """

    files: Sequence[str]
    root: Path | None = None

    def pieces(self, domain: Domain) -> Iterator[ShardPiece]:
        """Yield the items of each file; those of addresses are fetched one after the other."""
        here = [Path(file) for file in self.files if not is_address(file)]
        if here:
            yield from domain.shard_pieces(here, self.rows, self.context)
        for file in self.files:
            if is_address(file):
                with local_copy(file) as path:
                    yield from domain.shard_pieces([path], self.rows, self.context)

    def first(self) -> Any:
        """Return the first piece of a table or of arrays; of other files the path."""
        file = self.files[0]
        if holds_values(file):
            from vaekit.domains.sources import read_pieces

            with local_copy(file) as path:
                return next(iter(read_pieces(path, 1000)))
        return Path(file)

    @property
    def place(self) -> Path | None:
        """The folder that was named."""
        return self.root

    @property
    def signature(self) -> str:
        """Names, sizes and times of the files; of addresses the names alone."""
        stamps = [repr((file, *_stamp(file))) for file in self.files]
        return hashlib.sha256("\n".join(stamps).encode()).hexdigest()


def holds_values(file: str) -> bool:
    """Return whether a file is of a table or of arrays, by its name."""
    return is_table_file(Path(file)) or file.endswith((".npy", ".npz"))


def is_address(text: str) -> bool:
    """Return whether text names a file elsewhere, as ``"https://..."`` does.

    Example:
        >>> is_address("s3://bucket/a.parquet"), is_address("data/a.parquet"), is_address("c:/a")
        (True, False, False)
    """
    return "://" in text and len(urlsplit(text).scheme) > 1


def _stamp(file: str) -> tuple[int, int]:
    if is_address(file):
        return (0, 0)
    found = Path(file).stat()
    return found.st_size, found.st_mtime_ns


@contextmanager
def local_copy(file: str) -> Iterator[Path]:
    """Yield the path of a file; one that is elsewhere is fetched, and removed afterwards.

    Raises:
        DataError: It cannot be fetched.
        MissingExtraError: A library for addresses of that kind is not installed.
    """
    if not is_address(file):
        yield Path(file)
        return
    with tempfile.TemporaryDirectory(prefix="vaekit-") as folder:
        path = Path(folder, Path(urlsplit(file).path).name)
        _fetch(file, path)
        yield path


def _system(address: str) -> Any:
    import fsspec

    try:
        return fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise MissingExtraError(
            f"reading {address} needs a library that knows {urlsplit(address).scheme}://; {error}. "
            "Install it (s3fs, gcsfs, adlfs, aiohttp ...)."
        ) from error


def _fetch(address: str, path: Path) -> None:
    system, name = _system(address)
    try:
        system.get_file(name, str(path))
    except Exception as error:  # each kind of address has errors of its own
        raise DataError(
            f"{address} must be a file that can be fetched; {type(error).__name__}: {error}."
        ) from error


def list_files(source: str | Path) -> tuple[list[str], Path | None]:
    """Return the files that a path, a glob or an address stands for, and the folder, if it is one.

    Args:
        source: A folder of files of tables or arrays, or of what a domain reads from files; a
            glob, as ``data/*.parquet``; an address, with a glob or without.

    Raises:
        DataError: There are none.
    """
    text = str(source)
    if is_address(text):
        return _remote_files(text), None
    path = expanded_path(source)
    if path.is_dir():
        listed = [p for p in sorted(path.rglob("*")) if p.is_file() and not is_hidden(p, path)]
        known = [str(p) for p in listed if can_stream(p.name)]
        # Tables and texts beside pictures describe them.
        return [file for file in known if not holds_values(file)] or known, path
    if glob.has_magic(text):
        anchor = Path(path.anchor or ".")
        matches = anchor.glob(str(path.relative_to(path.anchor)))
        found = sorted(str(match) for match in matches if match.is_file())
        if not found:
            raise DataError(f"{text} must match files; it matches none.")
        return found, None
    check_source(path)
    if not is_there(path):
        raise DataError(f"the data must be a file or a folder; there is nothing at {path}.")
    return [str(path)], None


def _remote_files(address: str) -> list[str]:
    if not glob.has_magic(address):
        return [address]
    system, pattern = _system(address)
    found = sorted(system.unstrip_protocol(name) for name in system.glob(pattern))
    if not found:
        raise DataError(f"{address} must match files; it matches none.")
    return found


def can_stream(name: str) -> bool:
    """Return whether files of that name can be read one after the other."""
    kinds = [get("domains", known) for known in names("domains")]
    return holds_values(name) or any(kind.streams_file(name) for kind in kinds)


def is_hidden(path: Path, below: Path) -> bool:
    """Return whether a file, or a folder that it is in, is hidden or being written by Spark."""
    parts = path.relative_to(below).parts
    return any(part.startswith(".") or part == "_temporary" for part in parts)


@final
@dataclass(frozen=True, kw_only=True)
class MappedStream(Stream):
    """An array that lies in a file, or anything else that can be cut.

    Attributes:
        array: As `numpy.load` gives it with ``mmap_mode="r"``.
    """

    array: Any

    def pieces(self, domain: Domain) -> Iterator[ShardPiece]:
        """Yield copies of parts of it."""
        for start in range(0, len(self.array), self.rows):
            part = self.array[start : start + self.rows]
            yield ShardPiece(np.array(part) if isinstance(part, np.ndarray) else part)

    def first(self) -> Any:
        """Return the first items."""
        return np.array(self.array[:1000])

    @property
    def signature(self) -> str:
        """Nothing: whether an array changed cannot be known."""
        return ""


@final
@dataclass(frozen=True, kw_only=True)
class ItemStream(Stream):
    """A data set of PyTorch, Hugging Face, litdata or another library that yields items.

    Items are arrays, tensors, pictures of Pillow, text, or records: mappings of names to values,
    which become rows of a table, or pictures with what belongs to them.

    Attributes:
        source: What yields the same items each time it is begun.
    """

    source: Iterable[Any]

    def pieces(self, domain: Domain) -> Iterator[ShardPiece]:
        """Yield items together."""
        rows = min(self.rows, _MOST_AT_ONCE)
        for some in batched(_items(self.source), rows):
            yield self._piece(some)

    def first(self) -> Any:
        """Return the first items."""
        some = list(itertools.islice(_items(self.source), _FIRST))
        if not some:
            raise DataError("a stream must yield items; got none.")
        return self._piece(some).items

    @property
    def signature(self) -> str:
        """The fingerprint of a data set that has one."""
        known = getattr(self.source, "_fingerprint", None)
        return "" if known is None else hashlib.sha256(str(known).encode()).hexdigest()

    def _piece(self, some: list[Any]) -> ShardPiece:
        if isinstance(some[0], Mapping):
            return records_piece(some, self.context)
        if isinstance(some[0], tuple):
            labels = [item[1] if len(item) > 1 else None for item in some]
            wanted = [_plain(label) for label in labels] if self.context is not None else None
            return ShardPiece(collected([item[0] for item in some]), wanted)
        return parted(collected(some), self.context)


_MOST_AT_ONCE = 4096  # items of a library may be large
_FIRST = 100


def _items(source: Any) -> Iterator[Any]:
    """Yield the items; of data sets with places only, those at each place."""
    if hasattr(source, "__iter__"):
        yield from source
    else:
        for place in range(len(source)):
            yield source[place]


def batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield items together, so many at a time."""
    iterator = iter(items)
    while some := list(itertools.islice(iterator, size)):
        yield some


def collected(some: Sequence[Any]) -> Any:
    """Return items as one array, a list of texts, or a data frame."""
    if isinstance(some[0], Tensor):
        return np.stack([item.numpy(force=True) for item in some])
    if isinstance(some[0], np.ndarray | np.generic | int | float):
        return np.stack([np.asarray(item) for item in some])
    return collect_items(list(some))


def records_piece(some: Sequence[Mapping[str, Any]], context: str | None) -> ShardPiece:
    """Return records as rows of a table; or their pictures, where they have one each.

    Raises:
        DataError: Several pictures in a record, or a context that is none of its names.
    """
    import pandas as pd

    pictures = [name for name, value in some[0].items() if hasattr(value, "getbands")]
    if len(pictures) > 1:
        raise DataError(
            f"a record must have one picture; got {', '.join(pictures)}. Leave the others out."
        )
    if not pictures:
        return parted(pd.DataFrame.from_records(list(some)), context)
    if context is not None and context not in some[0]:
        raise DataError(f"context={context!r} must be one of {', '.join(some[0])}.")
    labels = None if context is None else [_plain(record[context]) for record in some]
    return ShardPiece(collect_items([record[pictures[0]] for record in some]), labels)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic | Tensor) else value
