"""Shards: finding and reading those of a data set, and writing whole ones."""

import enum
import glob
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vaekit.domains.base import Domain
from vaekit.domains.hooks import ItemForm
from vaekit.domains.sources import read_pieces
from vaekit.errors import DataError, SaveError, SpecError
from vaekit.files import atomic_file, expanded_path
from vaekit.images.folders import image_files, is_image_file
from vaekit.places import check_source, is_there
from vaekit.reading.records import current_options, use_options
from vaekit.reading.tables import COMPRESSED, is_table_file

_ARRAYS = (".npy", ".npz")
_MOLECULES = (".smi", ".sdf")
_ARROW = (".parquet", ".feather", ".arrow")


@dataclass(frozen=True)
class Shard:
    """A part of a data set, which gives one file.

    Attributes:
        name: Of the file to write, without its ending; with folders where the source has some.
        path: What is read; ``None`` of samples.
        rows: How many rows it has, where that is known without reading it.
        stamp: What tells that the file is still the same: its bytes, and when it was changed.
        root: The folder that was searched for shards, where one was.
    """

    name: str
    path: str | None
    rows: int | None = None
    stamp: Sequence[int] = ()
    root: str | None = None


def find_shards(source: str | Path) -> list[Shard]:
    """Return the shards of a data set in the order of their names.

    Args:
        source: A folder, which is searched with its subfolders for ``.parquet``, ``.feather``,
            ``.csv`` and other tables, ``.npy``, ``.npz``, ``.smi`` and ``.sdf``, or, if it has none
            of them, for folders of images, of which each is a shard; a pattern such as
            ``"data/part-*.parquet"``; or one file. What begins with ``.`` or ``_`` is left out.

    Raises:
        DataError: There are none, two of them would give the same file, or images lie among
            other files.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.csv", "a.csv", "_SUCCESS"):
        ...         _ = Path(folder, name).write_text("x\\n1\\n")
        ...     [shard.name for shard in find_shards(folder)]
        ['a', 'b']
    """
    text = str(expanded_path(source))
    check_source(text)
    if not is_there(text):
        before = text.partition("**")[0]
        root = str(Path(before)) if before != text else None
        return [replace(shard, root=root) for shard in _named(_matches(text))]
    path = Path(text)
    if path.is_file():
        return _named([path], path.parent)
    return [replace(shard, root=text) for shard in _of_folder(path)]


def is_pattern(source: str | Path) -> bool:
    """Return whether a source is a pattern of names, and no path itself."""
    return glob.has_magic(str(source)) and not is_there(source)


def is_shard_file(path: Path) -> bool:
    """Return whether a file is a shard by its name."""
    return is_table_file(path) or _ending(path) in (*_ARRAYS, *_MOLECULES)


def _ending(path: Path) -> str:
    name = path.name.lower()
    for end in COMPRESSED:
        name = name.removesuffix(end)
    return Path(name).suffix


def _matches(text: str) -> list[Path]:
    if not glob.has_magic(text):
        raise DataError(
            f"a data set must be a folder, a file, or a pattern such as 'data/part-*.parquet'; "
            f"there is nothing at {text!r}."
        )
    found = [Path(name) for name in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207
    files = [path for path in found if path.is_file() and not _is_hidden(path.name)]
    wrong = next((path for path in files if not is_shard_file(path)), None)
    if wrong is not None or not files:
        what = "no file" if wrong is None else f"{wrong.name}"
        raise DataError(
            f"a pattern must match tables (.parquet, .csv, ...), .npy, .npz, .smi or .sdf files "
            f"only; {text!r} matches {what}. Write another pattern."
        )
    return files


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _of_folder(folder: Path) -> list[Shard]:
    files, pictures = [], []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        visible = [Path(place, name) for name in names if not _is_hidden(name)]
        files += [path for path in visible if is_shard_file(path)]
        if any(map(is_image_file, visible)):
            pictures.append(Path(place))
    if not pictures:
        if not files:
            raise DataError(
                f"a data set must have a shard at least: tables (.parquet, .csv, ...), .npy, .npz, "
                f".smi, .sdf, or folders of images; there is none in {folder}."
            )
        return _named(sorted(files), folder)
    return _of_images(folder, sorted(pictures))


def _of_images(folder: Path, pictures: list[Path]) -> list[Shard]:
    """Each folder of images is a shard; captions and metadata may lie beside the images."""
    for place in pictures:
        inner = next((p for p in pictures if place in p.parents), None)
        if inner is not None:
            raise DataError(
                f"images must lie in folders without folders of images in them; {place} has some, "
                f"and {inner} too. Move them into a folder of their own."
            )
    if pictures == [folder]:
        return [_shard(folder, folder.resolve().name)]
    return [_shard(place, place.relative_to(folder).as_posix()) for place in pictures]


def _named(paths: list[Path], root: Path | None = None) -> list[Shard]:
    """Name files by their places below a folder.

    Raises:
        DataError: Two would have one name.
    """
    if root is None:
        root = Path(os.path.commonpath([path.parent for path in paths]))
    shards, taken = [], dict[str, Path]()
    for path in paths:
        relative = path.relative_to(root)
        name = relative.with_name(_stem(path)).as_posix()
        other = taken.setdefault(name.lower(), path)  # as disks may take a.parquet for A.parquet
        if other is not path:
            raise DataError(
                f"shards must have different names, as each gives one file; {other.name} and "
                f"{path.name} in {path.parent} both give {name}.parquet. Rename one."
            )
        shards.append(_shard(path, name))
    return sorted(shards, key=lambda shard: shard.name)


def _stem(path: Path) -> str:
    name = path.name
    for end in COMPRESSED:
        name = name.removesuffix(end)
    return Path(name).stem


def _shard(path: Path, name: str) -> Shard:
    check_source(path)
    found = path.stat()
    if path.is_dir():
        stats = [file.stat() for file in sorted(path.iterdir()) if is_image_file(file)]
        size, changed = sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)
        return Shard(name, str(path), len(stats), (size, changed))
    return Shard(name, str(path), _count(path), (found.st_size, found.st_mtime_ns))


