"""How alike two images are: differentiable, for losses and for measures."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vaekit.errors import DataError

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_LEAST_CONTRAST = 1e-4


def ssim(
    a: Float[Tensor, "batch *event"], b: Float[Tensor, "others *other"]
) -> Float[Tensor, "batch"]:
    """Structural similarity: luminance, contrast and structure in a sliding window.

    The window is a Gaussian of 11 x 11 pixels with standard deviation 1.5, moved over all places
    where it fits. On images with a side below 11 it shrinks to the largest odd number of pixels
    that fits (7 for digits of 8 x 8); such values compare only with others of the same size.

    Args:
        a: Images from 0 to 1, shape (batch, colours, height, width).
        b: Images to compare them with, same shape.

    Returns:
        One value per image, from -1 to 1, averaged over places and colours; 1 for equal images.

    Raises:
        DataError: The two have different shapes, or are no images.

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural
    similarity", eq. 13, with the constants of section III-C.

    Example:
        >>> image = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
        >>> ssim(image, image)
        tensor([1., 1.])
    """
    _check_images(a, b)
    return _one_scale(a, b, edges=False)


def ms_ssim(
    a: Float[Tensor, "batch *event"], b: Float[Tensor, "others *other"], *, edges: bool = False
) -> Float[Tensor, "batch"]:
    """Structural similarity on up to five scales, each half as large as the one before.

    As many scales are used as the window of 11 pixels fits in: five from 176 pixels, two for
    28 x 28, one (which is `ssim`) below 22; the weights of the scales used are made to sum to 1.
    A negative contrast term has no power and counts as 0.0001.

    Args:
        a: Images from 0 to 1, shape (batch, colours, height, width).
        b: Images to compare them with, same shape.
        edges: Also centre windows on the pixels at the edges, cut off there, so that these count
            as much as others: for training. The measure of the source leaves them out.

    Returns:
        One value per image, from 0 to 1 (below 0 only where one scale fits), averaged over
        colours; 1 for equal images.

    Raises:
        DataError: The two have different shapes, or are no images.

    Source: Wang, Simoncelli & Bovik 2003, "Multiscale structural similarity for image quality
    assessment", eq. 7, with the weights of section 3.2.

    Example:
        >>> image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> torch.equal(ms_ssim(image, image).round(decimals=4), torch.ones(2))
        True
    """
    _check_images(a, b)
    scales = _num_scales(min(a.shape[-2:]))
    if scales == 1:
        return _one_scale(a, b, edges)
    weights = torch.tensor(_SCALE_WEIGHTS[:scales], device=a.device)
    factors = torch.stack(_scale_factors(a.float(), b.float(), scales, edges))
    powers = factors ** (weights / weights.sum()).view(-1, 1, 1)
    return powers.prod(0).mean(-1)


def psnr(
    a: Float[Tensor, "batch *event"], b: Float[Tensor, "others *other"]
) -> Float[Tensor, "batch"]:
    """Peak signal-to-noise ratio of each image in decibels; infinite for equal images.

    Args:
        a: Images from 0 to 1, shape (batch, colours, height, width).
        b: Images to compare them with, same shape.

    Raises:
        DataError: The two have different shapes, or are no images.

    Example:
        >>> psnr(torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.1))
        tensor([20.])
    """
    _check_images(a, b)
    return -10 * (a - b).float().square().mean((1, 2, 3)).log10()


def _check_images(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape or a.ndim != 4 or min(a.shape[-2:]) < 1:
        raise DataError(
            "images to compare must both have the same shape (batch, colours, height, width); "
            f"got {tuple(a.shape)} and {tuple(b.shape)}. Reshape them alike."
        )


def _num_scales(side: int) -> int:
    return max(1, sum(side >> scale >= _WINDOW for scale in range(len(_SCALE_WEIGHTS))))


def _one_scale(a: Tensor, b: Tensor, edges: bool) -> Tensor:
    luminance, contrast = _comparisons(a.float(), b.float(), edges)
    return (luminance * contrast).mean((1, 2, 3))


def _scale_factors(a: Tensor, b: Tensor, scales: int, edges: bool) -> list[Tensor]:
    """What each scale contributes, shape (batch, colours): contrast, with luminance in the last."""
    factors = []
    for _ in range(scales - 1):
        factors.append(_positive_mean(_comparisons(a, b, edges)[1]))
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    luminance, contrast = _comparisons(a, b, edges)
    return [*factors, _positive_mean(luminance * contrast)]


def _positive_mean(values: Float[Tensor, "batch channels height width"]) -> Tensor:
    return values.mean((2, 3)).clamp_min(_LEAST_CONTRAST)


def _comparisons(a: Tensor, b: Tensor, edges: bool) -> tuple[Tensor, Tensor]:
    """Luminance and contrast-structure at each place, shape (batch, colours, height, width)."""
    kinds = torch.stack([a, b, a * a, b * b, a * b])
    mean_a, mean_b, square_a, square_b, product = _blur(kinds, edges)
    variance = square_a - mean_a.square() + square_b - mean_b.square()
    covariance = product - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a.square() + mean_b.square() + _C1)
    return luminance, (2 * covariance + _C2) / (variance + _C2)


def _blur(images: Float[Tensor, "kinds batch channels height width"], edges: bool) -> Tensor:
    """Gaussian-weighted means over the window, one axis after the other.

    Products of matrices: on images as small as these they beat convolutions several times over.
    """
    height, width = images.shape[-2:]
    half = _half_window(min(height, width))
    rows, columns = (_window_means(side, half, edges).to(images) for side in (height, width))
    return rows @ images @ columns.mT


def _half_window(side: int) -> int:
    """Pixels on each side of the middle: of 11 in all, or of what fits."""
    return (min(_WINDOW, side) - 1) // 2


def _window_means(side: int, half: int, edges: bool) -> Float[Tensor, "places side"]:
    """Return the weight of each pixel in the mean at each place."""
    pixels = torch.arange(side)
    centers = pixels if edges else pixels[half : side - half]
    away = pixels - centers.unsqueeze(1)
    weights = torch.exp(-0.5 * (away / _SIGMA) ** 2) * (away.abs() <= half)
    return weights / weights.sum(1, keepdim=True)
