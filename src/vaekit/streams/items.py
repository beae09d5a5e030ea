"""Items of other libraries, and arrays that lie in files."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from torch import Tensor

from vaekit.domains.base import Domain
from vaekit.domains.collecting import collect_items
from vaekit.domains.hooks import ShardPiece
from vaekit.domains.sources import parted
from vaekit.errors import DataError
from vaekit.streams.base import Stream


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
