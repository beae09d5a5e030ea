"""How well an edit changes what it should and keeps the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Shaped
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.domains.context import Labels
from vaekit.errors import DataError
from vaekit.metrics.feature_extractors import classifier_body, minimize
from vaekit.randomness import seeded
from vaekit.training.config import Items

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
