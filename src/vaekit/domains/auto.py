"""Telling the domain from the data."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vaekit.domains.arrays import ArrayDomain
from vaekit.domains.base import Domain
from vaekit.domains.checks import is_foreign_table, is_frame
from vaekit.domains.images import ImageDomain
from vaekit.domains.molecules import MoleculeDomain, Molecules, Standardised
from vaekit.domains.sequences import SequenceDomain
from vaekit.domains.series import SeriesDomain
from vaekit.domains.sources import is_table_file, read_source
from vaekit.domains.tables import TableDomain
from vaekit.errors import unknown_name

__all__ = ["find_domain"]

DOMAINS: dict[str, type[Domain]] = {
    "arrays": ArrayDomain,
    "images": ImageDomain,
    "molecules": MoleculeDomain,
    "sequences": SequenceDomain,
    "series": SeriesDomain,
    "table": TableDomain,
}


def find_domain(raw: Any, chosen: str | Domain = "auto") -> Domain:
    """The domain chosen, or the one that the data look like.

    Folders, and arrays with 3 or 4 axes, are images. Data frames are numeric tables if all their
    columns are numbers without missing cells, and tables of several kinds of columns otherwise, as
    are those of polars and pyarrow; everything else is a numeric table. Series are never guessed:
    arrays of them look like tables and images; say ``"series"``, or pass a `SeriesDomain`. Nor are
    strings: say ``"sequences"`` or ``"molecules"``; only files .smi and .sdf hold molecules for
    sure.

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
    if isinstance(raw, Molecules | Standardised):
        return MoleculeDomain()
    if is_foreign_table(raw) or is_frame(raw):
        return ArrayDomain() if is_frame(raw) and _all_numbers(raw) else TableDomain()
    axes = raw.ndim if isinstance(raw, Tensor | np.ndarray) else np.asarray(raw).ndim
    return ImageDomain() if axes in (3, 4) else ArrayDomain()


def _of_path(path: Path) -> Domain:
    """Folders and idx files hold images; files of arrays and tables are looked into."""
    if path.name.removesuffix(".gz").endswith((".smi", ".smiles", ".sdf")):
        return MoleculeDomain()
    if path.is_file() and (path.suffix in (".npz", ".npy") or is_table_file(path)):
        return find_domain(read_source(path))
    return ArrayDomain() if is_table_file(path) else ImageDomain()


def _all_numbers(frame: Any) -> bool:
    import pandas.api.types as kinds

    dtypes = frame.dtypes
    plain = all(kinds.is_numeric_dtype(t) and not kinds.is_bool_dtype(t) for t in dtypes)
    return plain and not frame.isna().any(axis=None)
