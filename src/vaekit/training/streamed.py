"""A training set in a file: rows are read a block at a time, in an order that is nearly random."""

import bisect
import itertools
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, final, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import DataError, FormatError, SaveError
from vaekit.files import parse_json
from vaekit.training.config import (
    TrainingSet,
    count_batches,
    epoch_generator,
    spread_places,
)
from vaekit.types import Batch

_LANES = 64
"""Parts of the file that a batch takes items of in turn; as many processes can share them."""

_BLOCK_BYTES = 2**18
_MOST_ROWS, _FEWEST_ROWS = 1024, 16
_POOL_BYTES = 64 * 2**20
_EXAMPLE_BYTES, _MOST_EXAMPLES = 64 * 2**20, 100_000
_FORMAT = 1
_INDEX = "rows.json"


@final
@dataclass(frozen=True)
class RowFile:
    """Rows of one shape and type, one behind the other in a file.

    Attributes:
        path: Of the file.
        shape: Of one row.
        dtype: NumPy's name of the type of its values.
        count: How many there are.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: str
    count: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.dtype(self.dtype).itemsize * np.prod(self.shape, dtype=np.int64))

    @property
    def block_rows(self) -> int:
        """Rows that are read at once."""
        fitting = _BLOCK_BYTES // max(1, self.row_bytes)
        return max(_FEWEST_ROWS, min(_MOST_ROWS, fitting))

    def read(self, start: int, stop: int) -> Tensor:
        """Return rows from one place up to another, shape (stop - start, *shape)."""
        with self.path.open("rb") as file:
            return self._read(file, start, stop)

    def gather(self, index: Tensor) -> Tensor:
        """Return the rows at some places, each read by itself unless they are neighbors."""
        places = index.numpy()
        breaks = np.flatnonzero(np.diff(places) != 1) + 1
        ends = np.concatenate([[0], breaks, [len(places)]]).tolist()
        with self.path.open("rb") as file:
            parts = [
                self._read(file, int(places[a]), int(places[b - 1]) + 1)
                for a, b in itertools.pairwise(ends)
                if b > a
            ]
        return torch.cat(parts) if parts else self._made(np.empty(0, self.dtype))

    def _read(self, file: Any, start: int, stop: int) -> Tensor:
        file.seek(start * self.row_bytes)
        wanted = (stop - start) * self.row_bytes
        found = np.fromfile(file, dtype=np.uint8, count=wanted)
        if len(found) < wanted:
            raise FormatError(
                f"{self.path} must hold {self.count} rows; it ends before row {stop}. It was cut "
                "off: delete its folder, and fit again."
            )
        return self._made(found.view(self.dtype))

    def _made(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values.reshape(-1, *self.shape))


@final
class BlockPool:
    """The blocks of a file that were used last, in memory of a fixed size."""

    def __init__(self, rows: RowFile) -> None:
        self.rows, self.size = rows, rows.block_rows
        blocks = -(-rows.count // self.size)
        room = max(4 * _LANES, _POOL_BYTES // max(1, self.size * rows.row_bytes))
        self.slots = min(blocks, room)
        self._place = torch.full((blocks,), -1, dtype=torch.int64)
        self._owner = torch.full((self.slots,), -1, dtype=torch.int64)
        self._used = torch.zeros(self.slots, dtype=torch.int64)
        self._tick = 0
        dtype = torch.from_numpy(np.empty(0, rows.dtype)).dtype
        self._pool = torch.empty((self.slots * self.size, *rows.shape), dtype=dtype)

    @property
    def blocks_at_once(self) -> int:
        """Blocks of a lane that are mixed with each other, such that those of all lanes fit."""
        return max(1, self.slots // _LANES - 1)

    def take(self, index: Tensor) -> Tensor:
        """Return the rows at some places; blocks that are not there are read first."""
        blocks = index // self.size
        wanted = blocks.unique()
        if len(wanted) > self.slots:
            return self.rows.gather(index)
        self._tick += 1
        missing = wanted[self._place[wanted] < 0]
        here = self._place[wanted]
        self._used[here[here >= 0]] = self._tick
        if len(missing):
            self._load(missing)
        return self._pool.index_select(0, self._place[blocks] * self.size + index % self.size)

    def _load(self, missing: Tensor) -> None:
        free = self._used.argsort(stable=True)[: len(missing)]  # those that were used longest ago
        with self.rows.path.open("rb") as file:
            for slot, block in zip(free.tolist(), missing.tolist(), strict=True):
                if (old := int(self._owner[slot])) >= 0:
                    self._place[old] = -1
                start = block * self.size
                stop = min(start + self.size, self.rows.count)
                at = slot * self.size
                self._pool[at : at + stop - start] = self.rows._read(file, start, stop)
                self._owner[slot], self._place[block], self._used[slot] = block, slot, self._tick


@final
class EpochOrder:
    """An order of all rows of a file in which neighbors in time are near to each other in it.

    The file is parted into lanes of as many rows each. The items of a batch come from the lanes in
    turn; within a lane, blocks follow each other at random, and the rows of some blocks are mixed.
    So any number of processes that divides that of the lanes has blocks of its own, and the order
    is the same for all such numbers.
    """

    def __init__(self, count: int, block: int, at_once: int, seed: int, epoch: int) -> None:
        self.count, self.block, self.at_once = count, block, at_once
        self.lanes = max(1, min(_LANES, count // block))
        self.length = count // self.lanes
        self.seed, self.epoch = seed, epoch
        self._orders = [self._blocks_of(lane) for lane in range(self.lanes)]
        self._groups: list[tuple[int, Tensor]] = [(-1, torch.empty(0))] * self.lanes

    def places(self, start: int, stop: int) -> Tensor:
        """Return the rows that come from one place in the order up to another."""
        even = self.length * self.lanes
        positions = torch.arange(start, stop)
        found = positions.clone()  # what is left over after the lanes comes last, as it lies
        for lane in range(self.lanes):
            own = (positions < even) & (positions % self.lanes == lane)
            elements = positions[own] // self.lanes
            if len(elements):
                found[own] = self._elements(lane, int(elements[0]), int(elements[-1]) + 1)
        return found

    def _generator(self, *parts: int) -> torch.Generator:
        mixed = zlib.crc32(repr((self.seed, *parts)).encode())
        return epoch_generator(mixed, self.epoch)

    def _blocks_of(self, lane: int) -> tuple[Tensor, list[int]]:
        """Return the order of a lane's blocks, and where each group of them begins."""
        blocks = -(-self.length // self.block)
        order = torch.randperm(blocks, generator=self._generator(lane))
        sizes = torch.full((blocks,), self.block)
        sizes[-1] = self.length - self.block * (blocks - 1)
        ends = sizes[order].cumsum(0)
        return order, [0, *ends[self.at_once - 1 : -1 : self.at_once].tolist()]

    def _elements(self, lane: int, start: int, stop: int) -> Tensor:
        _, starts = self._orders[lane]
        parts = []
        while start < stop:
            group = bisect.bisect_right(starts, start) - 1
            rows = self._group(lane, group)
            offset = start - starts[group]
            some = rows[offset : offset + stop - start]
            parts.append(some)
            start += len(some)
        return torch.cat(parts)

    def _group(self, lane: int, group: int) -> Tensor:
        known, rows = self._groups[lane]
        if known == group:
            return rows
        order, _ = self._orders[lane]
        first = lane * self.length
        own = order[group * self.at_once : (group + 1) * self.at_once].tolist()
        spans = [torch.arange(b * self.block, min((b + 1) * self.block, self.length)) for b in own]
        rows = torch.cat(spans) + first
        rows = rows[torch.randperm(len(rows), generator=self._generator(lane, group))]
        self._groups[lane] = group, rows
        return rows


_AT_ONCE = 64


@final
class StreamedBatches(Sequence[Tensor]):
    """The batches of an epoch, each made when it is asked for."""

    def __init__(self, order: EpochOrder, size: int, start: int = 0) -> None:
        self.order, self.size, self.start = order, size, start
        self.batches = count_batches(order.count, size)
        self._made: tuple[int, Tensor] = (0, torch.empty(0, dtype=torch.int64))

    def __len__(self) -> int:
        return self.batches - self.start

    @overload
    def __getitem__(self, place: int) -> Tensor: ...

    @overload
    def __getitem__(self, place: slice) -> "StreamedBatches": ...

    def __getitem__(self, place: int | slice) -> "Tensor | StreamedBatches":
        if isinstance(place, slice):
            if place.stop is not None or place.step is not None:
                raise IndexError("batches of a file can only be cut at their beginning")
            return StreamedBatches(self.order, self.size, self.start + (place.start or 0))
        number = place + self.start if place >= 0 else self.batches + place
        if not self.start <= number < self.batches:
            raise IndexError(place)
        start = number * self.size
        last = number == self.batches - 1
        return self._places(start, self.order.count if last else start + self.size)

    def _places(self, start: int, stop: int) -> Tensor:
        """Return a part of the order; many batches are made at once, since each call costs."""
        first, made = self._made
        if not first <= start < stop <= first + len(made):
            end = min(self.order.count, max(stop, start + _AT_ONCE * self.size))
            first, made = start, self.order.places(start, end)
            self._made = first, made
        return made[start - first : stop - first]

    def __iter__(self) -> Iterator[Tensor]:
        for place in range(len(self)):
            yield self[place]


def _nothing_missing(rows: Tensor) -> Tensor | None:
    return None


@final
@dataclass(frozen=True)
class StreamedItems(TrainingSet):
    """A training set in a file, of which some blocks are in memory.

    Attributes:
        rows: The file.
        encode: Rows to x; see `Domain.encode`.
        observed: What is missing of rows; see `Domain.observed`.
        checksum: Of all rows.
        held_out: The items that are held out of training, in a file of their own.
        context: Of each row; in memory. Several rows of each as of `Items`.
        index: Which rows these are; ``None`` means all.
    """

    rows: RowFile
    encode: Callable[[Tensor], Tensor]
    observed: Callable[[Tensor], Tensor | None] = _nothing_missing
    checksum: int = 0
    held_out: "StreamedItems | None" = None
    context: Tensor | None = None
    index: Tensor | None = None
    _pools: list[BlockPool] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        return self.rows.count if self.index is None else len(self.index)

    def subset(self, index: Tensor) -> Self:
        """Return some of the items; no row is read."""
        return replace(self, index=index if self.index is None else self.index[index])

    def batch(self, index: Tensor, device: torch.device) -> Batch:
        """Read, move and encode the items at these places."""
        if self.index is not None:
            index = self.index[index]
        rows = self.rows.gather(index) if self.index is not None else self._pool.take(index)
        observed, context = self.observed(rows), self.context
        if context is not None:
            context = (context[:, 0] if context.ndim == 3 else context)[index].to(device)
        x = self.encode(rows.to(device))
        return Batch(x, context, None if observed is None else observed.to(device))

    @property
    def _pool(self) -> BlockPool:
        if not self._pools:
            self._pools.append(BlockPool(self.rows))
        return self._pools[0]

    @property
    def captions(self) -> int:
        """How many rows of context an item has at most."""
        return self.context.shape[1] if self.context is not None and self.context.ndim == 3 else 1

    def of_epoch(self, epoch: int) -> Self:
        """Return the items with one row of context each, as `Items.of_epoch` does."""
        if self.context is None or self.context.ndim < 3:
            return self
        rows = torch.arange(len(self.context))
        return replace(self, context=self.context[rows, (rows + epoch) % self.captions])

    def batches(self, size: int, seed: int, epoch: int) -> StreamedBatches:
        """Return places of the items of each batch, made when asked for; see `EpochOrder`."""
        at_once = self._pool.blocks_at_once
        order = EpochOrder(self.rows.count, self.rows.block_rows, at_once, seed, epoch)
        return StreamedBatches(order, size)

    def resampled(self) -> Self:
        """Themselves: items of files have no weights."""
        return self

    def split(self, share: float, generator: torch.Generator) -> tuple[Self, Self | None]:
        """Return those for training and those held out, which were parted when they were read."""
        return replace(self, held_out=None), self.held_out

    def count_for_training(self, share: float) -> int:
        """Return how many there are: those held out are parted already."""
        return len(self)

    def examples(self) -> Tensor:
        """Rows spread evenly over the file, 100,000 at most."""
        most = min(_MOST_EXAMPLES, max(1000, _EXAMPLE_BYTES // max(1, self.rows.row_bytes)))
        return self.rows.gather(spread_places(self.rows.count, most))

    def fingerprint(self) -> str:
        """Shape, dtype and checksum of all rows."""
        return f"{(self.rows.count, *self.rows.shape)} {self.rows.dtype} [{self.checksum}]"


@final
class RowWriter:
    """Writes rows into a folder, those for training into one file and those held out into another.

    A row is held out where a hash of its values says so, so that the same row is on the same side
    wherever it stands, and in each process.
    """

    def __init__(self, folder: Path, held_out: float) -> None:
        self.folder, self.share = folder, held_out
        self._files: list[Any] = []
        self._counts, self._sums = [0, 0], [0, 0]
        self._form: tuple[tuple[int, ...], str] | None = None
        self.count = 0

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._files = [(self.folder / name).open("wb") for name in (*_NAMES, SIDES_NAME)]
        except OSError as error:
            raise self._full(error) from error
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files:
            file.close()

    def write(self, rows: Tensor) -> None:
        """Add rows.

        Raises:
            DataError: Of another shape or type than those before.
            SaveError: The disk is full.
        """
        values = np.ascontiguousarray(rows.numpy())
        form = tuple(values.shape[1:]), str(values.dtype)
        if self._form is not None and form != self._form:
            raise DataError(f"rows must all be of one form, {self._form}; got {form}.")
        self._form = form
        outside = hashes_of(values) < np.uint64(int(self.share * 2**32))
        self.count += len(outside)
        self._put(self._files[2], outside)
        for side, chosen in enumerate((~outside, outside)):
            some = np.ascontiguousarray(values[chosen])
            self._sums[side] = zlib.crc32(
                some.data.cast("B") if some.size else b"", self._sums[side]
            )
            self._counts[side] += len(some)
            self._put(self._files[side], some)

    def _put(self, file: Any, values: NDArray[Any]) -> None:
        try:
            values.tofile(file)
        except OSError as error:
            raise self._full(error) from error

    def _full(self, error: OSError) -> SaveError:
        return SaveError(
            f"rows that are prepared for training must fit on the disk; {self.folder} takes no "
            f"more: {error.strerror or error}. Free some space, or name a folder elsewhere with "
            "stream(..., cache=)."
        )

    def finish(self, note: str) -> None:
        """Write the index, without which there are no rows.

        Args:
            note: What was read and how, so that others know whether to read it again.

        Raises:
            DataError: Nothing to train on.
        """
        if self._form is None or not self._counts[0]:
            raise DataError("the training set must have at least one item; got none.")
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
        shape, dtype = self._form
        index = {
            "format": _FORMAT,
            "shape": shape,
            "dtype": dtype,
            "counts": self._counts,
            "checksums": self._sums,
            "note": note,
        }
        fresh = self.folder / f"{_INDEX}.new"
        fresh.write_text(json.dumps(index), "utf-8")
        fresh.replace(self.folder / _INDEX)


_NAMES = ("training.rows", "held_out.rows")
SIDES_NAME = "sides"
"""The file that says of each row, in the order of the data, whether it is held out."""
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def hashes_of(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a hash of the values of each row, 32 bits, shape (rows,).

    Multilinear hashing (Lemire & Kaser 2014): a sum of products with odd numbers, modulo 2^64, of
    which the upper half is kept.

    Example:
        >>> a, b, c = hashes_of(np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0]]))
        >>> bool(a == b), bool(a == c)
        (True, False)
    """
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)
    padded = -(-flat.shape[1] // 4) * 4
    if padded != flat.shape[1]:
        flat = np.pad(flat, ((0, 0), (0, padded - flat.shape[1])))
    words = np.ascontiguousarray(flat).view(np.uint32)
    numbers = np.random.default_rng(7).integers(0, 2**63, words.shape[1], np.uint64) * 2 + 1
    total = np.zeros(len(words), np.uint64)
    for column, number in zip(words.T, numbers, strict=True):
        total += column.astype(np.uint64) * number
    found: NDArray[np.uint64] = ((total + numbers[0]) * _MULTIPLIER) >> np.uint64(32)
    return found


def read_rows(
    folder: Path,
    encode: Callable[[Tensor], Tensor],
    observed: Callable[[Tensor], Tensor | None] = _nothing_missing,
    note: str | None = None,
) -> StreamedItems | None:
    """Return the items that a `RowWriter` wrote; ``None`` where there are none.

    Args:
        folder: Where.
        encode: See `StreamedItems`.
        observed: See `StreamedItems`.
        note: That they must have; ``None`` for any.

    Raises:
        FormatError: The folder is damaged.
    """
    path = folder / _INDEX
    if not path.is_file():
        return None
    index = parse_json(path.read_bytes(), str(path))
    if not isinstance(index, dict) or index.get("format") != _FORMAT:
        raise FormatError(f"{path} must be of format {_FORMAT}; delete the folder, and fit again.")
    if note is not None and index["note"] != note:
        return None
    shape, dtype = tuple(index["shape"]), index["dtype"]
    parts = []
    for name, count, checksum in zip(_NAMES, index["counts"], index["checksums"], strict=True):
        file = RowFile(folder / name, shape, dtype, count)
        if not file.path.is_file() or file.path.stat().st_size != count * file.row_bytes:
            raise FormatError(
                f"{file.path} must hold {count} rows by {path.name}; its size is another. Delete "
                "the folder, and fit again."
            )
        parts.append(StreamedItems(file, encode, observed, checksum))
    training, held_out = parts
    return replace(training, held_out=held_out if len(held_out) else None)
