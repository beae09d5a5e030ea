"""Grids of latents: how fine they are, and how many latents each place has."""

import math
from collections.abc import Sequence

from vaekit.errors import CompositionError
from vaekit.networks.conv import halved

__all__ = ["grid_latents", "grid_stages", "latent_grid"]

_FINEST = 16  # places along the shorter side
_PER_PLACE = 4
_LARGE = 16  # pixels along the shorter side of an image that is halved twice


def latent_grid(shape: Sequence[int], latent_dim: int) -> tuple[int, int, int]:
    """The (latents per place, height, width) of the latents of ``"spatial"`` networks.

    Args:
        shape: (colours, height, width) of one image.
        latent_dim: Number of latents.

    Raises:
        CompositionError: They do not fill the grid.

    Example:
        >>> latent_grid((3, 64, 64), 1024)
        (4, 16, 16)
    """
    height, width = halved(shape[1:], grid_stages(shape))[-1]
    per_place, left = divmod(latent_dim, height * width)
    if left or not per_place:
        raise CompositionError(
            f"latent_dim must be a multiple of {height * width}, the places of a grid of {height} "
            f"x {width}; got {latent_dim}. Leave it None for what suits the images."
        )
    return per_place, height, width


def grid_latents(shape: Sequence[int]) -> int:
    """How many latents suit ``"spatial"`` networks: up to 4 a place, half of an item's values.

    Args:
        shape: (colours, height, width) of one image.

    Example:
        >>> grid_latents((3, 64, 64))
        1024
    """
    places = math.prod(halved(shape[1:], grid_stages(shape))[-1])
    return places * max(1, min(_PER_PLACE, math.prod(shape) // (2 * places)))


def grid_stages(shape: Sequence[int]) -> int:
    """Halvings until a side has 16 places or fewer; of images of some size at least two."""
    side = min(shape[1:])
    return max(1 if side < _LARGE else 2, math.ceil(math.log2(side / _FINEST)))
