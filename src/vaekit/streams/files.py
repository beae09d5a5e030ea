"""Files that are read one after the other: folders, globs and addresses of many."""

import glob
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final
from urllib.parse import urlsplit

from vaekit.domains.base import Domain
from vaekit.domains.hooks import ShardPiece
from vaekit.errors import DataError, MissingExtraError
from vaekit.files import expanded_path
from vaekit.places import check_source, is_there
from vaekit.reading.tables import is_table_file
from vaekit.registry import get, names
from vaekit.streams.base import Stream


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
