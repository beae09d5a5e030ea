"""The size of each channel."""

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError

__all__ = ["learn_scaling"]

Floats = NDArray[np.float64]


def learn_scaling(values: Floats, columns: tuple[str, ...] | None) -> tuple[Floats, Floats]:
    """Median and standard deviation of each channel; a deviation of 1 for a constant one.

    Args:
        values: Shape (..., channels), NaN where missing.
        columns: Names of the channels, for messages.

    Raises:
        DataError: A channel without values, or with ones whose squares overflow.
    """
    flat = values.reshape(-1, values.shape[-1])
    empty = np.isnan(flat).all(0)
    if empty.any():
        place = int(empty.argmax())
        name = columns[place] if columns and len(columns) == flat.shape[1] else place
        raise DataError(f"a channel must have a value; those of {name!r} are all missing. Drop it.")
    with np.errstate(over="ignore", invalid="ignore"):
        centre, scale = np.nanmedian(flat, axis=0), np.nanstd(flat, axis=0)
    if not (np.isfinite(centre).all() and np.isfinite(scale).all()):
        raise DataError(
            "series must have a finite variance; got values so large that their squares overflow "
            f"(largest {np.nanmax(np.abs(flat)):g}). Rescale or take logarithms first."
        )
    # Rounding leaves a constant channel with a tiny deviation; see ArrayDomain.
    constant = np.nanmax(flat, axis=0) == np.nanmin(flat, axis=0)
    return centre, np.where(constant, 1.0, scale)
