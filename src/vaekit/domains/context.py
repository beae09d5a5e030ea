"""What a model is conditioned on: class labels or numeric properties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains.labels import Labels, is_label_table
from vaekit.errors import DataError, NotFittedError, SpecError, unknown_name

__all__ = ["Context"]

_MOST_CLASSES = 1000
_ONE_COLUMN = "label"


@dataclass(frozen=True)
class Context:
    """Labels as one-hot rows, or standardised properties. Immutable, like a domain.

    One column of text, booleans or whole numbers is read as labels; a data frame, dict or array
    of text as one column of labels per attribute; floats, and more than one column of plain
    numbers, as properties.

    Attributes:
        classes: Learnt labels, for a class context.
        mean: Learnt mean of each property.
        scale: Learnt deviation of each property.
        columns: Learnt name and labels of each attribute, for a context of several.

    Example:
        >>> context = Context().fit(["cat", "dog", "cat"])
        >>> context.prepare(["dog"])
        tensor([[0., 1.]])
        >>> context = Context().fit({"eyes": ["open", "wink"], "nose": ["big", "small"]})
        >>> context.prepare({"eyes": "wink", "nose": "big"})
        tensor([[0., 1., 1., 0.]])
    """

    classes: Sequence[str | int | bool] | None = None
    mean: Sequence[float] | None = None
    scale: Sequence[float] | None = None
    columns: Sequence[tuple[str, Sequence[str]]] | None = None

    def fit(self, raw: Any) -> Self:
        """Learn the labels, or the scaling of the properties."""
        if is_label_table(raw):
            labels = Labels.of(raw)
            columns = tuple((name, labels.values(name)) for name in labels.columns)
            _check_number([label for _, values in columns for label in values])
            return replace(self, classes=None, mean=None, scale=None, columns=columns)
        array = _column(raw)
        if array.ndim == 1 and array.dtype.kind in "biuUSO":
            known = np.unique(_plain(array)).tolist()
            _check_number(known)
            return replace(self, classes=tuple(known), mean=None, scale=None, columns=None)
        values = _properties(array)
        scale = values.std(0)
        return replace(
            self,
            classes=None,
            mean=tuple(values.mean(0).tolist()),
            scale=tuple(np.where(scale > 0, scale, 1.0).tolist()),
            columns=None,
        )

    @property
    def dim(self) -> int:
        """Size of one prepared row."""
        if self.columns is not None:
            return sum(len(labels) for _, labels in self.columns)
        return len(self._learnt())

    @property
    def attributes(self) -> Mapping[str, tuple[str, ...]]:
        """The learnt labels of each attribute, as text; one column without a name is ``label``."""
        if self.classes is not None:
            return {_ONE_COLUMN: tuple(str(label) for label in self.classes)}
        return {name: tuple(labels) for name, labels in self.columns or ()}

    def prepare(self, raw: Any, rows: int | None = None) -> Tensor:
        """One row per item; a single label or property is repeated for all rows.

        Raises:
            DataError: An unknown label, a column missing, or another number of rows than the
                items have.
        """
        ready = self._prepared(raw)
        if rows is not None and len(ready) == 1:
            ready = ready.expand(rows, -1)
        if rows is not None and len(ready) != rows:
            raise DataError(
                f"the context must have one row per item; got {len(ready)} for {rows} items."
            )
        return ready

    def swap(
        self, rows: Float[Tensor, "batch context"], attribute: str, label: str
    ) -> Float[Tensor, "batch context"]:
        """Prepared rows with another label of one attribute, all others as they are.

        Raises:
            SpecError: No attribute, or no label of it, has that name; suggests the nearest.
        """
        span = self._span(attribute)
        known = self.attributes[attribute]
        if label not in known:
            raise unknown_name(f"value of attribute {attribute!r}", label, known)
        swapped = rows.clone()
        swapped[:, span] = 0.0
        swapped[:, span.start + known.index(label)] = 1.0
        return swapped

    def _span(self, attribute: str) -> slice:
        """Where an attribute lies in a prepared row."""
        if not self.attributes:
            raise SpecError(
                "this model's context is of properties, and labels alone can be swapped; fit it "
                "with labels."
            )
        if attribute not in self.attributes:
            raise unknown_name("attribute", attribute, self.attributes)
        names = list(self.attributes)
        sizes = [len(self.attributes[name]) for name in names]
        start = sum(sizes[: names.index(attribute)])
        return slice(start, start + len(self.attributes[attribute]))

    def _prepared(self, raw: Any) -> Tensor:
        if self.columns is not None:
            return self._one_hot_columns(raw)
        self._learnt()
        array = _column(raw)
        if array.ndim == 0 or (self.classes is None and array.ndim == 1 and self.dim > 1):
            array = array[None]
        return self._one_hot(array) if self.classes is not None else self._scaled(array)

    def _learnt(self) -> Sequence[Any]:
        learnt = self.classes if self.classes is not None else self.mean
        if learnt is None:
            raise NotFittedError("this Context has learnt nothing; call fit first.")
        return learnt

    def _one_hot(self, array: NDArray[Any]) -> Tensor:
        known = [str(label) for label in self.classes or ()]
        return _one_hot("context labels", [str(x) for x in _plain(array).reshape(-1)], known)

    def _one_hot_columns(self, raw: Any) -> Tensor:
        given = self._named(raw)
        parts = [
            _one_hot(f"context labels of {name!r}", given[name].tolist(), list(labels))
            for name, labels in self.columns or ()
        ]
        return torch.cat(parts, dim=1)

    def _named(self, raw: Any) -> Mapping[str, NDArray[np.str_]]:
        """Columns by name; values without names are taken in the order of training."""
        names = [name for name, _ in self.columns or ()]
        if not is_label_table(raw):
            array = np.atleast_1d(np.asarray(raw, dtype=str))
            array = array.reshape(-1, len(names)) if array.size == len(names) else array
            raw = array if array.ndim == 2 else array[:, None]
            given = dict(zip(names, np.asarray(raw).T, strict=False))
        else:
            given = dict(Labels.of(raw).columns)
            unnamed = list(given) == [str(i) for i in range(len(names))]
            given = dict(zip(names, given.values(), strict=True)) if unnamed else given
        missing = [name for name in names if name not in given]
        if missing:
            raise DataError(
                f"the context must have the columns of training, {names}; got none named "
                f"{missing}. Pass a data frame or a dict with a label of each."
            )
        return given

    def _scaled(self, array: NDArray[Any]) -> Tensor:
        values = _properties(array)
        if values.shape[1] != self.dim:
            raise DataError(f"the context must have {self.dim} properties; got {values.shape[1]}.")
        scaled = (values - np.asarray(self.mean)) / np.asarray(self.scale)
        return torch.from_numpy(scaled.astype(np.float32))


def _one_hot(what: str, labels: Sequence[str], known: list[str]) -> Tensor:
    places = {label: i for i, label in enumerate(known)}
    unknown = sorted(set(labels) - set(places))
    if unknown:
        raise DataError(f"{what} must be among those of training, {known}; got {unknown[:5]}.")
    index = torch.tensor([places[label] for label in labels])
    return torch.nn.functional.one_hot(index, len(places)).to(torch.float32)


def _check_number(labels: Sequence[Any]) -> None:
    if len(labels) > _MOST_CLASSES:
        raise DataError(
            f"a class context must have at most {_MOST_CLASSES} labels; got "
            f"{len(labels)}. Pass floats to use the values as a property."
        )


def _column(raw: Any) -> NDArray[Any]:
    raw = raw.columns if isinstance(raw, Labels) else raw
    if isinstance(raw, Mapping):
        raw = np.stack([np.asarray(values) for values in raw.values()], axis=-1)
    array = raw.detach().cpu().numpy() if isinstance(raw, Tensor) else np.asarray(raw)
    if array.ndim > 2:
        raise DataError(f"a context must have 1 or 2 dimensions; got shape {array.shape}.")
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Labels of one type, so that they sort: text where they are not all numbers."""
    return array.astype(str) if array.dtype.kind in "OSU" else array


def _properties(array: NDArray[Any]) -> NDArray[np.float64]:
    try:
        values = array.astype(np.float64).reshape(len(array), -1)
    except (TypeError, ValueError) as error:
        raise DataError(f"context properties must be numbers; {error}.") from error
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(f"context properties must be finite; got NaN or infinity at row {row}.")
    return values
