"""From a stream to a training set: one pass to learn the schema, one to prepare rows."""

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaekit.distributed import is_first_of_node, processes, wait_for_group
from vaekit.domains.base import Domain
from vaekit.domains.choice import infer_domain
from vaekit.domains.hooks import ShardPiece
from vaekit.errors import DataError, FormatError, InUseError
from vaekit.files import expanded_path, hold, parse_json, to_json
from vaekit.spec import build, describe
from vaekit.streams.files import KeptPieces, Stream
from vaekit.training.callbacks import wants_bar
from vaekit.training.config import spread_places
from vaekit.training.streamed import SIDES_NAME, RowWriter, StreamedItems, read_rows

_MOST_HELD_OUT = 50_000
_SCHEMA = "schema.json"
_POLL_SECONDS = 0.2
_REFRESH_SECONDS, _SECONDS_BETWEEN_LINES = 0.25, 30.0


@dataclass(frozen=True)
class StreamedData:
    """What two passes over a stream leave behind.

    Attributes:
        domain: What was learned of the data.
        items: The training set, and the items held out of it.
        folder: Where the rows are.
        context: The values that condition a model, in the order of the data; ``None`` without.
    """

    domain: Domain
    items: StreamedItems
    folder: Path
    context: Any = None

    @property
    def count(self) -> int:
        """Items in all."""
        return (self.folder / SIDES_NAME).stat().st_size

    def with_context(self, rows: torch.Tensor) -> StreamedItems:
        """Return the training set with rows of context, given in the order of the data."""
        outside = torch.from_numpy(np.fromfile(self.folder / SIDES_NAME, dtype=bool))
        held_out = self.items.held_out
        if held_out is not None:
            held_out = replace(held_out, context=rows[outside])
        return replace(self.items, context=rows[~outside], held_out=held_out)


@contextmanager
def prepare_stream(
    stream: Stream,
    domain: str | Domain,
    held_out: Callable[[Domain, int], float],
    *,
    context: Any = None,
    progress: bool | None = None,
) -> Iterator[StreamedData]:
    """Yield the training set of a stream, whose rows are in a file within the block.

    Args:
        stream: The data.
        domain: A domain, the name of one, or ``"auto"``.
        held_out: From the domain and the number of items to the share that is held out.
        context: Values for each item in place of those of the stream.
        progress: Whether to show how many rows were read; ``None`` does so on a terminal.

    Raises:
        DataError: Data that break a rule, or change while they are read.
        SaveError: The disk is full.
    """
    first = stream.first() if domain == "auto" else None  # what is known need not be looked at
    chosen = infer_domain(first, domain).with_source(stream.place)
    note = _note(stream, chosen)
    with _folder(stream, note) as folder:
        reading = _Reading(stream, chosen, folder, note, held_out, progress)
        data = reading.ready()
        yield _few_held_out(data if context is None else replace(data, context=context))
        wait_for_group()  # others may still read


def _few_held_out(data: StreamedData) -> StreamedData:
    """Return the data with 50,000 items held out at most: each epoch looks at all of them."""
    held_out = data.items.held_out
    if held_out is None or len(held_out) <= _MOST_HELD_OUT:
        return data
    some = held_out.subset(spread_places(len(held_out), _MOST_HELD_OUT))
    return replace(data, items=replace(data.items, held_out=some))


def _note(stream: Stream, domain: Domain) -> str:
    identity = {"domain": describe(domain), "context": stream.context, "data": stream.signature}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


