"""How close generated items are to real ones: Fréchet, precision, recall, density, coverage."""

from dataclasses import asdict, dataclass, fields

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from vaekit.errors import DataError
from vaekit.metrics.feature_extractors import FeatureMap, Features
from vaekit.randomness import make_generator


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
    center = real.double().mean(0)  # near 0 the squares that cdist subtracts lose fewer digits
    real, fake = real.double() - center, fake.double() - center
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
    """Return a length that rounding cannot tell from 0."""
    length: Tensor = torch.linalg.vector_norm(items, dim=1).amax() * _ROUNDING
    return length


def _rows(items: Tensor) -> int:
    return max(1, _DISTANCES_AT_ONCE // len(items))


def _share(flags: Tensor) -> float:
    return flags.double().mean().item()


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


@dataclass(frozen=True)
class Figures:
    """One sample against a reference; see `frechet_distance`, `PRDC` and `sharpness_ratio`.

    Attributes:
        frechet: Fréchet distance, at least 0; smaller is better.
        precision: From 0 to 1; rewards blur.
        recall: From 0 to 1; rewards scatter.
        density: At least 0; rewards blur.
        coverage: From 0 to 1.
        sharpness: Ratio to the reference; ``None`` where items are not images.
    """

    frechet: float
    precision: float
    recall: float
    density: float
    coverage: float
    sharpness: float | None


@dataclass(frozen=True)
class Fidelity:
    """Figures of generated items, which mean nothing without their floor.

    Attributes:
        fake: Generated items against the reference half of the real ones.
        floor: The other half of the real items against the same reference, as many: what a
            perfect model would reach.
        items: Items in each of the three samples.
        features: The name of the features.
        k: Neighbours.
    """

    fake: Figures
    floor: Figures
    items: int
    features: str
    k: int

    def summary(self) -> str:
        """Return a table for a person."""
        lines = [f"{self.items} items, features: {self.features}, k = {self.k}"]
        lines += [f"{'':10} {'generated':>10} {'real':>10}"]
        for field in fields(Figures):
            values = [getattr(figures, field.name) for figures in (self.fake, self.floor)]
            if None not in values:
                lines.append(f"{field.name:10} {values[0]:10.3f} {values[1]:10.3f}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        """Everything, as plain values."""
        return asdict(self)


def fidelity(
    real: Shaped[Tensor, "real_items *event"],
    fake: Shaped[Tensor, "fake_items *other"],
    features: FeatureMap,
    *,
    k: int = 5,
    seed: int = 0,
) -> Fidelity:
    """Compare generated items with real ones, and real ones with real ones at the same size.

    The real items are shuffled by `seed`. With n = min(len(fake), len(real) // 2), the first n of
    them are the reference, the next n, which share no item with it, give the floor; and n
    generated items, drawn by the same seed, are compared with the reference. Pass real items that
    neither the model nor the features were trained on.

    Args:
        real: Real items, as the features read them; twice as many as `fake` uses all of both.
        fake: Generated items.
        features: Maps a batch of items to features (batch, features); see `classifier_features`,
            `efficientnet_features`, `module_features` and `raw_features`.
        k: Neighbours of `prdc`.
        seed: Decides which items are compared.

    Raises:
        DataError: Items of different shapes; too few for the number of features (`Figures` needs
            n above it) or for k.

    Example:
        >>> real = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
        >>> result = fidelity(real, real[:50] + 2, lambda x: x)
        >>> result.items, result.fake.frechet > 10 * result.floor.frechet
        (50, True)
    """
    if real.shape[1:] != fake.shape[1:] or not len(fake) or len(real) < 2:
        raise DataError(
            "real and generated items must have the same shape, with at least two real items and "
            f"one generated; got {tuple(real.shape)} and {tuple(fake.shape)}. Encode both alike."
        )
    named = features if isinstance(features, Features) else Features("custom", features)
    n = min(len(fake), len(real) // 2)
    order = _shuffled(real, seed)
    reference, other = real[order[:n]], real[order[n : 2 * n]]
    generated = fake[_shuffled(fake, seed)[:n]]
    base = named(reference)
    return Fidelity(
        fake=_figures(reference, generated, base, named(generated), k),
        floor=_figures(reference, other, base, named(other), k),
        items=n,
        features=named.name,
        k=k,
    )


def _shuffled(items: Tensor, seed: int) -> Tensor:
    return torch.randperm(len(items), generator=make_generator(seed))


def _figures(reference: Tensor, sample: Tensor, base: Tensor, mapped: Tensor, k: int) -> Figures:
    sharp = sharpness_ratio(reference, sample) if _are_images(sample) else None
    neighbors = asdict(prdc(base, mapped, k))
    return Figures(frechet=frechet_distance(base, mapped), **neighbors, sharpness=sharp)


def _are_images(items: Tensor) -> bool:
    """Return whether sharpness is defined: floats of shape (items, colours, height, width)."""
    return items.ndim == 4 and items.is_floating_point() and min(items.shape[-2:]) >= 3
