"""Folders of image files to arrays, and labels from a CSV file that names them."""

import csv
import io
import json
import math
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.context import Labels
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.files import atomic_folder, expanded_path
from vaekit.images.depth import (
    bits_of_files,
    check_bits,
    check_deep,
    is_deep,
    largest_of,
    to_bytes,
)
from vaekit.memory import check_memory, memory_limit
from vaekit.reading.tables import is_table_file

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
_MOST_BYTES = 8 * 2**30


def read_images(
    folder: str | Path,
    *,
    size: Sequence[int] | None = None,
    on_bad: str = "raise",
    transparency: str = "white",
    bits: int | None = None,
) -> NDArray[np.uint8]:
    """Read all image files below a folder, in the order of their names.

    One image is open at a time. Of animated files the first frame is read, with a warning that
    names them.

    Args:
        folder: Searched with its subfolders; or one image file.
        size: Height and width: each image is scaled to cover it and cropped at the centre.
        on_bad: ``"raise"`` names the first unreadable file; ``"skip"`` leaves it out.
        transparency: ``"white"`` lays transparent images on white; ``"keep"`` reads all images
            with a fourth channel, 0 where they are transparent.
        bits: Bits of grays that are deeper than 8: 10, 12, 14 or 16, which are brought to 8;
            ``None`` takes what files tell, or the fewest that hold the largest value of all files,
            with a warning.

    Returns:
        uint8, shape (n, height, width) if no image has colour, else (n, height, width, 3), or 4
        where transparency is kept.

    Raises:
        DataError: No images, an unreadable file, mixed sizes with ``size=None``, or more than
            fits in memory.
        SpecError: An unknown option.
    """
    if transparency not in ("white", "keep"):
        raise SpecError(f"transparency must be 'white' or 'keep'; got {transparency!r}.")
    files = _listed(folder, on_bad)
    animated: list[Path] = []
    if bits is None:
        bits = bits_of_files(files)
    else:
        check_bits(bits)
    read = ImageReader(size, on_bad, transparency == "keep", animated, len(files), bits or 16)
    images = [(p, image) for p in files if (image := read(p)) is not None]
    if animated:
        warnings.warn(
            f"{len(animated)} files are animated, and only their first frames are read: "
            f"{', '.join(p.name for p in animated[:3])}{', ...' if len(animated) > 3 else ''}. "
            "Save the frames as files of their own to read them all.",
            stacklevel=2,
        )
    return stacked(images)


def decode_image(
    content: bytes,
    *,
    size: Sequence[int] | None = None,
    transparency: str = "white",
    bits: int | None = None,
    max_pixels: int | None = None,
    formats: Sequence[str] | None = None,
) -> NDArray[np.uint8]:
    """Return the image of a file's content, as `read_images` reads the file.

    Args:
        content: All bytes of the file.
        size: As of `read_images`.
        transparency: As of `read_images`.
        bits: As of `read_images`; ``None`` takes 16.
        max_pixels: How many pixels it may have; asked before any of them is read.
        formats: What it may be, as Pillow calls it; ``None`` for all that Pillow reads.

    Raises:
        DataError: No readable image, or one of more pixels.

    Example:
        >>> decode_image(encode_image(np.full((2, 3), 7, np.uint8))).tolist()
        [[7, 7, 7], [7, 7, 7]]
    """
    read = ImageReader(size, "raise", transparency == "keep", [], 1, bits or 16)
    with _opened(content, formats) as opened:
        _check_pixels(opened, max_pixels)
        return np.asarray(read._fitted(read._converted(opened)))


def image_shape(content: bytes, formats: Sequence[str] | None = None) -> tuple[int, int]:
    """Return height and width of an image, without reading its pixels.

    Args:
        content: As of `decode_image`.
        formats: As of `decode_image`.

    Raises:
        DataError: No readable image.
    """
    with _opened(content, formats) as opened:
        return opened.height, opened.width


@contextmanager
def _opened(content: bytes, formats: Sequence[str] | None) -> Iterator[Any]:
    from PIL import Image, UnidentifiedImageError

    known = None if formats is None else list(formats)
    try:
        with Image.open(io.BytesIO(content), formats=known) as opened:
            yield opened
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"an image must be of a moderate size; {error}") from error
    except UnidentifiedImageError as error:
        named = "an image" if formats is None else " or ".join(formats)
        raise DataError(f"an image file must be {named}; these bytes are not.") from error
    except _UNREADABLE as error:
        raise DataError(
            f"an image file must be readable; it is damaged ({type(error).__name__}: {error})."
        ) from error


def _check_pixels(opened: Any, most: int | None) -> None:
    if most is not None and opened.width * opened.height > most:
        raise DataError(
            f"an image must have at most {most} pixels; got {opened.height}x{opened.width} "
            "(height x width). Scale it down."
        )


