"""Telling the domain from the data; a user's own networks in place of a domain's."""

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vaekit.domains.base import Domain
from vaekit.domains.collecting import peek_items
from vaekit.domains.sources import read_source
from vaekit.errors import CompositionError, DataError, unknown_name
from vaekit.files import expanded_path
from vaekit.networks.dense import Chain, Reshape
from vaekit.places import check_source
from vaekit.presets.base import Parts
from vaekit.reading.tables import is_table_file
from vaekit.registry import get, names


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
