"""Ways from one image to another, moving."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vaekit.errors import DataError
from vaekit.files import atomic_write
from vaekit.plots.arrays import as_rgb, as_rgb_rows
from vaekit.plots.mosaic import compose

__all__ = ["save_animation", "way_frames"]

_SHORTEST = 20  # milliseconds; browsers slow down what is shorter
_UNIT = 10  # milliseconds that GIF counts in


def way_frames(strips: Any) -> NDArray[np.uint8]:
    """All ways at once, side by side: one frame per step, enlarged by a whole factor.

    Args:
        strips: Axes (rows, steps) and then those of an image: HW, HWC or CHW; uint8, or floats
            from 0 to 1.

    Returns:
        Frames for `save_animation`, shape (steps, height, width, 3).

    Raises:
        DataError: Another layout, dtype or range.

    Example:
        >>> way_frames(np.zeros((2, 5, 8, 8))).shape
        (5, 96, 195, 3)
    """
    rgb = as_rgb_rows("strips", strips)
    columns = int(np.ceil(np.sqrt(len(rgb))))
    return np.stack([compose(step, columns).pixels for step in rgb.swapaxes(0, 1)])


def save_animation(frames: Any, path: str | Path, *, seconds: float = 4.0) -> None:
    """Write frames as a GIF that goes there and back again without end; all of it or nothing.

    The same frames give the same bytes. Grey frames keep their values; coloured ones share a
    palette of 256 colours. Frames that agree with their neighbours are stored as one that lasts.

    Args:
        frames: Axes NHW, NHWC or NCHW with 1, 3 or 4 colours; uint8, or floats from 0 to 1.
        path: Ends in .gif; missing folders are made.
        seconds: From the first frame to the last and back; frames last at least 0.02 each.

    Raises:
        DataError: Another ending, layout, dtype or range, or a time that is not positive.
        SaveError: The file could not be written; what was there before is unchanged.

    Example:
        >>> save_animation(np.zeros((3, 8, 8)), "way.mp4")
        Traceback (most recent call last):
        ...
        vaekit.errors.DataError: path must end in .gif; got way.mp4. Rename it.
    """
    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise DataError(f"path must end in .gif; got {path}. Rename it.")
    if not 0 < seconds < float("inf"):
        raise DataError(f"seconds must be positive and finite; got {seconds}. Try 4.")
    images = _images(as_rgb("frames", frames))
    loop = [*images, *images[-2:0:-1]]  # the ends are shown once each
    each = max(_SHORTEST, round(1000 * seconds / len(loop) / _UNIT) * _UNIT)
    buffer = io.BytesIO()
    loop[0].save(
        buffer, "GIF", save_all=True, append_images=loop[1:], duration=each, loop=0, optimize=False
    )
    atomic_write(path, buffer.getvalue())


def _images(rgb: NDArray[np.uint8]) -> list[Image.Image]:
    if (rgb == rgb[..., :1]).all():
        return [Image.fromarray(np.ascontiguousarray(frame[..., 0])) for frame in rgb]
    # One palette, found on all frames at once: with one for each, still parts would flicker.
    palette = Image.fromarray(rgb.reshape(-1, *rgb.shape[2:])).quantize(256)
    return [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in rgb
    ]
