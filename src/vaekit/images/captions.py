"""What lies beside the images of a folder: captions as texts, ``metadata.csv`` and ``.jsonl``."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.context import Labels
from vaekit.errors import DataError, unknown_name
from vaekit.files import expanded_path
from vaekit.images.folders import METADATA, image_files, labels_of, read_table, some_names

_COLUMNS = ("text", "caption", "captions", "prompt")
_FILE = "file_name"


def read_captions(folder: str | Path, *, on_bad: str = "raise") -> list[list[str]]:
    """Return the captions of each image of a folder, in the order in which the images are read.

    They stand in a text file beside the image, ``a.txt`` of ``a.png``, a caption on each line; or
    in ``metadata.csv`` or ``metadata.jsonl`` with columns ``file_name`` and ``text`` (or
    ``caption``), as the builder ``imagefolder`` of Hugging Face reads them. An image may have
    several rows there, or none at all: it is then learned from without a caption, and a warning
    counts such images, and captions whose image is not there.

    Args:
        folder: Of the images, searched with its subfolders.
        on_bad: As of `read_images`.

    Raises:
        DataError: No image has a caption, or a damaged file.
    """
    folder = expanded_path(folder)
    files = [file.relative_to(folder).as_posix() for file in image_files(folder, on_bad=on_bad)]
    found: dict[str, list[str]] = {}
    for path in sorted(p for p in folder.rglob("metadata.*") if p.name.lower() in METADATA[:2]):
        for name, text in _described(path, folder):
            found.setdefault(name, []).append(text)
    stems = {Path(file).with_suffix("").as_posix(): file for file in files}
    for path in sorted(folder.rglob("*.txt")):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        found.setdefault(stems.get(stem, f"{stem}.txt"), []).extend(_lines(path))
    captions = [[text for text in found.pop(file, []) if text] for file in files]
    without = [file for file, texts in zip(files, captions, strict=True) if not texts]
    if len(without) == len(files):
        raise DataError(
            f"images in {folder} must have captions: a text file beside each (a.txt of a.png), or "
            f"metadata.csv with columns file_name and text; got none for {len(files)} images."
        )
    if without:
        warnings.warn(
            f"{len(without)} of {len(files)} images have no caption and are learned from without "
            f"one: {some_names(without)}.",
            stacklevel=4,
        )
    if found:
        warnings.warn(
            f"{len(found)} captions are of images that are not in {folder}, and are left out: "
            f"{some_names(list(found))}.",
            stacklevel=4,
        )
    return captions


def _described(path: Path, folder: Path) -> list[tuple[str, str]]:
    """Return the path of an image from the folder, and its caption, of each row."""
    header, rows = read_table(path)
    column = next((name for name in _COLUMNS if name in header), None)
    if column is None or _FILE not in header:
        return []
    key, place, below = header.index(_FILE), header.index(column), path.parent.relative_to(folder)
    return [((below / row[key]).as_posix(), row[place].strip()) for row in rows]


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"captions must be text in UTF-8; {path} is none ({error.reason} at byte "
            f"{error.start}). Save it as UTF-8."
        ) from error
    return [line.strip() for line in text.splitlines()]


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
