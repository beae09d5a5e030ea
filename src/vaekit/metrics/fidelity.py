"""How close generated items are to real ones, beside how close real ones are to each other."""

from dataclasses import asdict, dataclass, fields

import torch
from jaxtyping import Shaped
from torch import Tensor

from vaekit.errors import DataError
from vaekit.metrics.features import FeatureMap, Features
from vaekit.metrics.frechet import frechet_distance
from vaekit.metrics.neighbours import prdc
from vaekit.metrics.sharpness import sharpness_ratio
from vaekit.randomness import make_generator

__all__ = ["Fidelity", "Figures", "fidelity"]


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
        """A table for a person."""
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
    neighbours = asdict(prdc(base, mapped, k))
    return Figures(frechet=frechet_distance(base, mapped), **neighbours, sharpness=sharp)


def _are_images(items: Tensor) -> bool:
    """Whether sharpness is defined: floats of shape (items, colours, height, width)."""
    return items.ndim == 4 and items.is_floating_point() and min(items.shape[-2:]) >= 3
