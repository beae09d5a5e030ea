"""A classifier of several attributes of an item, to judge edits by."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Shaped
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.domains.labels import Labels
from vaekit.errors import DataError
from vaekit.metrics.classifier import classifier_body, minimise
from vaekit.randomness import seeded
from vaekit.training import Items

__all__ = ["AttributeClassifier", "attribute_classifier"]

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
        """The most probable label of each attribute of each item."""
        device = next(self.network.parameters()).device
        logits = torch.cat([self.network(part.to(device)).cpu() for part in x.split(_CHUNK)])
        sizes = [len(labels) for labels in self.values.values()]
        best = [part.argmax(1).numpy() for part in logits.split(sizes, dim=1)]
        pairs = zip(self.values.items(), best, strict=True)
        return {name: np.asarray(labels)[places] for (name, labels), places in pairs}


def attribute_classifier(
    items: Items, labels: Labels, *, epochs: int = 10, seed: int = 0
) -> AttributeClassifier:
    """Train one network with a head for each attribute.

    Images get a convolutional network, all else a multilayer perceptron. Train it on items that
    neither the model nor a direction has learnt from, if it is to judge them.

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
        >>> told = attribute_classifier(Items(x), signs)(torch.tensor([[3.0, 0.0, -3.0]]))
        >>> told["first"].item(), told["last"].item()
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

        minimise(network, len(rest), epochs, cost)
    network.eval().requires_grad_(False)
    told = AttributeClassifier(network, values, {})(items.batch(held_out, cpu).x)
    right = labels.at(held_out.numpy())
    accuracy = {name: float((told[name] == right.column(name)).mean()) for name in values}
    return AttributeClassifier(network, values, accuracy)


def _numbers(labels: Labels, values: Mapping[str, tuple[str, ...]]) -> NDArray[np.int64]:
    """The place of each label among those of its attribute, shape (items, attributes)."""
    return np.stack(
        [np.searchsorted(known, labels.column(name)) for name, known in values.items()], 1
    )
