"""What a model is conditioned on: class labels or numeric properties."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import DataError, NotFittedError

__all__ = ["Context"]

_MOST_CLASSES = 1000


@dataclass(frozen=True)
class Context:
    """Labels as one-hot rows, or standardised properties. Immutable, like a domain.

    One column of text, booleans or whole numbers is read as labels; floats, and more than one
    column, as properties.

    Attributes:
        classes: Learnt labels, for a class context.
        mean: Learnt mean of each property.
        scale: Learnt deviation of each property.

    Example:
        >>> context = Context().fit(["cat", "dog", "cat"])
        >>> context.prepare(["dog"])
        tensor([[0., 1.]])
    """

    classes: Sequence[str | int | bool] | None = None
    mean: Sequence[float] | None = None
    scale: Sequence[float] | None = None

    def fit(self, raw: Any) -> Self:
        """Learn the labels, or the scaling of the properties."""
        array = _column(raw)
        if array.ndim == 1 and array.dtype.kind in "biuUSO":
            labels = np.unique(_plain(array))
            if len(labels) > _MOST_CLASSES:
                raise DataError(
                    f"a class context must have at most {_MOST_CLASSES} labels; got "
                    f"{len(labels)}. Pass floats to use the values as a property."
                )
            return replace(self, classes=tuple(labels.tolist()), mean=None, scale=None)
        values = _properties(array)
        scale = values.std(0)
        return replace(
            self,
            classes=None,
            mean=tuple(values.mean(0).tolist()),
            scale=tuple(np.where(scale > 0, scale, 1.0).tolist()),
        )

    @property
    def dim(self) -> int:
        """Size of one prepared row."""
        return len(self._learnt())

    def prepare(self, raw: Any, rows: int | None = None) -> Tensor:
        """One row per item; a single label or property is repeated for all rows.

        Raises:
            DataError: An unknown label, or another number of rows than the items have.
        """
        self._learnt()
        array = _column(raw)
        if array.ndim == 0 or (self.classes is None and array.ndim == 1 and self.dim > 1):
            array = array[None]
        ready = self._one_hot(array) if self.classes is not None else self._scaled(array)
        if rows is not None and len(ready) == 1:
            ready = ready.expand(rows, -1)
        if rows is not None and len(ready) != rows:
            raise DataError(
                f"the context must have one row per item; got {len(ready)} for {rows} items."
            )
        return ready

    def _learnt(self) -> Sequence[Any]:
        learnt = self.classes if self.classes is not None else self.mean
        if learnt is None:
            raise NotFittedError("this Context has learnt nothing; call fit first.")
        return learnt

    def _one_hot(self, array: NDArray[Any]) -> Tensor:
        known = {str(label): i for i, label in enumerate(self.classes or ())}
        labels = [str(label) for label in _plain(array).reshape(-1).tolist()]
        unknown = sorted(set(labels) - set(known))
        if unknown:
            raise DataError(
                f"context labels must be among those of training, {list(self.classes or ())}; "
                f"got {unknown[:5]}."
            )
        index = torch.tensor([known[label] for label in labels])
        return torch.nn.functional.one_hot(index, len(known)).to(torch.float32)

    def _scaled(self, array: NDArray[Any]) -> Tensor:
        values = _properties(array)
        if values.shape[1] != self.dim:
            raise DataError(f"the context must have {self.dim} properties; got {values.shape[1]}.")
        scaled = (values - np.asarray(self.mean)) / np.asarray(self.scale)
        return torch.from_numpy(scaled.astype(np.float32))


def _column(raw: Any) -> NDArray[Any]:
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