def _count(path: Path) -> int | None:
    """Return the rows of a file that says so; a damaged one is told when it is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix.lower() != ".parquet":
        return None
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return None


def choose_shards(shards: Sequence[Shard], part: str | None) -> list[Shard]:
    """Return every n-th shard, as ``"i/n"`` says, so that n calls do all of them.

    Raises:
        SpecError: Not two whole numbers with 1 <= i <= n.

    Example:
        >>> [s.name for s in choose_shards([Shard(n, None) for n in "abcde"], "2/3")]
        ['b', 'e']
    """
    if part is None:
        return list(shards)
    first, _, count = part.partition("/")
    is_right = first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count)
    if not is_right:
        raise SpecError(
            f"--shard must be i/n with 1 <= i <= n, as in 3/8 for the third of eight parts; got "
            f"{part!r}."
        )
    return list(shards[int(first) - 1 :: int(count)])


def plan_samples(count: int, shards: int) -> list[Shard]:
    """Return shards of new items, as many in each as nearly as can be.

    Example:
        >>> [(s.name, s.rows) for s in plan_samples(5, 2)]
        [('samples-00001', 3), ('samples-00002', 2)]
    """
    if not 1 <= shards <= count:
        raise SpecError(f"--shards must be from 1 to -n, which is {count}; got {shards}.")
    sizes = [count // shards + (place < count % shards) for place in range(shards)]
    return [Shard(f"samples-{n:05d}", None, size) for n, size in enumerate(sizes, 1)]


# Reading.


def read_slices(shard: Shard, domain: Domain, rows: int) -> Iterator[Any]:
    """Yield a shard in slices of so many rows, the last of fewer.

    Of ``.parquet``, large ``.csv`` and ``.npy`` files one slice is in memory; others are read whole
    and cut.

    Args:
        shard: What is read; of samples the slices are numbers of rows.
        domain: Of the model.
        rows: Of a slice.

    Raises:
        DataError: A file that cannot be read.
    """
    if shard.path is None:
        total = shard.rows or 0
        return iter([min(rows, total - start) for start in range(0, total, rows)])
    path = Path(shard.path)
    check_source(path)
    if path.is_dir():
        return _cut(_with_names(domain.read(path), path), rows)
    if path.suffix.lower() in _ARROW:
        return _arrow_slices(path, rows)
    if domain.item_form is ItemForm.TEXT:
        return _cut(domain.read_all(path), rows)
    asked = current_options()
    with use_options(replace(asked, optional=not asked.kinds)):  # the domain says what is missing
        return read_pieces(path, rows, domain.reading_types())


def _with_names(images: Any, folder: Path) -> Any:
    """Return images as a table of Arrow with the name of each file."""
    import numpy as np
    import pyarrow as pa

    files = image_files(folder)
    if len(files) != len(images):
        files = image_files(folder, on_bad="skip")
    if len(files) != len(images):
        raise DataError(
            f"{folder} changed while it was read: {len(images)} images of {len(files)} files. "
            "Start again when it stays as it is."
        )
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(images))
    names = [file.relative_to(folder).as_posix() for file in files]
    return pa.table({"file": pa.array(names), "item": tensors})


def _cut(items: Any, rows: int) -> Iterator[Any]:
    import pyarrow as pa

    for start in range(0, len(items), rows):
        is_table = isinstance(items, pa.Table)
        yield items.slice(start, rows) if is_table else items[start : start + rows]


def _arrow_slices(path: Path, rows: int) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.feather as pf
    import pyarrow.parquet as pq

    try:
        if path.suffix.lower() != ".parquet":
            yield from _cut(pf.read_table(path), rows)
            return
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(rows):
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} must be a readable {path.suffix} file; {error}.") from error


_KEY = b"vaekit"
_GROUP_ROWS, _GROUP_BYTES = 2**16, 2**26


class State(enum.Enum):
    """What lies where a shard is to be written."""

    MISSING = "nothing"
    FINISHED = "the same shard, by the same run and options"
    OUTDATED = "the shard as its source was before it changed"
    OTHER = "a shard of another run, task or options"
    FOREIGN = "a file of somebody else"


def manifest_of(shard: Shard, made_by: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written into a shard: what made it, and of what.

    Args:
        shard: The shard.
        made_by: Digest of the run, task and options.
    """
    return {**made_by, "shard": shard.name, "rows": shard.rows, "source": list(shard.stamp)}


