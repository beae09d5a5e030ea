"""What each latent does."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from vaekit.errors import DataError
from vaekit.plots.arrays import as_matrix, as_rgb_rows
from vaekit.plots.mosaic import GAP, compose, draw_mosaic, label_columns, label_rows
from vaekit.plots.style import INK, LABEL_SIZE

__all__ = ["latent_traversals"]

_LETTER = 0.065  # inches
_ABOVE, _BELOW = 0.2, 0.25  # inches, for the values and for what they are


def latent_traversals(
    images: Any,
    values: Any,
    *,
    names: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw one row per latent: decoded images while it moves and the others stand still.

    Args:
        images: Axes (latents, steps) and then those of an image: HW, HWC or CHW; uint8, or
            floats from 0 to 1.
        values: The latent's value at each step, in standard deviations of the prior.
        names: One per latent; ``None`` writes z0, z1, ….
        title: Above the images.

    Raises:
        DataError: Another layout, dtype or range; not one value per step, one name per latent.

    Example:
        >>> import numpy as np
        >>> figure = latent_traversals(np.zeros((2, 3, 8, 8)), [-1.5, 0, 1.5])
        >>> [text.get_text() for text in figure.axes[0].texts[:5]]
        ['z0', 'z1', '−1.5', '0', '1.5']
    """
    rgb = as_rgb_rows("images", images)
    latents, steps = rgb.shape[:2]
    numbers = as_matrix("values", values, "steps")
    names = [f"z{latent}" for latent in range(latents)] if names is None else list(names)
    _check_length("values", len(numbers), steps, "step")
    _check_length("names", len(names), latents, "latent")
    mosaic = compose(rgb.reshape(-1, *rgb.shape[2:]), steps)
    left = 0.1 + _LETTER * max(map(len, names))
    figure, axes = draw_mosaic(mosaic, title, left=left, top=_ABOVE, bottom=_BELOW)
    label_rows(axes, mosaic, names)
    label_columns(axes, mosaic, [_number(value) for value in numbers])
    x, y = mosaic.pixels.shape[1] / 2, mosaic.pixels.shape[0] + 2 * GAP
    caption = "value of the latent, prior standard deviations"
    axes.text(x, y, caption, ha="center", va="top", fontsize=LABEL_SIZE, color=INK)
    return figure


def _check_length(what: str, got: int, wanted: int, item: str) -> None:
    if got != wanted:
        raise DataError(
            f"{what} must be one per {item} of the images, {wanted}; got {got}. Pass as many."
        )


def _number(value: float) -> str:
    """At most two digits after the point, with a true minus and no negative zero."""
    return f"{round(value, 2) + 0.0:g}".replace("-", "−")
