"""Output shards: written whole or not at all, each with what it was made by."""

import enum
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vaekit.batch.shards import Shard
from vaekit.errors import DataError, SaveError
from vaekit.files import atomic_file

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
