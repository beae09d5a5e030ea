"""Images as a folder of files."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.cli.outputs import console
from vaekit.domains import ImageDomain, image_files
from vaekit.files import atomic_folder

__all__ = ["file_names", "write_folder"]


def file_names(data: str, count: int, domain: ImageDomain) -> list[str]:
    """The names of the images in the folder, or numbers; always .png, which loses nothing."""
    if not Path(data).is_dir():
        return [f"{number:05}.png" for number in range(count)]
    files = image_files(data, on_bad=domain.on_bad)
    return [file.relative_to(data).with_suffix(".png").as_posix() for file in files]


def write_folder(images: Any, folder: Path, names: list[str]) -> None:
    """One image per item; a folder of that name is replaced."""
    from PIL import Image

    rows = _bytes(np.asarray(images))
    with atomic_folder(folder) as fresh:
        for name, row in zip(names, rows, strict=True):
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(row).save(fresh / name)
    console.print(f"wrote {folder}: {len(names)} images", highlight=False)


def _bytes(images: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 with colours last."""
    if images.ndim == 4 and images.shape[1] in (1, 3, 4) and images.shape[3] not in (1, 3, 4):
        images = np.moveaxis(images, 1, -1)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.dtype == np.uint8:
        return images
    scale = 1.0 if images.max() > 1 else 255.0
    return np.rint(images * scale).astype(np.uint8)
