"""How well a model gives back what it was shown."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Shaped
from torch import Tensor

from vaekit.errors import DataError
from vaekit.similarity import ms_ssim, psnr, ssim

__all__ = ["Reconstruction", "reconstruction_quality"]

_BATCH = 256


@dataclass(frozen=True)
class Reconstruction:
    """Means over the items.

    Attributes:
        mse: Squared error per value.
        psnr: Peak signal-to-noise ratio in decibels; infinite if any image is given back exactly.
            ``None``, like the next two, where items are not images.
        ssim: Structural similarity, at most 1.
        ms_ssim: The same on several scales.
        items: Items it was measured on.
    """

    mse: float
    psnr: float | None
    ssim: float | None
    ms_ssim: float | None
    items: int


def reconstruction_quality(
    real: Shaped[Tensor, "items *event"], reconstructed: Shaped[Tensor, "others *other"]
) -> Reconstruction:
    """Compare items with their reconstructions.

    Items with three axes of their own are images, and have to be from 0 to 1.

    Args:
        real: What the model was shown: images (items, colours, height, width), or rows.
        reconstructed: What it gave back, same shape.

    Raises:
        DataError: Different shapes, no items, or images outside 0 to 1.

    Source: see `vaekit.similarity`.

    Example:
        >>> real = torch.zeros(4, 1, 8, 8)
        >>> round(reconstruction_quality(real, real + 0.1).psnr, 3)
        20.0
    """
    if real.shape != reconstructed.shape or not len(real):
        raise DataError(
            "real and reconstructed must have the same shape, with at least one item; got "
            f"{tuple(real.shape)} and {tuple(reconstructed.shape)}. Pass each item's own "
            "reconstruction."
        )
    real, reconstructed = real.detach().float(), reconstructed.detach().float()
    mse = (real - reconstructed).square().mean().item()
    if real.ndim != 4:
        return Reconstruction(mse, None, None, None, len(real))
    _check_range(real, reconstructed)
    return Reconstruction(
        mse=mse,
        psnr=_mean_of(psnr, real, reconstructed),
        ssim=_mean_of(ssim, real, reconstructed),
        ms_ssim=_mean_of(ms_ssim, real, reconstructed),
        items=len(real),
    )


def _check_range(real: Tensor, reconstructed: Tensor) -> None:
    least = min(real.min().item(), reconstructed.min().item())
    most = max(real.max().item(), reconstructed.max().item())
    if not (least >= 0 and most <= 1):
        raise DataError(
            f"images must be from 0 to 1; got {least:.4g} to {most:.4g}. Scale them, or clip "
            "reconstructions that overshoot."
        )


def _mean_of(measure: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor) -> float:
    """A measure's mean, taken batch by batch: it needs several times the images' memory."""
    pairs = zip(a.split(_BATCH), b.split(_BATCH), strict=True)
    return torch.cat([measure(*pair) for pair in pairs]).mean().item()
