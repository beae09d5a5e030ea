"""Sharpness of images: blurred samples are the usual fault of autoencoders."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vaekit.errors import DataError

__all__ = ["sharpness", "sharpness_ratio"]

_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))


def sharpness(images: Float[Tensor, "batch *event"]) -> Float[Tensor, "batch"]:
    """Variance over the pixels of each image's Laplacian, averaged over colours.

    Args:
        images: Of one range, shape (batch, colours, height, width), at least 3 x 3 pixels.

    Returns:
        At least 0, in squared units of the images; noise raises it as edges do.

    Raises:
        DataError: Not images, or too small.

    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy: a
    comparative study".

    Example:
        >>> stripes = torch.tensor([0.0, 1.0]).repeat(1, 1, 4, 2)
        >>> sharpness(stripes)
        tensor([4.])
    """
    if images.ndim != 4 or min(images.shape[-2:]) < 3:
        raise DataError(
            "images must have shape (batch, colours, height, width) with at least 3 x 3 pixels; "
            f"got {tuple(images.shape)}. Reshape them; smaller images have no sharpness."
        )
    kernel = torch.tensor(_LAPLACIAN).to(images).view(1, 1, 3, 3)
    edges = F.conv2d(images.flatten(0, 1).unsqueeze(1), kernel).flatten(1)
    return edges.var(1, unbiased=False).view(images.shape[:2]).mean(1)


def sharpness_ratio(
    real: Float[Tensor, "real_items *event"], fake: Float[Tensor, "fake_items *event"]
) -> float:
    """Mean sharpness of generated images over that of real ones.

    Args:
        real: Real images, shape (batch, colours, height, width).
        fake: Generated ones, of the same range.

    Returns:
        1 where they are equally sharp; below 1 for blur, above 1 for noise.

    Raises:
        DataError: Not images, or the real ones are all flat.

    Example:
        >>> image = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> round(sharpness_ratio(image, image / 2), 6)
        0.25
    """
    reference = sharpness(real).mean().item()
    if reference == 0:
        raise DataError(
            "real images must have edges; got flat ones only. Check how they were loaded."
        )
    return sharpness(fake).mean().item() / reference
