"""Images whose files came without their names, as in a request."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.images.folders import decode_image, image_shape

FORMATS = ("PNG", "JPEG", "WEBP")
"""Files that are read, as Pillow calls them."""


def decode_contents(
    files: Sequence[bytes],
    shape: Sequence[int],
    layout: str,
    max_pixels: int,
    *,
    size: Sequence[int] | None = None,
    transparency: str = "white",
    bits: int | None = None,
) -> NDArray[Any]:
    """Return files of images as an array in the layout of the training images.

    Args:
        files: Contents of files.
        shape: Channels, height and width of the training images.
        layout: ``"NHW"``, ``"NHWC"`` or ``"NCHW"``.
        max_pixels: Pixels of one file at most; all of them may have eight times as many.
        size: As of `read_images`.
        transparency: As of `read_images`.
        bits: As of `read_images`.

    Raises:
        DataError: A file that cannot be read, or images of different sizes.
    """
    channels, height, width = shape
    # without a size to bring them to, images of other sizes are refused anyway
    most = max_pixels if size else min(max_pixels, 4 * height * width)
    left, images = 8 * max_pixels, []
    for place, content in enumerate(files):
        try:
            height, width = image_shape(content, FORMATS)
            image = decode_image(
                content,
                size=size,
                transparency=transparency,
                bits=bits,
                max_pixels=min(most, left),
                formats=FORMATS,
            )
        except DataError as error:
            raise DataError(f"image number {place}: {error}") from error
        left -= height * width
        images.append(_with_channels(image, channels))
    if len({image.shape for image in images}) > 1:
        raise DataError("images of a request must be of one size and all gray or all in color.")
    return _in_layout(np.stack(images), layout)


def _with_channels(image: NDArray[Any], channels: int) -> NDArray[Any]:
    """Return a gray image in color, where the model's are."""
    if image.ndim == 2 and channels == 3:
        return np.repeat(image[..., None], 3, axis=-1)
    return image


def _in_layout(images: NDArray[Any], layout: str) -> NDArray[Any]:
    if images.ndim == 3 and layout == "NHWC":
        return images[..., None]
    if layout == "NCHW":
        return images[:, None] if images.ndim == 3 else np.moveaxis(images, -1, 1)
    return images
