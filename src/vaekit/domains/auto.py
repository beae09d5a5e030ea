"""Telling the domain from the data."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vaekit.domains.arrays import ArrayDomain
from vaekit.domains.base import Domain
from vaekit.domains.images import ImageDomain
from vaekit.domains.sources import read_source
from vaekit.errors import unknown_name

__all__ = ["find_domain"]

DOMAINS: dict[str, type[Domain]] = {"arrays": ArrayDomain, "images": ImageDomain}


def find_domain(raw: Any, chosen: str | Domain = "auto") -> Domain:
    """The domain chosen, or the one that the data look like.

    Folders, and arrays with 3 or 4 axes, are images; everything else is a numeric table.

    Args:
        raw: The data, or a path to them.
        chosen: ``"auto"``, a name, or a domain.

    Raises:
        SpecError: No domain has that name.

    Example:
        >>> type(find_domain(np.zeros((5, 28, 28)))).__name__
        'ImageDomain'
    """
    if isinstance(chosen, Domain):
        return chosen
    if chosen != "auto":
        if chosen not in DOMAINS:
            raise unknown_name("domain", chosen, ["auto", *DOMAINS])
        return DOMAINS[chosen]()
    if isinstance(raw, str | Path):
        return _of_path(Path(raw))
    axes = raw.ndim if isinstance(raw, Tensor | np.ndarray) else np.asarray(raw).ndim
    return ImageDomain() if axes in (3, 4) else ArrayDomain()


def _of_path(path: Path) -> Domain:
    """Folders and idx files hold images, .csv a table; array files are looked into."""
    if path.suffix in (".npz", ".npy") and path.is_file():
        return find_domain(read_source(path))
    return ArrayDomain() if path.suffix == ".csv" else ImageDomain()