_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error)
"""What Pillow raises for damaged files."""


def encode_image(image: NDArray[Any]) -> bytes:
    """Return one image, as a domain decodes it, as a PNG file.

    Args:
        image: Shape (height, width), (height, width, channels) or (channels, height, width).
    """
    from PIL import Image

    rows = np.asarray(image)[None]
    if rows.dtype != np.uint16 or rows.ndim != 3:
        rows = _bytes(rows)
    file = io.BytesIO()
    Image.fromarray(rows[0]).save(file, "PNG")
    return file.getvalue()


def image_files(folder: str | Path, *, on_bad: str = "raise") -> list[Path]:
    """Return the files that `read_images` reads, in its order.

    Args:
        folder: Searched with its subfolders.
        on_bad: ``"skip"`` opens each file, to leave out what is no readable image.

    Raises:
        DataError: No images.
    """
    files = _listed(folder, on_bad)
    if on_bad == "raise":
        return files
    return [path for path in files if _is_readable(path)]


def is_image_file(path: Path) -> bool:
    """Return whether a path is of one image."""
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _listed(folder: str | Path, on_bad: str) -> list[Path]:
    if on_bad not in ("raise", "skip"):
        raise SpecError(f"on_bad must be 'raise' or 'skip'; got {on_bad!r}.")
    folder = expanded_path(folder)
    if is_image_file(folder):
        return [folder]
    found = folder.rglob("*")
    files = sorted(p for p in found if p.is_file() and not is_no_item(p.relative_to(folder)))
    if on_bad == "skip":
        files = [p for p in files if p.suffix.lower() in IMAGE_SUFFIXES]
    if files and all(is_table_file(path) for path in files):
        raise DataError(
            f"a folder of images must hold some; {folder} holds tables ({files[0].name}). "
            "Autoencoder.fit (vaekit fit) reads such a folder, and commands with --out FOLDER/ "
            "work on one; else pass one file, or a data frame."
        )
    if not files:
        raise DataError(
            f"{folder} must hold image files ({', '.join(sorted(IMAGE_SUFFIXES))}); got none."
        )
    return files


_LEFT_BY_SYSTEMS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r"})
_CAPTION = ".txt"
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""What describes the images of a folder, as `datasets` of Hugging Face calls it."""


def is_no_item(path: Path) -> bool:
    """Return whether a file beside images is none of them, and nothing that is missing.

    Hidden files and folders, what Windows and macOS leave behind, and descriptions of the images:
    captions, too.

    Example:
        >>> [is_no_item(Path(name)) for name in ("a/Thumbs.db", ".git/b.png", "b.txt", "b.doc")]
        [True, True, True, False]
    """
    parts = [part.lower() for part in path.parts]
    hidden = any(part.startswith(".") or part in _LEFT_BY_SYSTEMS for part in parts)
    return hidden or parts[-1] in METADATA or path.suffix.lower() == _CAPTION


@dataclass
class ImageReader:
    """Opens image files, one at a time; see `read_images`."""

    size: Sequence[int] | None
    on_bad: str
    keeps_alpha: bool
    animated: list[Path]
    files: int
    bits: int = 16

    def __call__(self, path: Path, content: IO[bytes] | None = None) -> NDArray[np.uint8] | None:
        """Return the image, or ``None`` for an unreadable file that may be left out.

        Args:
            path: Of the file, or its name in errors where its content is given.
            content: Of the file.
        """
        from PIL import Image

        try:
            with Image.open(path if content is None else content) as opened:
                self._look_at(path, opened)
                return np.asarray(self._fitted(self._converted(opened)))
        except DataError as error:
            if str(path) in str(error):
                raise
            raise DataError(f"{path}: {error}") from error
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            if self.on_bad == "skip":
                return None
            raise DataError(
                f"every file in the folder must be a readable image; {path} is not ({error}). "
                "Remove it, or pass on_bad='skip' (CLI: --skip-bad) to leave such files out."
            ) from error

    @cached_property
    def _most(self) -> int:
        """The largest number of bytes to take, asked for once: it takes as long as to open one."""
        return min(_MOST_BYTES, memory_limit())

    def _look_at(self, path: Path, opened: Any) -> None:
        """Before any pixel is read."""
        if getattr(opened, "n_frames", 1) > 1:
            self.animated.append(path)
        if self.size is not None:
            one, all_ = 4 * opened.width * opened.height, 3 * math.prod(self.size) * self.files
            check_memory(str(path), one, "Leave it out.", DataError)
            check_memory(f"{self.files} images of that size", all_, "Take less.", DataError)
            # JPEG can be read at a fraction of its size; twice the wanted one keeps it sharp.
            opened.draft(None, (2 * max(self.size),) * 2)
            return
        wanted = 4 * opened.width * opened.height * self.files
        if wanted > self._most:
            raise DataError(
                f"the images must fit in memory; {path} is {opened.height}x{opened.width}, and "
                f"{self.files} such files take {wanted / 2**30:.0f} GB. Pass size=(height, width) "
                "(CLI: --size) to scale them while they are read."
            )

    def _converted(self, opened: Any) -> Any:
        """Upright, in grey, colour, or colour with transparency, 8 bits a value."""
        from PIL import Image, ImageOps

        image: Any = ImageOps.exif_transpose(opened)
        if image.mode == "F":
            raise ValueError("its values are floats; save it with 8 bits a value")
        if image.mode.startswith("I"):  # 16 bits, which PIL would cut off at 255
            image = Image.fromarray(_shallow(np.asarray(image), self.bits))
        if self.keeps_alpha:
            return image.convert("RGBA")
        gray = image.mode in ("1", "L", "LA")
        if "A" in image.getbands() or "transparency" in image.info:
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return image.convert("L" if gray else "RGB")

    def _fitted(self, image: Any) -> Any:
        from PIL import Image, ImageOps

        if self.size is None:
            return image
        return ImageOps.fit(image, (self.size[1], self.size[0]), Image.Resampling.LANCZOS)


def _shallow(array: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Return grays of so many bits as bytes."""
    most = check_deep(array)
    return to_bytes(array, largest_of(bits, most, "a file"))