def state_of(path: Path, manifest: Mapping[str, Any]) -> State:
    """Return what lies at a path, compared with what is to be written there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return State.MISSING
    try:
        stored = json.loads((pq.read_schema(path).metadata or {})[_KEY])
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return State.FOREIGN
    if stored == manifest:
        return State.FINISHED
    of_source = ("source", "rows")
    same = {k: v for k, v in stored.items() if k not in of_source}
    wanted = {k: v for k, v in manifest.items() if k not in of_source}
    return State.OUTDATED if same == wanted and manifest["source"] else State.OTHER


def check_outputs(
    folder: Path, states: Mapping[str, State], made_by: Mapping[str, Any], *, force: bool
) -> None:
    """Refuse to mix shards of several runs, or to replace files of others.

    Raises:
        SaveError: A file is there that is none of this task.
    """
    if force:
        return
    for name, state in states.items():
        if state in (State.OTHER, State.FOREIGN):
            raise SaveError(
                f"--out must be a folder of this run, task and options alone; "
                f"{folder / f'{name}.parquet'} is {state.value}. Choose another folder, or add "
                "--force to replace such files."
            )


def write_shard(path: Path, tables: Iterator[Any], manifest: Mapping[str, Any], empty: Any) -> int:
    """Write a shard, which appears when it is complete.

    Args:
        path: Of the file; the same content gives the same bytes.
        tables: Its parts, of one schema.
        manifest: What is written into it.
        empty: Returns the schema if there are no parts.

    Returns:
        How many rows it has.

    Raises:
        SaveError: It cannot be written; what was there before is unchanged.
        DataError: Parts of different schemas.
    """
    with atomic_file(path) as file:
        writer = _Writer(file, manifest)
        try:
            for table in tables:
                writer.add(table)
            return writer.finish(empty)
        finally:
            writer.close()


class _Writer:
    """Gathers slices to row groups of a size that readers like."""

    def __init__(self, file: Any, manifest: Mapping[str, Any]) -> None:
        self.file, self.rows = file, 0
        self.metadata = {_KEY: json.dumps(manifest, sort_keys=True)}
        self.waiting: list[Any] = []
        self.writer: Any = None

    def add(self, table: Any) -> None:
        import pyarrow as pa

        if self.writer is None:
            self._open(table.schema)
        try:
            self.waiting.append(table.cast(self.writer.schema))
        except (pa.ArrowException, ValueError) as error:
            raise DataError(
                f"all rows of a shard must give columns of one type; {error}. Give the shard "
                "columns of one type."
            ) from error
        self.rows += table.num_rows
        rows, size = sum(t.num_rows for t in self.waiting), sum(t.nbytes for t in self.waiting)
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            self._flush()

    def _open(self, schema: Any) -> None:
        import pyarrow.parquet as pq

        self.writer = pq.ParquetWriter(self.file, schema.with_metadata(self.metadata))

    def _flush(self) -> None:
        import pyarrow as pa

        if self.waiting:
            self.writer.write_table(pa.concat_tables(self.waiting).combine_chunks())
            self.waiting = []

    def finish(self, empty: Any) -> int:
        if self.writer is None:
            self._open(empty())
        self._flush()
        self.writer.close()
        return self.rows

    def close(self) -> None:
        """Let go of the file, also of one that is thrown away."""
        if self.writer is not None and self.writer.is_open:
            self.writer.close()


def shown_failures(failures: Sequence[tuple[str, str]]) -> str:
    """Return the first few failures in words.

    Example:
        >>> shown_failures([("a", "rows 0 to 9: no."), ("b", "no.")])
        'a: rows 0 to 9: no. b: no.'
    """
    shown = " ".join(f"{name}: {message}" for name, message in failures[:3])
    more = f" And {len(failures) - 3} more." if len(failures) > 3 else ""
    return shown + more
