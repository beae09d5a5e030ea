"""What users pass, as the arrays that pictures are made of."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vaekit.errors import DataError

__all__ = ["as_array", "as_matrix", "as_rgb", "as_rgb_rows"]

_COLOURS = (1, 3, 4)
_SLACK = 1e-3  # a decoder's rounding errors around 0 and 1 are no mistake


def as_array(values: Any) -> NDArray[Any]:
    """Numpy array of an array, nested list or tensor on any device, with or without gradient."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        # Numpy has no bfloat16.
        return np.asarray(values.float() if values.is_floating_point() else values)
    return np.asarray(values)


def as_matrix(what: str, values: Any, axes: str) -> NDArray[np.float64]:
    """Finite floats with as many axes as ``axes`` names, none of them empty.

    Raises:
        DataError: Not numbers, NaN or infinite, or of another shape; names ``what``.
    """
    array = as_array(values)
    if array.dtype.kind not in "biuf" or array.ndim != len(axes.split()) or array.size == 0:
        raise DataError(
            f"{what} must be numbers with axes ({axes}), at least one along each; got dtype "
            f"{array.dtype} and shape {array.shape}. Reshape or convert them."
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(
            f"{what} must be finite; got {array[place]} at index {place}. Leave such values out."
        )
    return array


def as_rgb(what: str, images: Any) -> NDArray[np.uint8]:
    """Images of any usual layout as uint8 of shape (n, height, width, 3).

    Transparent images are laid on white.

    Args:
        what: The name of the argument, for errors.
        images: Axes NHW, NHWC or NCHW with 1, 3 or 4 colours; uint8, or floats from 0 to 1.

    Raises:
        DataError: Another layout, dtype or range.
    """
    array = _colours_last(what, as_array(images))
    if array.dtype.kind == "f":
        array = _scaled(what, array)
    if array.dtype != np.uint8:
        raise DataError(
            f"{what} must be uint8, or floats from 0 to 1; got dtype {array.dtype}. Convert "
            "with .astype('uint8') if the values are 0 to 255."
        )
    if array.shape[-1] == 4:
        array = _on_white(array)
    return np.broadcast_to(array, (*array.shape[:3], 3))


def as_rgb_rows(what: str, images: Any) -> NDArray[np.uint8]:
    """Rows of images as uint8 of shape (rows, steps, height, width, 3).

    Raises:
        DataError: As `as_rgb`, or without the two leading axes.
    """
    array = as_array(images)
    if array.ndim not in (5, 4) or 0 in array.shape:
        raise DataError(
            f"{what} must have axes (rows, steps) and then those of an image; got shape "
            f"{array.shape}. Reshape them to (rows, steps, height, width)."
        )
    flat = as_rgb(what, array.reshape(-1, *array.shape[2:]))
    return flat.reshape(*array.shape[:2], *flat.shape[1:])


def _colours_last(what: str, array: NDArray[Any]) -> NDArray[Any]:
    if 0 in array.shape or array.ndim not in (3, 4):
        raise DataError(
            f"{what} must have axes NHW, NHWC or NCHW, at least one along each; got shape "
            f"{array.shape}. Reshape flattened images to (n, height, width)."
        )
    if array.ndim == 3:
        return array[..., None]
    first, last = array.shape[1] in _COLOURS, array.shape[3] in _COLOURS
    if first == last:
        why = "where both fit" if first else "where neither has 1, 3 or 4 colours"
        raise DataError(
            f"{what} must be NHWC or NCHW with 1, 3 or 4 colours; got shape {array.shape}, "
            f"{why}. Move the colours to the end, or pass grey images as (n, height, width)."
        )
    return np.moveaxis(array, 1, -1) if first else array


def _scaled(what: str, array: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = float(array.min()), float(array.max())
    if not (low >= -_SLACK and high <= 1 + _SLACK):
        raise DataError(
            f"{what} must be uint8, or floats from 0 to 1; got floats from {low:g} to {high:g}. "
            "Divide by 255, clip them, or pass uint8."
        )
    scaled: NDArray[np.uint8] = np.rint(array.clip(0, 1) * 255).astype(np.uint8)
    return scaled


def _on_white(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = array[..., 3:] / 255
    return np.rint(array[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
