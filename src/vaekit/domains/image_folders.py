"""Folders of image files to arrays."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, SpecError

__all__ = ["IMAGE_SUFFIXES", "image_files", "read_images"]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
_MOST_BYTES = 8 * 2**30


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
