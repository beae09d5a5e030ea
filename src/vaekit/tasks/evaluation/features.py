"""What samples are compared by, chosen for the data."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import DataError
from vaekit.metrics import (
    Features,
    classifier_features,
    efficientnet_features,
    raw_features,
    reduced_features,
)

__all__ = ["check_labelled", "choose_features"]

_ITEMS_SEEN = 40_000  # a classifier sees so many items, each from 5 to 50 times
_MOST_FOR_COMPONENTS = 1000  # EfficientNet takes 17 ms an image


def choose_features(name: str, x: Tensor, labels: NDArray[Any] | None, seed: int) -> Features:
    """Learn features from real items, which are compared with none.

    Args:
        name: One of `FEATURE_NAMES`.
        x: Items as the networks see them.
        labels: Their classes, where known.
        seed: Of the classifier.

    Raises:
        DataError: A classifier without labels; items or labels that do not suffice for one, or
            are no images that EfficientNet reads.
        MissingExtraError: EfficientNet is not installed.
    """
    check_labelled(name, labels)
    if name == "efficientnet":
        return reduced_features(efficientnet_features(), x[:_MOST_FOR_COMPONENTS])
    if labels is None or name == "raw":
        return raw_features(x)
    classes = torch.from_numpy(np.unique(labels, return_inverse=True)[1])
    epochs = min(50, max(5, _ITEMS_SEEN // len(x)))
    return classifier_features(x, classes, epochs=epochs, seed=seed)


def check_labelled(name: str, labels: NDArray[Any] | None) -> None:
    """Refuse a classifier's features where there is nothing to classify.

    Raises:
        DataError: A classifier without labels.
    """
    if name == "classifier" and labels is None:
        raise DataError("features 'classifier' need labels, one class per item. Pass them.")
