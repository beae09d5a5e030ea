"""Precision, recall, density and coverage: generated items among the neighbours of real ones."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaekit.errors import DataError
from vaekit.metrics.frechet import check_features

__all__ = ["PRDC", "prdc"]

_DISTANCES_AT_ONCE = 2**21
_ROUNDING = 1e-7


@dataclass(frozen=True)
class PRDC:
    """Where two samples lie relative to each other's neighbourhoods.

    Attributes:
        precision: Share of generated items within a neighbourhood of a real item. Blur keeps it
            high.
        recall: Share of real items within a neighbourhood of a generated item. Scatter keeps it
            high.
        density: Mean number of real neighbourhoods that hold a generated item, over k; may
            exceed 1.
        coverage: Share of real items with a generated item in their neighbourhood.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(
    real: Float[Tensor, "real_items features"],
    fake: Float[Tensor, "fake_items others"],
    k: int = 5,
) -> PRDC:
    """Measure generated items against real ones by their k nearest neighbours.

    A neighbourhood is a ball, without its surface, around an item, up to the k-th nearest other
    item of the same sample. What rounding cannot tell from a centre or a surface lies on it.

    Args:
        real: Features of real items.
        fake: Features of generated items, of the same number.
        k: Neighbours, at least 1.

    Raises:
        DataError: Not more than k items on either side, or values that are not finite.

    Source: Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing
    generative models", eq. 1-2; Naeem et al. 2020, "Reliable fidelity and diversity metrics for
    generative models", section 3.

    Example:
        >>> real = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
        >>> prdc(real, real + 100)
        PRDC(precision=0.0, recall=0.0, density=0.0, coverage=0.0)
    """
    check_features(real, fake)
    if k < 1 or min(len(real), len(fake)) <= k:
        raise DataError(
            f"k must be at least 1 and below the number of items; got k={k} with {len(real)} real "
            f"and {len(fake)} generated items. Pass more items or a smaller k."
        )
    centre = real.double().mean(0)  # near 0 the squares that cdist subtracts lose fewer digits
    real, fake = real.double() - centre, fake.double() - centre
    return _count(real, fake, _radii(real, k), _radii(fake, k), k)


def _count(real: Tensor, fake: Tensor, real_radii: Tensor, fake_radii: Tensor, k: int) -> PRDC:
    balls = torch.zeros(len(fake))
    recalled, covered = [], []
    rows = _rows(fake)
    for items, radii in zip(real.split(rows), real_radii.split(rows), strict=True):
        distances = _distances(items, fake)
        balls += (distances < radii[:, None]).sum(0)
        recalled.append((distances < fake_radii).any(1))
        covered.append(distances.amin(1) < radii)
    return PRDC(
        precision=_share(balls > 0),
        recall=_share(torch.cat(recalled)),
        density=balls.mean().item() / k,
        coverage=_share(torch.cat(covered)),
    )


def _radii(items: Tensor, k: int) -> Tensor:
    """Just below each item's distance to its k-th nearest other; the nearest of all is itself."""
    nearest = [
        _distances(some, items).topk(k + 1, dim=1, largest=False).values[:, -1]
        for some in items.split(_rows(items))
    ]
    return torch.cat(nearest) - _resolution(items)


def _distances(some: Tensor, items: Tensor) -> Tensor:
    distances = torch.cdist(some, items)
    return distances.masked_fill_(distances < _resolution(items), 0.0)


def _resolution(items: Tensor) -> Tensor:
    """A length that rounding cannot tell from 0."""
    length: Tensor = torch.linalg.vector_norm(items, dim=1).amax() * _ROUNDING
    return length


def _rows(items: Tensor) -> int:
    return max(1, _DISTANCES_AT_ONCE // len(items))


def _share(flags: Tensor) -> float:
    return flags.double().mean().item()