def _is_readable(path: Path) -> bool:
    return ImageReader((8, 8), "skip", False, [], 1)(path) is not None


def stacked(images: list[tuple[Path, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Return images as one array, of colours if one of them has some.

    Raises:
        DataError: None, or several sizes.
    """
    if not images:
        raise DataError("no file in the folder is a readable image.")
    first_path, first = images[0]
    for path, image in images:
        if image.shape[:2] != first.shape[:2]:
            raise DataError(
                f"images must have one size; {first_path} is {first.shape[0]}x{first.shape[1]} "
                f"and {path} is {image.shape[0]}x{image.shape[1]} (height x width). Pass "
                "size=(height, width) (CLI: --size) to scale and crop them."
            )
    if any(image.ndim == 3 for _, image in images):
        return np.stack([_with_color(image) for _, image in images])
    return np.stack([image for _, image in images])


def _with_color(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)


_FILE_COLUMNS = ("file", "filename", "file_name")
_SHOWN = 5


def read_labels(
    path: str | Path,
    folder: str | Path,
    *,
    on_bad: str = "raise",
    columns: Sequence[str] | None = None,
) -> Labels:
    """Read the labels of the images in a folder, in the order in which the images are read.

    Args:
        path: CSV with a header, or JSONL with an object on each line. The column ``file``,
            ``filename`` or ``file_name``, or else the first one, is each image's path relative to
            the folder; every other column is an attribute.
        folder: As for `read_images`.
        on_bad: As for `read_images`: the labels of files that it skips are left out.
        columns: Which attributes; ``None`` for all.

    Raises:
        SpecError: No attribute has that name; says which there are.
        DataError: No attribute, a file without label, labelled twice or not there, an empty
            cell; names the files.

    Example:
        >>> read_labels("labels.csv", "photos")
        Traceback (most recent call last):
        ...
        vaekit.errors.DataError: labels must be a readable CSV file; there is none at labels.csv.
    """
    header, rows = read_table(expanded_path(path))
    key = _file_column(header)
    by_file = _by_file(path, [row[key] for row in rows])
    files = [
        file.relative_to(expanded_path(folder)).as_posix()
        for file in image_files(folder, on_bad=on_bad)
    ]
    _check_files(path, by_file, files, expanded_path(folder))
    chosen = [rows[by_file[file]] for file in files]
    known = [name for place, name in enumerate(header) if place != key]
    wanted = known if columns is None else columns
    for name in wanted:
        if name not in known:
            raise unknown_name(f"column of {path}", name, known)
    found = {name: np.asarray([row[header.index(name)] for row in chosen]) for name in wanted}
    _check_cells(path, found, files)
    return Labels(found, files)


def labels_of(
    source: Path,
    rows: Mapping[str, Mapping[str, str]],
    folder: Path,
    names: Sequence[str],
    on_bad: str,
) -> Labels:
    """Return labels in the order in which the images of a folder are read.

    Args:
        source: Where they were read, for messages.
        rows: The label of each column by its name, by the path of the image from the folder.
        folder: Of the images.
        names: Of the columns.
        on_bad: As of `read_images`.

    Raises:
        DataError: As of `read_labels`.
    """
    files = [file.relative_to(folder).as_posix() for file in image_files(folder, on_bad=on_bad)]
    _check_files(source, {name: place for place, name in enumerate(rows)}, files, folder)
    columns = {name: np.asarray([rows[file].get(name, "") for file in files]) for name in names}
    _check_cells(source, columns, files)
    return Labels(columns, files)


def names_files(path: str | Path) -> bool:
    """Return whether a CSV file has a column of file names, as `read_labels` wants it."""
    header, rows = read_table(expanded_path(path))
    key = _file_column(header)
    return header[key] in _FILE_COLUMNS or (
        bool(rows) and all(Path(row[key]).suffix.lower() in IMAGE_SUFFIXES for row in rows)
    )


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a .csv or .jsonl as text, without blank lines.

    Raises:
        DataError: There is none, or it is damaged.
    """
    if not path.is_file():
        raise DataError(f"labels must be a readable CSV file; there is none at {path}.")
    if path.suffix.lower() == ".jsonl":
        return _read_objects(path)
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


def _read_objects(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return keys and values of the objects on the lines; empty where one lacks a key."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"labels must be a readable file; {path} is not: {error}.") from error
    records = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                record = json.loads(line)
            except ValueError as error:
                raise DataError(f"line {number} of {path} must be JSON; {error}.") from error
            if not isinstance(record, dict):
                raise DataError(f"line {number} of {path} must be an object; got {line[:60]}.")
            records.append(record)
    header = list(dict.fromkeys(name for record in records for name in record))
    if len(header) < 2:
        raise DataError(
            f"{path} must hold objects of JSON with a path of a file and at least one attribute; "
            f"got {header or 'nothing'}."
        )
    return header, [[_as_text(record.get(name)) for name in header] for record in records]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _file_column(header: Sequence[str]) -> int:
    return next((header.index(name) for name in _FILE_COLUMNS if name in header), 0)


def _by_file(path: str | Path, files: Sequence[str]) -> dict[str, int]:
    """Return the row of each file."""
    names = [Path(file).as_posix() for file in files]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{path} must name each file once; it names {some_names(twice)} more often."
        )
    return {name: row for row, name in enumerate(names)}


def _check_files(
    path: str | Path, by_file: dict[str, int], files: Sequence[str], folder: Path
) -> None:
    """Every image has a row, and every row an image (or a file that was skipped)."""
    unlabeled = [file for file in files if file not in by_file]
    if unlabeled:
        raise DataError(
            f"every image must have a row in {path}; {len(unlabeled)} of {len(files)} have none: "
            f"{some_names(unlabeled)}. Paths are relative to {folder}. Add rows, or move the "
            "images."
        )
    absent = [name for name in by_file if not (folder / name).is_file()]
    if absent:
        raise DataError(
            f"every row of {path} must name an image in {folder}; {len(absent)} of "
            f"{len(by_file)} do not: {some_names(absent)}. Remove these rows, or add the images."
        )


def _check_cells(
    path: str | Path, columns: Mapping[str, NDArray[np.str_]], files: Sequence[str]
) -> None:
    for name, labels in columns.items():
        empty = [file for file, label in zip(files, labels, strict=True) if not label.strip()]
        if empty:
            raise DataError(
                f"every image must have a label in column {name!r} of {path}; {len(empty)} have "
                f"none: {some_names(empty)}. Write for instance 'none'."
            )


def some_names(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _file_names(data: str, count: int, on_bad: str) -> list[str]:
    """Return the names of the images in the folder, or numbers; always .png: it loses nothing."""
    if not expanded_path(data).is_dir():
        return [f"{number:05}.png" for number in range(count)]
    files = image_files(data, on_bad=on_bad)
    return [file.relative_to(expanded_path(data)).with_suffix(".png").as_posix() for file in files]


def write_images(images: Any, folder: Path, *, source: str, on_bad: str) -> None:
    """Write one file for each image; a folder of that name is replaced.

    Args:
        images: As the domain decodes them.
        folder: Where to.
        source: The folder that they came from, for their names; else they are numbered.
        on_bad: As they were read.
    """
    from PIL import Image

    rows = np.asarray(images)
    if rows.dtype != np.uint16 or rows.ndim != 3:  # grays of 16 bits are written as they are
        rows = _bytes(rows)
    names = _file_names(source, len(rows), on_bad)
    with atomic_folder(folder) as fresh:
        for name, row in zip(names, rows, strict=True):
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(row).save(fresh / name)


def _bytes(images: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 with colours last."""
    if images.ndim == 4 and images.shape[1] in (1, 3, 4) and images.shape[3] not in (1, 3, 4):
        images = np.moveaxis(images, 1, -1)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.dtype == np.uint8:
        return images
    if is_deep(images) and images.max() > 255:
        return to_bytes(images.astype(np.uint16), 2 ** int(images.max()).bit_length() - 1.0)
    scale = 1.0 if images.max() > 1 else 255.0
    return np.rint(images * scale).astype(np.uint8)
