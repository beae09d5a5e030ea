"""Labels from a CSV file that names image files."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.image_folders import IMAGE_SUFFIXES, image_files
from vaekit.domains.labels import Labels
from vaekit.errors import DataError

__all__ = ["names_files", "read_labels"]

_FILE_COLUMNS = ("file", "filename")
_SHOWN = 5


def read_labels(path: str | Path, folder: str | Path, *, on_bad: str = "raise") -> Labels:
    """Read the labels of the images in a folder, in the order in which the images are read.

    Args:
        path: CSV with a header. The column ``file`` or ``filename``, or else the first one, is
            each image's path relative to the folder; every other column is an attribute.
        folder: As for `read_images`.
        on_bad: As for `read_images`: the labels of files that it skips are left out.

    Raises:
        DataError: No attribute, a file without label, labelled twice or not there, an empty
            cell; names the files.

    Example:
        >>> read_labels("labels.csv", "photos")
        Traceback (most recent call last):
        ...
        vaekit.errors.DataError: labels must be a readable CSV file; there is none at labels.csv.
    """
    header, rows = _table(Path(path))
    key = _file_column(header)
    by_file = _by_file(path, [row[key] for row in rows])
    files = [file.relative_to(folder).as_posix() for file in image_files(folder, on_bad=on_bad)]
    _check_files(path, by_file, files, Path(folder))
    chosen = [rows[by_file[file]] for file in files]
    columns = {
        name: np.asarray([row[place] for row in chosen])
        for place, name in enumerate(header)
        if place != key
    }
    _check_cells(path, columns, files)
    return Labels(columns, files)


def names_files(path: str | Path) -> bool:
    """Whether a CSV file has a column of file names, as `read_labels` wants it."""
    header, rows = _table(Path(path))
    key = _file_column(header)
    return header[key] in _FILE_COLUMNS or (
        bool(rows) and all(Path(row[key]).suffix.lower() in IMAGE_SUFFIXES for row in rows)
    )


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows, without blank lines."""
    if not path.is_file():
        raise DataError(f"labels must be a readable CSV file; there is none at {path}.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"labels must be a readable CSV file; {path} is not: {error}.") from error
    if not lines or len(lines[0]) < 2 or len(set(lines[0])) < len(lines[0]):
        got = lines[0] if lines else "nothing"
        raise DataError(
            f"{path} must begin with the names of its columns, all different: that of the files "
            f"and at least one attribute; got {got}."
        )
    for number, line in enumerate(lines, 1):
        if len(line) != len(lines[0]):
            raise DataError(
                f"every row of {path} must have {len(lines[0])} cells; got {len(line)} in row "
                f"{number}. Put text that holds a comma in quotes."
            )
    return lines[0], lines[1:]


def _file_column(header: Sequence[str]) -> int:
    return next((header.index(name) for name in _FILE_COLUMNS if name in header), 0)


def _by_file(path: str | Path, files: Sequence[str]) -> dict[str, int]:
    """The row of each file."""
    names = [Path(file).as_posix() for file in files]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path} must name each file once; it names {_some(twice)} more often.")
    return {name: row for row, name in enumerate(names)}


def _check_files(
    path: str | Path, by_file: dict[str, int], files: Sequence[str], folder: Path
) -> None:
    """Every image has a row, and every row an image (or a file that was skipped)."""
    unlabelled = [file for file in files if file not in by_file]
    if unlabelled:
        raise DataError(
            f"every image must have a row in {path}; {len(unlabelled)} of {len(files)} have none: "
            f"{_some(unlabelled)}. Paths are relative to {folder}. Add rows, or move the images."
        )
    absent = [name for name in by_file if not (folder / name).is_file()]
    if absent:
        raise DataError(
            f"every row of {path} must name an image in {folder}; {len(absent)} of "
            f"{len(by_file)} do not: {_some(absent)}. Remove these rows, or add the images."
        )


def _check_cells(
    path: str | Path, columns: Mapping[str, NDArray[np.str_]], files: Sequence[str]
) -> None:
    for name, labels in columns.items():
        empty = [file for file, label in zip(files, labels, strict=True) if not label.strip()]
        if empty:
            raise DataError(
                f"every image must have a label in column {name!r} of {path}; {len(empty)} have "
                f"none: {_some(empty)}. Write for instance 'none'."
            )


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
