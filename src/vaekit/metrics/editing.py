"""How well an edit changes what it should and keeps the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped
from numpy.typing import NDArray
from torch import Tensor

from vaekit.metrics.attributes import AttributeClassifier

__all__ = ["EditScores", "edit_scores", "flip_rate", "identity_distance", "kept_shares"]

Told = Mapping[str, NDArray[np.str_]]


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


def flip_rate(told: NDArray[np.str_], to: str) -> float:
    """Share of the items that are told to have the new label.

    Example:
        >>> flip_rate(np.array(["smile", "frown"]), "smile")
        0.5
    """
    return float((told == to).mean())


def kept_shares(before: Told, after: Told) -> dict[str, float]:
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
