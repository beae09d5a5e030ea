"""How well items are reconstructed, how smooth ways between them are, what an edit changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.domains.context import Labels
from vaekit.errors import DataError
from vaekit.metrics.feature_extractors import classifier_body, minimize
from vaekit.metrics.likelihoods import Estimate
from vaekit.randomness import seeded
from vaekit.ssim import ms_ssim, psnr, ssim
from vaekit.training.config import Items

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


_LEAST_ITEMS = 20
_HELD_OUT = 0.1
_CHUNK = 256
_FEATURES = 128


@dataclass(frozen=True, eq=False)
class AttributeClassifier:
    """Tells every attribute of an item at once.

    Attributes:
        network: Items to the logits of all attributes side by side.
        values: The labels of each attribute, in the order of the logits.
        accuracy: Of each attribute, on the tenth of the items held out.
    """

    network: nn.Module
    values: Mapping[str, tuple[str, ...]]
    accuracy: Mapping[str, float]

    @torch.no_grad()
    def __call__(self, x: Shaped[Tensor, "items *event"]) -> dict[str, NDArray[np.str_]]:
        """Return the most probable label of each attribute of each item."""
        device = next(self.network.parameters()).device
        logits = torch.cat([self.network(part.to(device)).cpu() for part in x.split(_CHUNK)])
        sizes = [len(labels) for labels in self.values.values()]
        best = [part.argmax(1).numpy() for part in logits.split(sizes, dim=1)]
        pairs = zip(self.values.items(), best, strict=True)
        return {name: np.asarray(labels)[positions] for (name, labels), positions in pairs}


def attribute_classifier(
    items: Items, labels: Labels, *, epochs: int = 10, seed: int = 0
) -> AttributeClassifier:
    """Train one network with a head for each attribute.

    Images get a convolutional network, all else a multilayer perceptron. Train it on items that
    neither the model nor a direction has learned from, if it is to judge them.

    Args:
        items: At least 20.
        labels: Of these items; an attribute with a single label is left out.
        epochs: Passes over the items.
        seed: Decides the initial weights, the order of the items, and which tenth is held out.

    Raises:
        DataError: Too few items, or no attribute with two labels.

    Example:
        >>> x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
        >>> signs = Labels.of({"first": (x[:, 0] > 0).numpy(), "last": (x[:, 2] > 0).numpy()})
        >>> predicted = attribute_classifier(Items(x), signs)(torch.tensor([[3.0, 0.0, -3.0]]))
        >>> predicted["first"].item(), predicted["last"].item()
        ('True', 'False')
    """
    values = {name: labels.values(name) for name in labels.columns}
    values = {name: known for name, known in values.items() if len(known) > 1}
    if len(items) < _LEAST_ITEMS or not values:
        raise DataError(
            f"a classifier of attributes needs at least {_LEAST_ITEMS} items and an attribute with "
            f"two labels; got {len(items)} items and {list(labels.columns)}. Pass more."
        )
    targets = torch.from_numpy(_numbers(labels, values))
    cpu = torch.device("cpu")
    with seeded(seed), torch.enable_grad():
        shape = items.batch(torch.arange(1), cpu).x.shape[1:]
        heads = nn.Linear(_FEATURES, sum(map(len, values.values())))
        network = nn.Sequential(classifier_body(shape, _FEATURES), nn.Dropout(0.1), heads)
        order = torch.randperm(len(items))
        held_out, rest = order.tensor_split([int(len(items) * _HELD_OUT)])
        sizes = [len(known) for known in values.values()]

        def cost(rows: Tensor) -> Tensor:
            logits = network(items.batch(rest[rows], cpu).x).split(sizes, dim=1)
            wanted = targets[rest[rows]].unbind(1)
            costs = [F.cross_entropy(a, b) for a, b in zip(logits, wanted, strict=True)]
            return torch.stack(costs).sum()

        minimize(network, len(rest), epochs, cost)
    network.eval().requires_grad_(False)
    predicted = AttributeClassifier(network, values, {})(items.batch(held_out, cpu).x)
    right = labels.at(held_out.numpy())
    accuracy = {name: float((predicted[name] == right.column(name)).mean()) for name in values}
    return AttributeClassifier(network, values, accuracy)


def _numbers(labels: Labels, values: Mapping[str, tuple[str, ...]]) -> NDArray[np.int64]:
    """Return the place of each label among those of its attribute, shape (items, attributes)."""
    return np.stack(
        [np.searchsorted(known, labels.column(name)) for name, known in values.items()], 1
    )


TimestepEmbedding = Mapping[str, NDArray[np.str_]]


@dataclass(frozen=True)
class EditScores:
    """Measures of edited items.

    Attributes:
        flip: Share in which the attribute has the new label, 0 to 1.
        kept: For every other attribute, the share whose label is that of the reconstruction.
        identity: Mean over the items of the root mean square difference from the
            reconstruction, in the units that the networks see: 0 to 1 for images.
    """

    flip: float
    kept: Mapping[str, float]
    identity: float

    @property
    def least_kept(self) -> float:
        """The smallest of the kept shares; 1 where there is no other attribute."""
        return min(self.kept.values(), default=1.0)


def edit_scores(
    classifier: AttributeClassifier,
    reconstructed: Shaped[Tensor, "items *event"],
    edited: Shaped[Tensor, "items *event"],
    attribute: str,
    to: str,
) -> EditScores:
    """Measure an edit by a classifier that was not used to make it.

    Args:
        classifier: The judge.
        reconstructed: What the model makes of the items without an edit: losses of the model are
            no losses of the edit.
        edited: The same items, edited.
        attribute: What was edited.
        to: Its new label.
    """
    before, after = classifier(reconstructed), classifier(edited)
    kept = kept_shares(before, after)
    kept.pop(attribute)
    return EditScores(
        flip_rate(after[attribute], to), kept, identity_distance(reconstructed, edited)
    )


def flip_rate(predicted: NDArray[np.str_], to: str) -> float:
    """Share of the items that are told to have the new label.

    Example:
        >>> flip_rate(np.array(["smile", "frown"]), "smile")
        0.5
    """
    return float((predicted == to).mean())


def kept_shares(before: TimestepEmbedding, after: TimestepEmbedding) -> dict[str, float]:
    """For each attribute, the share of the items whose label is as before.

    Example:
        >>> kept_shares({"hair": np.array(["a", "b"])}, {"hair": np.array(["a", "a"])})
        {'hair': 0.5}
    """
    return {name: float((labels == after[name]).mean()) for name, labels in before.items()}


def identity_distance(
    a: Shaped[Tensor, "items *event"], b: Shaped[Tensor, "items *event"]
) -> float:
    """Mean over the items of the root mean square difference of their values."""
    return float((a - b).flatten(1).square().mean(1).sqrt().mean())
