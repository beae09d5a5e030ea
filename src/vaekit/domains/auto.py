"""Telling the domain from the data."""

from pathlib import Path
from typing import Any

import numpy as np

from vaekit.domains.arrays import ArrayDomain
from vaekit.domains.base import Domain
from vaekit.domains.images import ImageDomain
from vaekit.errors import unknown_name

__all__ = ["find_domain"]

DOMAINS: dict[str, type[Domain]] = {"arrays": ArrayDomain, "images": ImageDomain}


def find_domain(raw: Any, chosen: str | Domain = "auto") -> Domain:
    """The domain chosen, or the one that the data look like.

    Paths to folders and arrays with 3 or 4 axes are images; everything else is a numeric table.

    Args:
        raw: The data, already read where they came from a file.
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
    if isinstance(raw, str | Path) or np.ndim(raw) in (3, 4):
        return ImageDomain()
    return ArrayDomain()
