"""Features from the user's own labels: the penultimate layer of a small classifier."""

import itertools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Shaped
from torch import Tensor, nn

from vaekit.errors import DataError, SpecError
from vaekit.metrics.features import Features
from vaekit.randomness import seeded

__all__ = ["classifier_body", "classifier_features", "minimise"]

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
        minimise(network, len(rest), epochs, lambda i: _cost(network(seen[i].float()), wanted[i]))
    network.eval().requires_grad_(False)
    logits = Features("logits", lambda some: network(some.float()), device=x.device)(x[held_out])
    accuracy = (logits.argmax(1) == targets[held_out].cpu()).double().mean().item()
    return Features("classifier", lambda some: body(some.float()), accuracy, device=x.device)


def _targets(x: Tensor, labels: Tensor) -> Tensor:
    """The labels as numbers from 0."""
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


def minimise(network: nn.Module, count: int, epochs: int, cost: Callable[[Tensor], Tensor]) -> None:
    """Train a classifier; an epoch's last, smaller batch is left out.

    Args:
        network: Changed in place.
        count: Items to train on.
        epochs: Passes over them.
        cost: The places of some items -> what to minimise.
    """
    batch = min(_BATCH, count)
    steps = count // batch
    optimiser = torch.optim.AdamW(network.parameters(), _MAX_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _MAX_RATE, epochs * steps + 1)
    for _ in range(epochs):
        for rows in torch.randperm(count)[: steps * batch].split(batch):
            loss = cost(rows)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
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
    standardise = nn.BatchNorm1d(values, affine=False)
    layer = nn.Linear(values, hidden, bias=False)
    return nn.Sequential(nn.Flatten(), standardise, layer, nn.BatchNorm1d(hidden), nn.ReLU())
