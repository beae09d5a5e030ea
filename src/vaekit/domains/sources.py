"""Files to arrays: image folders, ``.npz``, ``.npy``, idx ``.gz`` and ``.csv``."""

import gzip
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
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
_MOST_BYTES = 8 * 2**30


def read_source(
    path: str | Path,
    *,
    size: Sequence[int] | None = None,
    on_bad: str = "raise",
    transparency: str = "white",
) -> Any:
    """Read training data from a file or a folder of image files.

    Args:
        path: A folder, or a file ending in .npz, .npy, .gz (idx), .csv.
        size: Height and width to which image files are scaled and cropped.
        on_bad: ``"raise"`` or ``"skip"`` unreadable image files.
        transparency: ``"white"`` or ``"keep"``; see `read_images`.

    Returns:
        An array; a data frame for .csv.

    Raises:
        DataError: Nothing there, an unknown format, or a damaged file; names it.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"the data must be a file or a folder; there is nothing at {path}.")
    if path.is_dir():
        return read_images(path, size=size, on_bad=on_bad, transparency=transparency)
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
    folder: str | Path,
    *,
    size: Sequence[int] | None = None,
    on_bad: str = "raise",
    transparency: str = "white",
) -> NDArray[np.uint8]:
    """Read all image files below a folder, in the order of their names.

    One image is open at a time. Of animated files the first frame is read, with a warning that
    names them.

    Args:
        folder: Searched with its subfolders.
        size: Height and width: each image is scaled to cover it and cropped at the centre.
        on_bad: ``"raise"`` names the first unreadable file; ``"skip"`` leaves it out.
        transparency: ``"white"`` lays transparent images on white; ``"keep"`` reads all images
            with a fourth channel, 0 where they are transparent.

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
    read = _Reader(size, on_bad, transparency == "keep", animated, len(files))
    images = [(p, image) for p in files if (image := read(p)) is not None]
    if animated:
        warnings.warn(
            f"{len(animated)} files are animated, and only their first frames are read: "
            f"{', '.join(p.name for p in animated[:3])}{', ...' if len(animated) > 3 else ''}. "
            "Save the frames as files of their own to read them all.",
            stacklevel=2,
        )
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
    return [path for path in files if _is_readable(path)]


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


@dataclass
class _Reader:
    """Opens image files, one at a time."""

    size: Sequence[int] | None
    on_bad: str
    keeps_alpha: bool
    animated: list[Path]
    files: int

    def __call__(self, path: Path) -> NDArray[np.uint8] | None:
        """The image, or ``None`` for an unreadable file that may be left out."""
        from PIL import Image

        try:
            with Image.open(path) as opened:
                self._look_at(path, opened)
                return np.asarray(self._fitted(self._converted(opened)))
        except DataError:
            raise
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            if self.on_bad == "skip":
                return None
            raise DataError(
                f"every file in the folder must be a readable image; {path} is not ({error}). "
                "Remove it, or pass on_bad='skip' (CLI: --skip-bad) to leave such files out."
            ) from error

    def _look_at(self, path: Path, opened: Any) -> None:
        """Before any pixel is read."""
        if getattr(opened, "n_frames", 1) > 1:
            self.animated.append(path)
        if self.size is not None:
            # JPEG can be read at a fraction of its size; twice the wanted one keeps it sharp.
            opened.draft(None, (2 * max(self.size),) * 2)
            return
        wanted = 4 * opened.width * opened.height * self.files
        if wanted > _MOST_BYTES:
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
            image = Image.fromarray((np.asarray(image, np.float64) / 257).astype(np.uint8))
        if self.keeps_alpha:
            return image.convert("RGBA")
        grey = image.mode in ("1", "L", "LA")
        if "A" in image.getbands() or "transparency" in image.info:
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return image.convert("L" if grey else "RGB")

    def _fitted(self, image: Any) -> Any:
        from PIL import Image, ImageOps

        if self.size is None:
            return image
        return ImageOps.fit(image, (self.size[1], self.size[0]), Image.Resampling.LANCZOS)


def _is_readable(path: Path) -> bool:
    return _Reader((8, 8), "skip", False, [], 1)(path) is not None


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
