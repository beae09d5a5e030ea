"""Data sets of PyTorch, and pictures of Pillow, to arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from vaekit.errors import DataError, DataTypeError

_PLAIN_MODES = frozenset({"L", "RGB", "RGBA", "F"})


def collect_items(raw: Any) -> Any:
    """Return the items of a `torch.utils.data.Dataset` as one array, tensor or list.

    Of items that are tuples, as ``(picture, label)``, the first part is the item; labels go in as
    a context of their own. Everything that is no data set is returned as it is, but for lists of
    Pillow's pictures, which become an array.

    Args:
        raw: A data set with a length, whose items are tensors, arrays, numbers, text, pictures of
            Pillow, or tuples that begin with one; or any other data.

    Raises:
        DataError: Items of different shapes or kinds, or a data set that is empty.
        DataTypeError: A data set without length, a loader, or items of another kind.

    Example:
        >>> from torch.utils.data import TensorDataset
        >>> collect_items(TensorDataset(torch.zeros(5, 8, 8), torch.arange(5))).shape
        torch.Size([5, 8, 8])
    """
    if isinstance(raw, list | tuple) and raw and all(_is_picture(item) for item in raw):
        return _stacked([_of_picture(item) for item in raw])
    if not isinstance(raw, Dataset | DataLoader):
        return raw
    if type(raw) is TensorDataset:
        return raw.tensors[0]
    return _stacked([_item(raw, place) for place in range(_count(raw))])


def peek_items(raw: Any) -> Any:
    """Return the first item of a data set as a set of one, to tell its kind without reading all."""
    if not isinstance(raw, Dataset | DataLoader):
        return collect_items(raw)
    if type(raw) is TensorDataset:
        return raw.tensors[0]
    _count(raw)
    return _stacked([_item(raw, 0)])


def _count(raw: Any) -> int:
    if isinstance(raw, DataLoader):
        raise DataTypeError(
            "data must be items, not batches; got a DataLoader. Pass its data set: loader.dataset."
        )
    if isinstance(raw, IterableDataset):
        raise DataTypeError(
            f"a data set must have a length and items by number; got {type(raw).__name__}, which "
            "is an IterableDataset. Fit on vaekit.stream(data), or collect it: "
            "torch.stack(list(data))."
        )
    try:
        count = len(raw)
    except (TypeError, NotImplementedError) as error:
        raise DataTypeError(
            f"a data set must have a length; {type(raw).__name__} has none ({error}). Give it "
            "__len__, or collect its items into a tensor."
        ) from error
    if not count:
        raise DataError(f"a data set must have an item; {type(raw).__name__} is empty.")
    return count


def _item(raw: Any, place: int) -> Any:
    item = raw[place]
    while isinstance(item, tuple) and item:  # with a label, or whatever else goes along
        item = item[0]
    if _is_picture(item):
        return _of_picture(item)
    if isinstance(item, torch.Tensor | np.ndarray | str | list | int | float | np.number):
        return item
    raise DataTypeError(
        "items of a data set must be tensors, arrays, pictures, or tuples that begin with one; got "
        f"{type(item).__name__} at place {place}. Give the data set a transform that returns one."
    )


def _is_picture(item: Any) -> bool:
    """Return whether this is a picture of Pillow, which need not be imported to ask."""
    return any(base.__module__ == "PIL.Image" for base in type(item).__mro__)


def _of_picture(picture: Any) -> Any:
    if picture.mode.startswith("I"):
        return np.asarray(picture)
    if picture.mode not in _PLAIN_MODES:
        picture = picture.convert(_plain_mode(picture))
    return np.asarray(picture)


def _plain_mode(picture: Any) -> str:
    if picture.mode == "1":
        return "L"
    is_transparent = "A" in picture.getbands() or "transparency" in picture.info
    return "RGBA" if is_transparent else "RGB"


def _stacked(items: Sequence[Any]) -> Any:
    first = items[0]
    if isinstance(first, str) or (isinstance(first, list) and first and isinstance(first[0], str)):
        return list(items)
    shape = np.shape(first)
    for place, item in enumerate(items):
        if isinstance(item, torch.Tensor) != isinstance(first, torch.Tensor):
            raise DataError(
                f"items of a data set must be of one kind; got {type(item).__name__} at place "
                f"{place}, and {type(first).__name__} first. Give it a transform."
            )
        if tuple(np.shape(item)) != tuple(shape):
            raise DataError(
                f"items of a data set must be of one shape; got {tuple(np.shape(item))} at place "
                f"{place}, and {tuple(shape)} first. Give it a transform that brings them to one, "
                "as a Resize of pictures."
            )
    return torch.stack(list(items)) if isinstance(first, torch.Tensor) else np.stack(items)
