"""The Fréchet distance of two samples' Gaussians."""

import torch
from jaxtyping import Float
from torch import Tensor

from vaekit.errors import DataError

__all__ = ["check_features", "frechet_distance"]


def frechet_distance(
    real: Float[Tensor, "real_items features"], fake: Float[Tensor, "fake_items others"]
) -> float:
    """Fréchet distance of the Gaussians with the means and covariances of two samples.

    |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½), in float64. Its trace of a root is taken from the
    eigenvalues of the symmetric S1^½ S2 S1^½, which cannot become complex by rounding. It is
    called FID only on features of one particular network, which this package does not use. Two
    samples of one distribution are at a distance above 0, which shrinks with their size: compare
    at equal sizes only, and beside that floor (see `fidelity`).

    Args:
        real: Features of real items.
        fake: Features of generated items, of the same number.

    Returns:
        At least 0, in squared units of the features.

    Raises:
        DataError: Not more items than features on either side (a covariance would be singular;
            twice as many or more are advised), or values that are not finite.

    Source: Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local
    Nash equilibrium", eq. 6.

    Example:
        >>> real = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
        >>> round(frechet_distance(real, real + 1), 6)
        4.0
    """
    check_features(real, fake)
    least, size = min(len(real), len(fake)), real.shape[1]
    if least <= size:
        raise DataError(
            f"the Fréchet distance on {size} features needs more than {size} items on either "
            f"side, and better {2 * size} or more; got {len(real)} real and {len(fake)} generated "
            "ones. Pass more items, or fewer features (see reduced_features)."
        )
    (mean, covariance), (other_mean, other) = _moments(real), _moments(fake)
    total = (mean - other_mean).square().sum() + covariance.trace() + other.trace()
    return max(0.0, (total - 2 * _trace_of_root(covariance, other)).item())


def check_features(real: Tensor, fake: Tensor) -> None:
    """Refuse features that cannot be compared.

    Args:
        real: Features of real items.
        fake: Features of generated items.

    Raises:
        DataError: Not two matrices of equal width with finite values.
    """
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise DataError(
            "features must be two matrices (items, features) of equal width; got "
            f"{tuple(real.shape)} and {tuple(fake.shape)}. Compute both in the same way."
        )
    for name, features in {"real": real, "generated": fake}.items():
        if not features.isfinite().all():
            bad = int((~features.isfinite()).any(1).sum())
            raise DataError(
                f"features must be finite; got NaN or infinity in {bad} of {len(features)} "
                f"{name} items. Remove those items, or check the features."
            )


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    values = features.double()
    return values.mean(0), values.T.cov().reshape(values.shape[1], -1)


def _trace_of_root(a: Tensor, b: Tensor) -> Tensor:
    """tr((A B)^½) of two covariances."""
    values, vectors = torch.linalg.eigh(a)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    roots: Tensor = torch.linalg.eigvalsh(root @ b @ root).clamp_min(0).sqrt()
    return roots.sum()
