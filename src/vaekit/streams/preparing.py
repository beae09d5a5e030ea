"""From a stream to a training set: one pass to learn the schema, one to prepare rows."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from vaekit.distributed import is_first_of_node, processes, wait_for_group
from vaekit.domains.base import Domain
from vaekit.domains.choice import infer_domain
from vaekit.domains.hooks import ShardPiece
from vaekit.errors import DataError, FormatError
from vaekit.files import expanded_path, parse_json
from vaekit.spec import build, describe
from vaekit.streams.base import Stream
from vaekit.training.streamed import RowWriter, StreamedItems, read_rows
from vaekit.training.trainer import wants_bar

_MOST_HELD_OUT = 50_000
_SCHEMA = "schema.json"
_POLL_SECONDS = 0.2
_REFRESH_SECONDS = 0.25


@dataclass(frozen=True)
class StreamedData:
    """What two passes over a stream leave behind.

    Attributes:
        domain: What was learned of the data.
        items: The training set, and the items held out of it.
        context: The values that condition a model, in the order of the data; ``None`` without.
        is_held_out: Which of them belong to items that are held out.
    """

    domain: Domain
    items: StreamedItems
    context: list[Any] | None = None
    is_held_out: Any = None

    def with_context(self, rows: torch.Tensor) -> StreamedItems:
        """Return the training set with rows of context, given in the order of the data."""
        outside = torch.from_numpy(self.is_held_out)
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
        if is_first_of_node():
            data = _known(folder, chosen, note, stream, held_out)
            data = data or _prepared(folder, chosen, note, stream, held_out, context, progress)
        else:
            data = _awaited(folder, chosen, note, stream)
        yield _few_held_out(data)
        wait_for_group()  # others may still read


def _few_held_out(data: StreamedData) -> StreamedData:
    """Return the data with 50,000 items held out at most: each epoch looks at all of them."""
    held_out = data.items.held_out
    if held_out is None or len(held_out) <= _MOST_HELD_OUT:
        return data
    some = held_out.subset(torch.linspace(0, len(held_out) - 1, _MOST_HELD_OUT).long())
    return replace(data, items=replace(data.items, held_out=some))


def _note(stream: Stream, domain: Domain) -> str:
    told = {"domain": describe(domain), "context": stream.context, "data": stream.signature}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


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
    folder = Path(tempfile.gettempdir(), f"vaekit-rows-{run}-{note[:16]}")
    try:
        yield folder
    finally:
        if is_first_of_node():
            shutil.rmtree(folder, ignore_errors=True)


class _Schema(NamedTuple):
    domain: Domain
    items: int
    share: float


def _read_schema(folder: Path, note: str) -> _Schema | None:
    path = folder / _SCHEMA
    if not path.is_file():
        return None
    stored = parse_json(path.read_bytes(), str(path))
    if not isinstance(stored, dict) or stored.get("note") != note:
        return None
    domain = build(stored["domain"])
    if not isinstance(domain, Domain):
        raise FormatError(f"{path} must hold a domain; it is damaged: delete its folder.")
    return _Schema(domain, int(stored["count"]), float(stored["share"]))


def _known(
    folder: Path,
    chosen: Domain,
    note: str,
    stream: Stream,
    held_out: Callable[[Domain, int], float],
) -> StreamedData | None:
    """Return what an earlier training has prepared, if it was of the same data."""
    if not stream.signature or stream.context is not None:
        return None
    schema = _read_schema(folder, note)
    if schema is None or schema.share != held_out(schema.domain, schema.items):
        return None
    domain = schema.domain
    items = read_rows(folder, domain.encode, domain.observed, note)
    return None if items is None else StreamedData(domain, items)


def _awaited(folder: Path, chosen: Domain, note: str, stream: Stream) -> StreamedData:
    """Return what the first process of this machine prepares, once it is there."""
    if stream.context is not None:
        raise DataError(
            "a stream with a context must be read by one process; got several. Pass the context "
            "to fit, or train with one process."
        )
    while True:
        schema = _read_schema(folder, note)
        if schema is not None:
            items = read_rows(folder, schema.domain.encode, schema.domain.observed, note)
            if items is not None:
                return StreamedData(schema.domain, items)
        time.sleep(_POLL_SECONDS)


def _prepared(
    folder: Path,
    chosen: Domain,
    note: str,
    stream: Stream,
    held_out: Callable[[Domain, int], float],
    context: Any,
    progress: bool | None,
) -> StreamedData:
    learner = chosen.learner()
    with _counting("learning the schema", progress) as count:
        for piece in count(stream.pieces(chosen)):
            learner.update(piece.items)
    domain = learner.learned()
    share = held_out(domain, learner.count)
    labels: list[Any] = []
    with RowWriter(folder, share) as writer, _counting("preparing rows", progress) as count:
        for piece in count(stream.pieces(domain)):
            writer.write(domain.prepare(piece.items))
            labels += piece.context or ()
        schema = {
            "note": note,
            "domain": describe(domain),
            "count": learner.count,
            "share": share,
        }
        (folder / _SCHEMA).write_text(json.dumps(schema), "utf-8")
        writer.finish(note)
    outside = np.concatenate(writer.sides)
    if len(outside) != learner.count:
        raise DataError(
            f"a stream must yield the same items each time; got {learner.count} the first time and "
            f"{len(outside)} the second."
        )
    items = read_rows(folder, domain.encode, domain.observed, note)
    assert items is not None
    told = context if context is not None else (labels if stream.context is not None else None)
    return StreamedData(domain, items, told, outside)


@contextmanager
def _counting(
    what: str, progress: bool | None
) -> Iterator[Callable[[Iterator[ShardPiece]], Iterator[ShardPiece]]]:
    """Yield what passes pieces on and shows how many items have come."""
    if not wants_bar(progress):
        yield lambda pieces: pieces
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