@contextmanager
def _folder(stream: Stream, note: str) -> Iterator[Path]:
    """Yield the folder for the rows; one without a name is removed afterwards, even if killed."""
    if stream.cache is not None:
        yield expanded_path(stream.cache)
        return
    run = os.environ.get("TORCHELASTIC_RUN_ID") or os.environ.get("MASTER_PORT")
    if processes() == 1 or run is None:
        with tempfile.TemporaryDirectory(prefix="vaekit-rows-") as made:
            yield Path(made)
        return
    node = os.environ.get("GROUP_RANK", "0")
    folder = Path(tempfile.gettempdir(), f"vaekit-rows-{run}-{node}-{note[:16]}")
    try:
        yield folder
    finally:
        if is_first_of_node():
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class _Reading:
    """Reads a stream into a folder, unless another process has done so or does it now."""

    stream: Stream
    chosen: Domain
    folder: Path
    note: str
    held_out: Callable[[Domain, int], float]
    progress: bool | None

    def ready(self) -> StreamedData:
        """Return the rows in the folder, once they are there."""
        while True:
            try:
                with hold(self.folder):
                    return self._known() or self._prepared()
            except InUseError:
                time.sleep(_POLL_SECONDS)

    def _known(self) -> StreamedData | None:
        """Return what is there already, if it is of the same data."""
        path = self.folder / _SCHEMA
        if self.stream.cache is not None and not self.stream.signature:
            return None  # whether the data are the same cannot be known
        if not path.is_file():
            return None
        stored = parse_json(path.read_bytes(), str(path))
        if not isinstance(stored, dict) or stored.get("note") != self.note:
            return None
        domain = build(stored["domain"])
        if not isinstance(domain, Domain):
            raise FormatError(f"{path} must hold a domain; it is damaged: delete its folder.")
        if stored["share"] != self.held_out(domain, int(stored["count"])):
            return None
        items = read_rows(self.folder, domain.encode, domain.observed, self.note)
        if items is None:
            return None
        return StreamedData(domain, items, self.folder, stored["context"])

    def _prepared(self) -> StreamedData:
        with KeptPieces(self.folder) as kept:
            return self._two_passes(kept)

    def _two_passes(self, kept: KeptPieces) -> StreamedData:
        stream, learner = self.stream, self.chosen.learner()
        with _counting("learning the schema", self.progress) as count:
            for piece in count(kept.passing(stream.pieces(self.chosen))):
                learner.update(piece.items)
        domain = learner.learned()
        pieces = kept.again(domain) if kept.has_all else stream.pieces(domain)
        share = self.held_out(domain, learner.count)
        labels: list[Any] | None = None if stream.context is None else []
        with RowWriter(self.folder, share) as writer:
            with _counting("preparing rows", self.progress) as count:
                for piece in count(pieces):
                    writer.write(domain.prepare(piece.items))
                    if labels is not None:
                        labels += piece.context or ()
            if writer.count != learner.count:
                raise DataError(
                    f"a stream must yield the same items each time; got {learner.count} the first "
                    f"time and {writer.count} the second."
                )
            schema = {
                "note": self.note,
                "domain": describe(domain),
                "count": learner.count,
                "share": share,
                "context": labels,
            }
            (self.folder / _SCHEMA).write_bytes(to_json(schema))
            writer.finish(self.note)
        items = read_rows(self.folder, domain.encode, domain.observed, self.note)
        assert items is not None
        return StreamedData(domain, items, self.folder, labels)


def _said(what: str, pieces: Iterator[ShardPiece]) -> Iterator[ShardPiece]:
    """Pass pieces on, and write now and then to standard error how many items have come."""
    count, said = 0, time.monotonic()
    for piece in pieces:
        yield piece
        count += len(piece.items)
        if time.monotonic() - said > _SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            sys.stderr.write(f"{what}: {count:,} items\n")


@contextmanager
def _counting(
    what: str, progress: bool | None
) -> Iterator[Callable[[Iterator[ShardPiece]], Iterator[ShardPiece]]]:
    """Yield what passes pieces on and shows how many items have come."""
    if not wants_bar(progress):
        yield partial(_said, what) if progress else lambda pieces: pieces
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} items"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, auto_refresh=False) as shown:
        task = shown.add_task(what, total=None)

        def counted(pieces: Iterator[ShardPiece]) -> Iterator[ShardPiece]:
            drawn = 0.0
            for piece in pieces:
                yield piece
                shown.advance(task, len(piece.items))
                if time.monotonic() - drawn > _REFRESH_SECONDS:
                    drawn = time.monotonic()
                    shown.refresh()
            shown.refresh()

        yield counted
