"""What a client asks of a model, and what comes back: data in memory, without any HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vaekit.domains.checks import is_frame


@dataclass(frozen=True)
class Columns:
    """A table as it came in JSON: data frames of one row cost more than models.

    Attributes:
        values: Cells of each column by its name, all of one length.
        kinds: Of each column the types that its cells have: tables in which they are the same give
            data frames of the same types, be they one or joined.
    """

    values: Mapping[str, list[Any]]
    kinds: tuple[frozenset[type], ...]

    @classmethod
    def of(cls, values: Mapping[str, list[Any]]) -> "Columns":
        """Look at the cells."""
        return cls(values, tuple(frozenset(map(type, column)) for column in values.values()))

    def __len__(self) -> int:
        return len(next(iter(self.values.values()), ()))

    def frame(self) -> Any:
        """Return a data frame.

        Example:
            >>> Columns.of({"age": [30, None], "job": ["cook", "vet"]}).frame()
                age   job
            0  30.0  cook
            1   NaN   vet
        """
        import pandas as pd

        return pd.DataFrame({name: pd.Series(column) for name, column in self.values.items()})


@dataclass(frozen=True)
class Request:
    """One operation on some items.

    Attributes:
        operation: Its name, ``"encode"`` for one.
        items: As `Autoencoder` takes them: an array, a data frame or a list; or a table as
            `Columns`; ``None`` of samples.
        count: How many items come back.
        context: Labels or properties, one for each item; ``None`` for none.
        options: The other arguments, checked.
    """

    operation: str
    items: Any
    count: int
    context: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cost(self) -> int:
        """Items that it counts as in a batch."""
        return max(1, self.count)


@dataclass(frozen=True)
class Result:
    """What a request gave.

    Attributes:
        values: By name what there is of each item, all of one length.
        facts: By name what is said of all.
        warnings: What Python would have warned of.
    """

    values: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def part(self, start: int, stop: int) -> "Result":
        """Return the values of some of the items.

        Example:
            >>> Result({"scores": [1.0, 2.0, 3.0]}).part(1, 3).values
            {'scores': [2.0, 3.0]}
        """
        return replace(self, values={n: _cut(v, start, stop) for n, v in self.values.items()})


def _cut(values: Any, start: int, stop: int) -> Any:
    if is_frame(values):
        return values.iloc[start:stop].reset_index(drop=True)
    return values[start:stop]


def merge_key(request: Request) -> tuple[Any, ...] | None:
    """Return what requests have to have in common to be merged; ``None`` of one that stays alone.

    Example:
        >>> merge_key(Request("encode", np.zeros((2, 3)), 2))
        ('encode', '{}', ('array', '<f8', (3,)), None)
    """
    form, context = _form(request.items), request.context
    if form is None or (context is not None and not _is_each(context, request.count)):
        return None
    told = None if context is None else type(context[0]).__name__
    return request.operation, repr(dict(sorted(request.options.items()))), form, told


def _is_each(context: Any, count: int) -> bool:
    return isinstance(context, list) and len(context) == count


def _form(items: Any) -> tuple[Any, ...] | None:
    if is_frame(items):
        return "frame", tuple(map(str, items.columns)), tuple(map(str, items.dtypes))
    if isinstance(items, np.ndarray) and items.ndim > 1:
        return "array", items.dtype.str, items.shape[1:]
    if isinstance(items, list) and items and isinstance(items[0], str):
        return ("texts",)
    if isinstance(items, Columns):
        return "columns", tuple(items.values), items.kinds
    return None


def merged(requests: Sequence[Request]) -> Request:
    """Return one request for the items of several that have one `merge_key`.

    Example:
        >>> both = merged([Request("encode", ["CCO"], 1), Request("encode", ["CC", "CN"], 2)])
        >>> both.items, both.count
        (['CCO', 'CC', 'CN'], 3)
    """
    first = requests[0]
    items = _joined([request.items for request in requests])
    context = None if first.context is None else [one for r in requests for one in r.context]
    return replace(first, items=items, context=context, count=sum(r.count for r in requests))


def _joined(parts: Sequence[Any]) -> Any:
    if is_frame(parts[0]):
        import pandas as pd

        return pd.concat(parts, ignore_index=True)
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    if isinstance(parts[0], Columns):
        names = parts[0].values
        return Columns({n: [v for p in parts for v in p.values[n]] for n in names}, parts[0].kinds)
    return [item for part in parts for item in part]
