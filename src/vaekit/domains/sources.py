"""Files to arrays: image folders, ``.npz``, ``.npy``, idx ``.gz`` and ``.csv``."""

import gzip
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, MissingExtraError, SpecError

__all__ = ["IMAGE_SUFFIXES", "image_files", "read_images", "read_source"]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
_ARRAY_KEYS = ("X", "x", "images", "data", "x_train", "arr_0")
_IDX_UINT8 = 8
_PIECE = 2**20


def read_source(
    path: str | Path, *, size: Sequence[int] | None = None, on_bad: str = "raise"
) -> Any:
    """Read training data from a file or a folder of image files.

    Args:
        path: A folder, or a file ending in .npz, .npy, .gz (idx), .csv.
        size: Height and width to which image files are scaled and cropped.
        on_bad: ``"raise"`` or ``"skip"`` unreadable image files.

    Returns:
        An array; a data frame for .csv.

    Raises:
        DataError: Nothing there, an unknown format, or a damaged file; names it.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"the data must be a file or a folder; there is nothing at {path}.")
    if path.is_dir():
        return read_images(path, size=size, on_bad=on_bad)
    readers = {".npz": _read_npz, ".npy": _read_npy, ".gz": _read_idx, ".csv": _read_csv}
    if path.suffix not in readers:
        raise DataError(
            f"a data file must end in {', '.join(readers)} or be a folder of images; got {path}."
        )
    try:
        return readers[path.suffix](path)
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} must be a readable {path.suffix} file; {error}.") from error


def read_images(
    folder: str | Path, *, size: Sequence[int] | None = None, on_bad: str = "raise"
) -> NDArray[np.uint8]:
    """Read all image files below a folder, in the order of their names.

    Args:
        folder: Searched with its subfolders.
        size: Height and width: each image is scaled to cover it and cropped at the centre.
        on_bad: ``"raise"`` names the first unreadable file; ``"skip"`` leaves it out.

    Returns:
        uint8, shape (n, height, width) if no image has colour, else (n, height, width, 3).

    Raises:
        DataError: No images, an unreadable file, or mixed sizes with ``size=None``.
    """
    files = _listed(folder, on_bad)
    images = [(p, image) for p in files if (image := _open(p, size, on_bad)) is not None]
    return _stack(images)


def image_files(folder: str | Path, *, on_bad: str = "raise") -> list[Path]:
    """The files that `read_images` reads, in its order.

    Args:
        folder: Searched with its subfolders.
        on_bad: ``"skip"`` opens each file, to leave out what is no readable image.

    Raises:
        DataError: No images.
    """
    files = _listed(folder, on_bad)
    if on_bad == "raise":
        return files
    return [path for path in files if _open(path, None, on_bad) is not None]


def _listed(folder: str | Path, on_bad: str) -> list[Path]:
    if on_bad not in ("raise", "skip"):
        raise SpecError(f"on_bad must be 'raise' or 'skip'; got {on_bad!r}.")
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file() and p.name[0] != ".")
    if on_bad == "skip":
        files = [p for p in files if p.suffix.lower() in IMAGE_SUFFIXES]
    if not files:
        raise DataError(
            f"{folder} must hold image files ({', '.join(sorted(IMAGE_SUFFIXES))}); got none."
        )
    return files


def _open(path: Path, size: Sequence[int] | None, on_bad: str) -> NDArray[np.uint8] | None:
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            image: Any = ImageOps.exif_transpose(opened)
            grey = image.mode in ("1", "L", "LA", "I", "I;16", "F")
            if "A" in image.getbands() or "transparency" in image.info:
                rgba = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
            image = image.convert("L" if grey else "RGB")
            if size is not None:
                image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.LANCZOS)
            return np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if on_bad == "skip":
            return None
        raise DataError(
            f"every file in the folder must be a readable image; {path} is not ({error}). "
            "Remove it, or pass on_bad='skip' (CLI: --skip-bad) to leave such files out."
        ) from error


def _stack(images: list[tuple[Path, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
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
        return np.stack([_with_colour(image) for _, image in images])
    return np.stack([image for _, image in images])


def _with_colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)


def _read_npz(path: Path) -> NDArray[Any]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        key = next((k for k in _ARRAY_KEYS if k in archive.files), None)
        if key is None and len(archive.files) == 1:
            key = archive.files[0]
        if key is None:
            raise DataError(
                f"{path} must hold one array, or one named {', '.join(_ARRAY_KEYS)}; got "
                f"{archive.files}."
            )
        return np.asarray(archive[key])


def _read_npy(path: Path) -> NDArray[Any]:
    return np.asarray(np.load(path, allow_pickle=False))


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """The format of MNIST: two zero bytes, type, rank, big-endian sizes, then the values."""
    with gzip.open(path) as file:
        head = file.read(4)
        if len(head) != 4 or head[:2] != b"\0\0" or head[2] != _IDX_UINT8:
            raise DataError(f"{path} must be an idx file of bytes (MNIST's format); it is not.")
        shape = tuple(int.from_bytes(file.read(4), "big") for _ in range(head[3]))
        array = np.empty(shape, np.uint8)
        count = _fill(array.reshape(-1), file)
    if count != array.size:
        raise DataError(
            f"{path} must hold {array.size} values by its header; got {count}. "
            "The file is truncated: fetch it again."
        )
    return array


def _fill(values: NDArray[np.uint8], file: gzip.GzipFile) -> int:
    """Read in place, a piece at a time, so that there is no second copy of the data."""
    count = 0
    while count < len(values):
        got = file.readinto(values[count : count + _PIECE].data)
        if not got:
            break
        count += got
    return count


def _read_csv(path: Path) -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(
            "reading .csv needs pandas: pip install 'vaekit[pandas]'."
        ) from error
    return pd.read_csv(path)
