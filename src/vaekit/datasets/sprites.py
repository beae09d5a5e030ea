"""Drawing sprites by their signed distance: smooth edges without supersampling."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["HUES", "POSITIONS", "ROTATIONS", "SCALES", "SPRITES", "render"]

SPRITES = ("square", "ellipse", "heart")
"""Shapes by code."""

SCALES = np.linspace(0.5, 1.0, 6, dtype=np.float32)
"""Sizes relative to the largest."""

ROTATIONS = np.linspace(0, np.pi / 2, 8, endpoint=False, dtype=np.float32)
"""Clockwise angles in radians."""

POSITIONS = ((np.arange(16) + 8.5) / 32).astype(np.float32)
"""Centres as shares of the image's size: whole pixels apart where that is 32."""

HUES = np.array(
    [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]], dtype=np.float32
)
"""Red, green and blue of each colour code."""

_RADIUS = 0.25  # of the circle around the largest sprite, as a share of the image's size
_ELLIPSE = (1.0, 0.6)
_HALF_SIDE = np.float32(np.sqrt(0.5))
_HEART_CENTRE = 0.65664  # height of its centre of mass over its tip, in the units of _heart
_PIXELS_AT_ONCE = 2**19  # bounds the working memory to a few arrays of 2 MB

_Plane = NDArray[np.float32]


def render(codes: Mapping[str, NDArray[np.int64]], size: int) -> NDArray[np.uint8]:
    """Draw one image for each row of codes.

    Args:
        codes: shape, scale, rotation, x, y and perhaps colour, each of shape (n,).
        size: Height and width in pixels.

    Returns:
        uint8, shape (n, size, size), or (n, size, size, 3) with colour.

    Example:
        >>> one = {name: np.array([0]) for name in ("shape", "scale", "rotation", "x", "y")}
        >>> render(one, 32).shape
        (1, 32, 32)
    """
    n = len(codes["shape"])
    colours = (3,) if "colour" in codes else ()
    images = np.empty((n, size, size, *colours), np.uint8)
    step = max(1, _PIXELS_AT_ONCE // size**2)
    for start in range(0, n, step):
        part = {name: values[start : start + step] for name, values in codes.items()}
        ink = _cover(part, size) * np.float32(255)
        if colours:
            ink = ink[..., None] * HUES[part["colour"]][:, None, None]
        images[start : start + step] = np.rint(ink)
    return images


def _cover(codes: Mapping[str, NDArray[np.int64]], size: int) -> _Plane:
    """The share of each pixel that the sprite covers, shape (n, size, size)."""
    unit = _RADIUS * SCALES[codes["scale"]]
    u, v = _sprite_axes(codes, size, unit)
    distance = np.empty_like(u)
    for code, measure in enumerate((_square, _ellipse, _heart)):
        rows = codes["shape"] == code
        distance[rows] = measure(u[rows], v[rows])
    return np.clip(0.5 - distance * (unit * size)[:, None, None], 0, 1)


def _sprite_axes(
    codes: Mapping[str, NDArray[np.int64]], size: int, unit: _Plane
) -> tuple[_Plane, _Plane]:
    """Each pixel's place seen from the sprite: right and up, in units of its outer radius."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    right = ((centres - POSITIONS[codes["x"]][:, None]) / unit[:, None])[:, None, :]
    down = ((centres - POSITIONS[codes["y"]][:, None]) / unit[:, None])[:, :, None]
    angle = ROTATIONS[codes["rotation"]][:, None, None]
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = right * cos + down * sin, right * sin - down * cos
    return u.astype(np.float32, copy=False), v.astype(np.float32, copy=False)


def _square(u: _Plane, v: _Plane) -> _Plane:
    distance: _Plane = np.maximum(np.abs(u), np.abs(v)) - _HALF_SIDE
    return distance


def _ellipse(u: _Plane, v: _Plane) -> _Plane:
    """To first order: exact on the outline, which is where it decides."""
    a, b = _ELLIPSE
    level = np.hypot(u / a, v / b)
    slope = np.hypot(u / a**2, v / b**2)
    # At the very centre both are 0; the nearest outline is at the end of the short axis.
    reach = np.divide(level, slope, out=np.full_like(level, b), where=slope > 0)
    distance: _Plane = (level - 1) * reach
    return distance


def _heart(u: _Plane, v: _Plane) -> _Plane:
    """A square on its tip with two half discs: the exact distance (Quilez, "2D distances")."""
    x, y = np.abs(u) * _HEART_CENTRE, (v + 1) * _HEART_CENTRE
    lobe = np.hypot(x - 0.25, y - 0.75) - _HALF_SIDE / 2
    along = np.maximum(x + y, 0) / 2
    edge = np.minimum(np.hypot(x, y - 1), np.hypot(x - along, y - along))
    inside = np.where(x < y, -edge, edge)
    distance: _Plane = np.where(x + y > 1, lobe, inside) / _HEART_CENTRE
    return distance
