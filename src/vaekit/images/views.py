"""Images in a browser: as bytes of pixels, and back from files that are dropped there."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import as_numbers
from vaekit.errors import DataError

_MOST_PIXELS = 100_000_000


def pixel_bytes(images: Any, layout: str, scale: float) -> NDArray[np.uint8]:
    """Return images as bytes, shape (items, height, width, channels).

    Args:
        images: In the layout and range of training.
        layout: ``"NHW"``, ``"NHWC"`` or ``"NCHW"``.
        scale: The largest value of images that are no uint8.
    """
    array = as_numbers(images)
    if array.dtype != np.uint8:
        array = np.rint(np.clip(array.astype(np.float64) / scale, 0, 1) * 255).astype(np.uint8)
    if layout == "NHW":
        return array[..., None]
    return np.moveaxis(array, 1, -1) if layout == "NCHW" else array


def dropped_image(
    content: Any, shape: tuple[int, ...], layout: str, scale: float, dtype: str
) -> NDArray[Any]:
    """Return an image file as one item, scaled and cropped to the size of training.

    Args:
        content: The bytes of a file.
        shape: (channels, height, width).
        layout: As of `pixel_bytes`.
        scale: As of `pixel_bytes`.
        dtype: Of the images of training.

    Raises:
        DataError: No image, or a huge one.
    """
    from PIL import Image, ImageOps

    channels, height, width = shape
    if not isinstance(content, bytes):
        raise DataError("a model of images takes image files; drop a .png or .jpg.")
    try:
        with Image.open(io.BytesIO(content)) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise DataError(f"an image must have at most {_MOST_PIXELS:,} pixels.")
            image: Any = ImageOps.exif_transpose(opened)
            if "A" in image.getbands() and channels < 4:
                rgba = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
            image = image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
            image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"the file must be a readable image; {error}.") from error
    array = np.asarray(image).reshape(1, height, width, channels)
    if layout != "NHWC":
        array = array[..., 0] if layout == "NHW" else np.moveaxis(array, -1, 1)
    if dtype == "uint8":
        return array
    scaled: NDArray[Any] = (array / 255 * scale).astype(np.float32)
    return scaled if np.dtype(_NUMPY.get(dtype, dtype)).kind == "f" else np.rint(scaled)


_NUMPY = {"bfloat16": "float32"}
