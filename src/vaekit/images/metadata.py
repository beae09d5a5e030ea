"""What describes the images of a folder, beside them: ``metadata.csv`` and ``metadata.jsonl``."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.context import Labels
from vaekit.errors import DataError, unknown_name
from vaekit.images.folders import METADATA, labels_of, read_table

_FILE = "file_name"


def metadata_columns(
    folder: Path, names: Sequence[str], *, must: bool = True, on_bad: str = "raise"
) -> Labels | NDArray[np.float64] | None:
    """Return columns of the files that describe the images of a folder, in the images' order.

    The files are called ``metadata.csv`` or ``metadata.jsonl``, lie in the folder or in folders of
    it, and have a column ``file_name`` with each image's path from where they lie, as the builder
    ``imagefolder`` of Hugging Face reads them.

    Args:
        folder: Of the images.
        names: Of the columns.
        must: Whether a name that is none is an error; else ``None`` is returned.
        on_bad: As of `read_images`.

    Returns:
        Labels; or properties, shape (images, columns), where all are numbers and some are no whole
        ones. ``None`` where nothing describes the images.

    Raises:
        DataError: A damaged file, an image without row, or a row without image or cell.
        SpecError: No column has that name; says which there are.
    """
    read = METADATA if must else [name for name in METADATA if not name.endswith(".parquet")]
    files = sorted(p for p in folder.rglob("metadata.*") if p.name.lower() in read)
    if not files:
        return None
    tables = [_read(path, folder) for path in files]
    known = list(dict.fromkeys(name for table in tables for name in table.names))
    for name in names:
        if name not in known:
            if not must:
                return None
            raise unknown_name(f"column of {files[0]}", name, known)
    rows = {name: cells for table in tables for name, cells in table.rows.items()}
    if sum(len(table.rows) for table in tables) != len(rows):
        raise DataError(f"files must be described once; those in {folder} name some twice.")
    found = labels_of(files[0], rows, folder, names, on_bad)
    numbers = _numbers(list(found.columns.values()))
    return found if numbers is None else numbers


def _numbers(columns: Sequence[NDArray[np.str_]]) -> NDArray[np.float64] | None:
    """Return numbers if all are, and some are no whole ones: those are labels."""
    try:
        values = np.stack([column.astype(np.float64) for column in columns], axis=1)
    except ValueError:
        return None
    is_whole = all(text.lstrip("+-").isdigit() for column in columns for text in column.tolist())
    return None if is_whole else values


class _Table(NamedTuple):
    """The names of the columns, and cells by the path of the image from the folder."""

    names: Sequence[str]
    rows: dict[str, dict[str, str]]


def _read(path: Path, folder: Path) -> _Table:
    if path.suffix.lower() == ".parquet":
        raise DataError(
            f"images must be described by metadata.csv or metadata.jsonl; got {path}. Write it as "
            "one of them: pandas.read_parquet(path).to_csv(...)."
        )
    header, lines = read_table(path)
    if _FILE not in header:
        raise DataError(
            f"{path} must have a column {_FILE!r} with the path of each image; got {header}."
        )
    key, below = header.index(_FILE), path.parent.relative_to(folder)
    names = [name for name in header if name != _FILE]
    rows: dict[str, dict[str, str]] = {}
    for line in lines:
        name = (below / line[key]).as_posix()
        if name in rows:
            raise DataError(f"{path} must name each file once; it names {line[key]} more often.")
        rows[name] = {n: cell for n, cell in zip(header, line, strict=True) if n != _FILE}
    return _Table(names, rows)
