"""Captions beside the images of a folder: a text file for each, or ``metadata.csv``."""

import warnings
from pathlib import Path

from vaekit.errors import DataError
from vaekit.files import expanded_path
from vaekit.images.folders import METADATA, image_files, read_table, some_names

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
