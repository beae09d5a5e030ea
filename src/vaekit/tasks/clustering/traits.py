"""What sets clusters apart, and which items stand for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trait", "central_items", "traits"]


@dataclass(frozen=True)
class Trait:
    """In what a cluster differs from all other items.

    Attributes:
        name: A latent (``"z3"``) or a column of a table.
        difference: Mean inside less mean outside, in standard deviations over all items.
    """

    name: str
    difference: float

    def __str__(self) -> str:
        """As it is shown: ``z3 +1.8``."""
        return f"{self.name} {self.difference:+.1f}"


def traits(
    values: NDArray[np.float64], names: Sequence[str], inside: NDArray[np.bool_], most: int
) -> tuple[Trait, ...]:
    """In what some items differ most from the others, the largest difference first.

    Args:
        values: What may differ, shape (items, columns).
        names: One per column.
        inside: Which items, shape (items,).
        most: How many traits at most.

    Returns:
        Empty where no items are inside, or all. Columns without variance are left out.

    Example:
        >>> x = np.array([[0.0, 5.0], [0.0, 7.0], [2.0, 6.0], [2.0, 6.0]])
        >>> [str(trait) for trait in traits(x, ("a", "b"), np.array([1, 1, 0, 0], bool), 1)]
        ['a -2.0']
    """
    if not inside.any() or inside.all():
        return ()
    spread = values.std(0)
    varied = np.flatnonzero(spread > np.finfo(np.float32).eps * np.abs(values).max(0))
    apart = values[inside].mean(0) - values[~inside].mean(0)
    differences = apart[varied] / spread[varied]
    order = np.argsort(-np.abs(differences), kind="stable")[:most]
    return tuple(Trait(names[varied[i]], float(differences[i])) for i in order)


def central_items(z: NDArray[np.float64], inside: NDArray[np.bool_], most: int) -> tuple[int, ...]:
    """The items closest to the mean of a cluster, the closest first.

    Args:
        z: Latents, shape (items, latents).
        inside: Which items are in the cluster, shape (items,).
        most: How many at most.

    Example:
        >>> central_items(np.array([[0.0], [9.0], [1.0], [3.0]]), np.array([1, 0, 1, 1], bool), 2)
        (2, 0)
    """
    places = np.flatnonzero(inside)
    if not len(places):
        return ()
    distance = np.linalg.norm(z[places] - z[places].mean(0), axis=1)
    return tuple(int(i) for i in places[np.argsort(distance, kind="stable")[:most]])
