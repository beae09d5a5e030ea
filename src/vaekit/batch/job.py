"""What a worker does: one shard from its source to its file."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaekit.batch.scorer import Scorer, run_digest
from vaekit.batch.shards import Shard, manifest_of, read_slices, write_shard
from vaekit.errors import DataError, SpecError, VaekitError
from vaekit.memory import kept_memory
from vaekit.reading.records import TableOptions, use_options
from vaekit.serving.warned import collecting_warnings

_MOST_WARNINGS = 5


@dataclass(frozen=True)
class Outcome:
    """What became of a shard.

    Attributes:
        name: Of the shard.
        rows: That were written.
        seconds: That it took.
        error: Why it failed, or ``None``.
        warnings: The first few different ones.
    """

    name: str
    rows: int = 0
    seconds: float = 0.0
    error: str | None = None
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Job:
    """All that a worker has to know; it can be pickled.

    Attributes:
        scorer: What is done.
        shards: To what.
        out: The folder of the results.
        made_by: Goes into each file; see `outputs.manifest_of`.
        table_options: How tables are read.
    """

    scorer: Scorer
    shards: Sequence[Shard]
    out: str
    made_by: Mapping[str, Any]
    table_options: TableOptions = field(default_factory=TableOptions)

    def path(self, shard: Shard) -> Path:
        """Return the file that a shard gives."""
        return Path(self.out, f"{shard.name}.parquet")

    def check_run(self) -> None:
        """Refuse a run that is no longer the one that the job began with.

        Raises:
            SpecError: It is not.
        """
        run = self.scorer.run
        if isinstance(run, str) and run_digest(run) != self.made_by["run"]:
            raise SpecError(
                f"the run must stay the same until all shards are done; {run} was replaced. Start "
                "again with another folder."
            )

    def work(self, number: int, say: Callable[[int], None]) -> Outcome:
        """Do one shard; a failure is part of the outcome, and leaves no file.

        Args:
            number: Which one.
            say: Is called with the number of rows of each slice that is done.
        """
        shard, started = self.shards[number], time.monotonic()
        walk = _Walk(self.scorer, shard, say)
        try:
            with use_options(self.table_options), kept_memory():
                manifest = manifest_of(shard, self.made_by)
                rows = write_shard(self.path(shard), walk.tables(), manifest, walk.empty)
        except Exception as error:
            message = str(error) if isinstance(error, VaekitError) else _words(error)
            return Outcome(shard.name, 0, _since(started), message, tuple(walk.warnings))
        return Outcome(shard.name, rows, _since(started), None, tuple(walk.warnings))


def _since(started: float) -> float:
    return time.monotonic() - started


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"


class _Walk:
    """A pass over the slices of a shard."""

    def __init__(self, scorer: Scorer, shard: Shard, say: Callable[[int], None]) -> None:
        self.scorer, self.shard, self.say = scorer, shard, say
        self.warnings: dict[str, None] = {}
        self.schema: Any = None

    def tables(self) -> Iterator[Any]:
        """Yield what comes of each slice.

        Raises:
            DataError: Names the rows.
        """
        done, scorer = 0, self.scorer
        with collecting_warnings() as said:
            slices = read_slices(self.shard, scorer.domain, scorer.slice_rows)
        self._warn(said)
        for number in itertools.count():
            try:
                with collecting_warnings() as said:
                    raw = next(slices, None)
                self._warn(said)
            except VaekitError as error:
                where = f"behind row {done - 1}: " if done else ""
                raise DataError(f"{where}{error}") from error
            if raw is None:
                return
            count = raw if isinstance(raw, int) else len(raw)
            if not count:
                continue
            try:
                found = scorer.slice(raw, number, self.shard.name)
            except VaekitError as error:
                raise type(error)(f"rows {done} to {done + count - 1}: {error}") from error
            self._warn(found.warnings)
            yield found.table
            done += count
            self.say(count)

    def _warn(self, said: Sequence[str]) -> None:
        for text in said:
            if len(self.warnings) < _MOST_WARNINGS:
                self.warnings.setdefault(text)

    def empty(self) -> Any:
        """Return the schema of a shard without rows."""
        return self.scorer.schema(_schema_of(self.shard))


def _schema_of(shard: Shard) -> Any:
    import pyarrow.parquet as pq

    path = Path(shard.path or "")
    return pq.read_schema(path) if path.suffix.lower() == ".parquet" else None
