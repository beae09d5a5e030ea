"""How well items are reconstructed, and how smoothly a model goes from one to another."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from vaekit.errors import DataError
from vaekit.metrics.likelihoods import Estimate
from vaekit.ssim import ms_ssim, psnr, ssim

_BATCH = 256


@dataclass(frozen=True)
class ReconstructionError:
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
) -> ReconstructionError:
    """Compare items with their reconstructions.

    Items with three axes of their own are images, and have to be from 0 to 1.

    Args:
        real: What the model was shown: images (items, colours, height, width), or rows.
        reconstructed: What it gave back, same shape.

    Raises:
        DataError: Different shapes, no items, or images outside 0 to 1.

    Source: see `vaekit.ssim`.

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
        return ReconstructionError(mse, None, None, None, len(real))
    _check_range(real, reconstructed)
    return ReconstructionError(
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
    """Return a measure's mean, taken batch by batch: it needs several times the images' memory."""
    pairs = zip(a.split(_BATCH), b.split(_BATCH), strict=True)
    return torch.cat([measure(*pair) for pair in pairs]).mean().item()


_WAYS_AT_ONCE = 16


@dataclass(frozen=True)
class Smoothness:
    """Measures of decoded ways, averaged over the ways; none depends on the items' units.

    A smooth way need not be a good one: fading one image into the other is straight and even.
    Whether a way stays where data are, `distance_to_data` and the precision of `prdc` tell.

    Attributes:
        length: Of the way, over the distance of its ends; 1 is straight.
        energy: Number of steps times the sum of their squares, over the squared distance of the
            ends; 1 is straight and even. It is the way's mean squared speed.
        jump: The largest step over the mean step; 1 is even. It tells a way that stands still and
            then flips from one that changes all along.
        roughness: Mean square of the second derivative by the share of the way gone, over the
            squared distance of the ends; 0 is straight and even. A few rough ways weigh heavily.
    """

    length: Estimate
    energy: Estimate
    jump: Estimate
    roughness: Estimate


def smoothness(paths: Float[Tensor, "ways steps *event"]) -> Smoothness:
    """Measure ways by the Euclidean distances of their neighbours.

    Args:
        paths: Decoded points in their order, both ends included; at least two ways of two steps.

    Raises:
        DataError: Too few ways or steps, values that are not finite, or a way whose ends agree.

    Source: Michelis & Becker 2021, "On linear interpolation in the latent space of deep generative
    models" (lengths in the decoded space); Karras et al. 2019, "A style-based generator
    architecture for generative adversarial networks", section 4.1 (squared speed; there in the
    features of a classifier and not divided by the distance); Green & Silverman 1994,
    "Nonparametric regression and generalized linear models", section 1.2 (roughness).

    Example:
        >>> corner = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]).expand(2, 3, 2)
        >>> round(smoothness(corner).length.mean, 3)  # 7 / 5
        1.4
        >>> round(smoothness(corner).jump.mean, 3)  # 4 / 3.5
        1.143
    """
    x = _checked(paths.flatten(2).double())
    x = x / (x[:, -1:] - x[:, :1]).norm(dim=-1, keepdim=True)
    steps = x.diff(dim=1).norm(dim=-1)
    pieces = steps.shape[1]
    bends = x.diff(n=2, dim=1).square().sum((1, 2))
    return Smoothness(
        length=Estimate.of(steps.sum(1)),
        energy=Estimate.of(steps.square().sum(1) * pieces),
        jump=Estimate.of(steps.amax(1) / steps.mean(1)),
        roughness=Estimate.of(bends * pieces**3),
    )


def distance_to_data(
    paths: Float[Tensor, "ways steps *event"], real: Float[Tensor, "items *event"]
) -> Float[Tensor, "ways steps"]:
    """Distance of each decoded point to the nearest real item: how far a way leaves the data.

    Args:
        paths: Decoded points.
        real: Items to be near to, as the networks see them.

    Source: Berthelot et al. 2019, "Understanding and improving interpolation in autoencoders via
    an adversarial regularizer", section 3.2 (there in cosine distance).

    Example:
        >>> distance_to_data(torch.tensor([[[0.0], [2.0]]]), torch.tensor([[0.5], [9.0]]))
        tensor([[0.5000, 1.5000]])
    """
    rows = real.flatten(1)
    parts = [
        torch.cdist(part.flatten(2).flatten(0, 1), rows).amin(1).unflatten(0, part.shape[:2])
        for part in paths.split(_WAYS_AT_ONCE)
    ]
    return torch.cat(parts)


def _checked(x: Tensor) -> Tensor:
    if x.shape[1] < 2:
        raise DataError(f"ways must have at least 2 steps; got {x.shape[1]}. Include both ends.")
    if not torch.isfinite(x).all():
        raise DataError("ways must be finite; got NaN or infinity. Leave such ways out.")
    same = (x[:, 0] == x[:, -1]).all(1)
    if same.any():
        raise DataError(
            f"the two ends of a way must differ; got way {int(same.int().argmax())}, whose ends "
            "are decoded alike. Leave such pairs out; if many are, the model has collapsed."
        )
    return x
