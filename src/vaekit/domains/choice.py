"""Telling the domain from the data, also from data sets of PyTorch and pictures of Pillow."""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from vaekit.domains.base import Domain
from vaekit.domains.sources import read_source
from vaekit.errors import CompositionError, DataError, DataTypeError, unknown_name
from vaekit.files import expanded_path
from vaekit.networks.dense import Chain, Reshape
from vaekit.places import check_source
from vaekit.presets.base import Parts
from vaekit.reading.tables import is_table_file
from vaekit.registry import get, names

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


def infer_domain(raw: Any, chosen: str | Domain = "auto") -> Domain:
    """Return the domain chosen, or the one that the data look like.

    Folders, and arrays with 3 or 4 axes, are images. Data frames are numeric tables if all their
    columns are numbers without missing cells, and tables of several kinds of columns otherwise, as
    are those of polars and pyarrow; everything else is a numeric table. Series are never guessed:
    arrays of them look like tables and images; say ``"series"``, or pass a `SeriesDomain`. Nor are
    strings: say ``"sequences"`` or ``"molecules"``; only files .smi and .sdf hold molecules for
    sure.

    Args:
        raw: The data, or a path to them; of a data set of PyTorch the first item is looked at.
        chosen: ``"auto"``, a name, or a domain.

    Raises:
        SpecError: No domain has that name.

    Example:
        >>> import numpy as np
        >>> type(infer_domain(np.zeros((5, 28, 28)))).__name__
        'ImageDomain'
    """
    return infer_and_read(raw, chosen)[0]


def infer_and_read(raw: Any, chosen: str | Domain = "auto") -> tuple[Domain, Any]:
    """Return the domain as `infer_domain` does, and the data, read if that took reading them.

    So a file need not be read a second time.

    Args:
        raw: The data, or a path to them.
        chosen: ``"auto"``, a name, or a domain.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/x.npy", np.zeros((5, 3)))
        ...     infer_and_read(f"{folder}/x.npy")[1].shape
        (5, 3)
    """
    if isinstance(chosen, Domain):
        return chosen, raw
    if chosen != "auto":
        if chosen not in names("domains"):
            raise unknown_name("domain", chosen, ["auto", *names("domains")])
        made: Domain = get("domains", chosen)()
        return made, raw
    if isinstance(raw, str | Path):
        path = expanded_path(raw)
        check_source(path)
        if path.is_file() and (path.suffix in (".npz", ".npy") or is_table_file(path)):
            raw = read_source(path)
            return _most_confident(raw), raw
        return _most_confident(path), raw
    return _most_confident(raw), raw


def _most_confident(raw: Any) -> Domain:
    raw = _even(peek_items(raw))
    known: list[type[Domain]] = [get("domains", name) for name in names("domains")]
    best = max(known, key=lambda domain: domain.confidence(raw))
    if best.confidence(raw) > 0:
        return best()
    raise DataError(
        f"the kind of data must be clear; no domain knows what {type(raw).__name__} holds. Name "
        f"one: {', '.join(names('domains'))}."
    )


def _even(raw: Any) -> Any:
    """Return lists as they are, if all of their rows are of one length.

    Raises:
        DataError: They are not.
    """
    if isinstance(raw, list | tuple):
        try:
            np.asarray(raw)
        except ValueError as error:
            raise DataError(
                "rows must all be of one length; those of the list are not. Fill them up, or pass "
                "a data frame."
            ) from error
    return raw


def use_networks(
    parts: Parts, x: Tensor, encoder: nn.Module | None, decoder: nn.Module | None
) -> Parts:
    """Replace a domain's networks by copies of the user's own, after trying them on two items.

    Args:
        parts: What the domain offers.
        x: Some items as the networks see them, at least one.
        encoder: (batch, *event) -> (batch, features), any number of features.
        decoder: (batch, latent + context) -> (batch, channels, *event); the axis of channels
            may be left out where the likelihood needs one feature per value.

    Raises:
        CompositionError: A network refuses the items or returns the wrong shape.
    """
    x = x[:1].expand(2, *x.shape[1:])
    if encoder is not None:
        h = _try(encoder, x, "encoder")
        if h.dim() != 2:
            raise CompositionError(
                f"an encoder must return (batch, features); got shape {tuple(h.shape)} for two "
                "items. Add nn.Flatten()."
            )
        parts = replace(parts, encoder=copy.deepcopy(encoder), features_dim=h.shape[1])
    if decoder is not None:
        parts = replace(parts, decoder=_fitting_decoder(parts, decoder, tuple(x.shape[1:])))
    return parts


def _fitting_decoder(parts: Parts, decoder: nn.Module, event: tuple[int, ...]) -> nn.Module:
    in_dim = parts.latent_dim + parts.context_dim
    out = _try(decoder, torch.zeros(2, in_dim), "decoder")
    channels = parts.likelihood.features_per_value
    own = copy.deepcopy(decoder)
    if tuple(out.shape) == (2, channels, *event):
        return own
    if channels == 1 and tuple(out.shape) == (2, *event):
        return Chain(own, Reshape((1, *event)))
    raise CompositionError(
        f"a decoder for {type(parts.likelihood).__name__} must return shape "
        f"{(2, channels, *event)} for two rows of {in_dim} inputs; got {tuple(out.shape)} "
        f"({math.prod(out.shape)} values). Add nn.Unflatten(1, {(channels, *event)})."
    )


@torch.no_grad()
def _try(network: nn.Module, x: Tensor, role: str) -> Tensor:
    try:
        out = copy.deepcopy(network)(x)  # a copy, so that batch statistics do not move
    except (RuntimeError, ValueError, TypeError) as error:
        raise CompositionError(
            f"the {role} must take inputs of shape {tuple(x.shape)}; it refuses them: {error}"
        ) from error
    if not isinstance(out, Tensor):
        raise CompositionError(f"the {role} must return a tensor; got {type(out).__name__}.")
    return out
