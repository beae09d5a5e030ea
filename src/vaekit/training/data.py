"""Items in memory, sliced per batch without a Python loop over rows."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from vaekit.types import Batch

_POOL = 50
"""Batches that are drawn at random before their items are sorted by length, at most."""


def _as_they_are(rows: Tensor) -> Tensor:
    return rows


@dataclass(frozen=True)
class Items:
    """A training set: rows in their own dtype, encoded batch by batch.

    Attributes:
        rows: All rows, shape (n, ...); images stay uint8.
        encode: Rows to x, called for each batch on its device; see `Domain.encode`.
        context: One row per item.
        observed: False marks a missing cell of x.
        lengths: How long each row is, where a batch costs what its longest row does; batches then
            hold rows of about the same length.
        index: Which rows these items are; ``None`` means all. A split shares its rows.
    """

    rows: Tensor
    encode: Callable[[Tensor], Tensor] = _as_they_are
    context: Tensor | None = None
    observed: Tensor | None = None
    lengths: Tensor | None = None
    index: Tensor | None = None

    def __len__(self) -> int:
        return len(self.rows) if self.index is None else len(self.index)

    def subset(self, index: Tensor) -> Self:
        """Return some of the items; no row is copied."""
        return replace(self, index=index if self.index is None else self.index[index])

    def batch(self, index: Tensor, device: torch.device) -> Batch:
        """Gather, move and encode the items at these places."""
        if self.index is not None:
            index = self.index[index]
        x = self.encode(self.rows.index_select(0, index).to(device))
        return Batch(x, _rows(self.context, index, device), _rows(self.observed, index, device))

    def batches(self, size: int, seed: int, epoch: int) -> list[Tensor]:
        """Return places of the items of each batch of an epoch: a function of seed and epoch.

        Example:
            >>> items = Items(torch.zeros(400, 1), lengths=torch.arange(400) % 2)
            >>> [set(items.lengths[positions].tolist()) for positions in items.batches(2, 0, 0)][:3]
            [{0}, {1}, {1}]
        """
        order = epoch_order(len(self), seed, epoch)
        if self.lengths is None:
            return split_batches(order, size)
        lengths = self.lengths if self.index is None else self.lengths[self.index]
        # a tenth of an epoch at most: few items, all sorted, would teach one length after the other
        pool = max(1, min(_POOL, len(order) // (10 * size)))
        pools = order.split(pool * size)
        alike = torch.cat([pool[lengths[pool].argsort(stable=True)] for pool in pools])
        batches = split_batches(alike, size)
        return [batches[place] for place in epoch_order(len(batches), seed, epoch).tolist()]

    def split(self, share: float, generator: torch.Generator) -> tuple[Self, Self | None]:
        """Hold out a share of the items, at random; ``None`` where that is less than one."""
        count = int(len(self) * share)
        if count == 0:
            return self, None
        order = torch.randperm(len(self), generator=generator)
        return self.subset(order[count:].sort().values), self.subset(order[:count].sort().values)

    def fingerprint(self) -> str:
        """Shape, dtype and checksum of all rows: tells other data from the same."""
        parts = [self.rows, self.context, self.observed]
        sums = [zlib.crc32(part.contiguous().numpy().data) for part in parts if part is not None]
        return f"{tuple(self.rows.shape)} {self.rows.dtype} {sums}"


def _rows(values: Tensor | None, index: Tensor, device: torch.device) -> Tensor | None:
    return None if values is None else values.index_select(0, index).to(device)


def epoch_order(items: int, seed: int, epoch: int) -> Tensor:
    """Return the order of one epoch: a function of seed and epoch, so it need not be stored."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(items, generator=generator)


def split_batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """Cut an order into batches; a last batch of one joins the one before it.

    One item alone has no batch statistics, and would weigh as much as a whole batch.
    """
    batches = list(order.split(batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [order[-len(batches[-2]) - 1 :]]
    return batches
