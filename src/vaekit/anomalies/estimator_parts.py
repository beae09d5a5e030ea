"""What the detector chooses by the data, and holds out."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vaekit.anomalies.inputs import AnomalyScore
from vaekit.anomalies.patches import PatchDistance
from vaekit.anomalies.scores import SCORES
from vaekit.domains.base import Domain
from vaekit.domains.checks import as_numbers, is_frame
from vaekit.domains.hooks import DetectorDefaults
from vaekit.errors import CompositionError, SpecError


def resolve_defaults(
    domain: Domain, clean: bool, X: Any, method: str | AnomalyScore = "auto"
) -> DetectorDefaults:
    """Return what suits items of a kind.

    Args:
        domain: The kind.
        clean: Whether the training items are known to be normal.
        X: The training items.
        method: What tells anomalies: ``"auto"``, one of `SCORES`, or a score of your own.

    Raises:
        CompositionError: Patches of items that are no images.
    """
    parts = SCORES.get(method, ()) if isinstance(method, str) else (method,)
    is_local = any(isinstance(part, PatchDistance) for part in parts)
    if is_local and not domain.draws_images:
        raise CompositionError(
            f"patches are of images; these items are none, but {type(domain).__name__}. Use "
            "another method, or method='auto'."
        )
    if method == "auto":
        found = domain.detector_defaults(clean, X)
    else:
        found = domain.defaults_of_method(is_local, clean, X)
        found = found._replace(score=method) if isinstance(method, str) else found
    # Nobody draws new items from a detector: a density that takes no time to fit will do.
    return found._replace(preset=replace(found.preset, prior="gaussian"))


PARTS = 5
"""Of so many equal parts of the items one is held out."""

_FEWEST = 20


def held_out_count(items: int, rate: float) -> int:
    """Return how many of so many items to hold out, for a false-alarm rate.

    Raises:
        SpecError: It would be more than half of them.

    Example:
        >>> held_out_count(1000, 0.01)
        200
    """
    count = max(_FEWEST, int(np.ceil(1 / rate)) - 1, items // PARTS)
    if count > items // 2:
        raise SpecError(
            f"a false-alarm rate of {rate} needs {count} items to compare with, at most half "
            f"of all; got {items} items. Ask for a higher rate, or pass more items."
        )
    return count


def _check_parts(domain: Domain) -> None:
    """Refuse items that cannot be held out at random.

    Raises:
        CompositionError: Windows of one series.
    """
    if domain.items_overlap:
        raise CompositionError(
            "a false-alarm rate holds items out at random, and the windows of one series overlap. "
            "Choose a contamination, or a threshold for events."
        )


def split_off(X: Any, domain: Domain, rate: float | None, seed: int) -> tuple[Any, Any]:
    """Items to learn from, and, for a false-alarm rate, items to compare with, else ``None``.

    Raises:
        CompositionError: Windows of one series, which overlap.
        SpecError: Too few items for the rate.
    """
    if rate is None:
        return X, None
    _check_parts(domain)
    return parted(X, held_out_count(len(X), rate), seed)


def parted(X: Any, count: int, seed: int) -> tuple[Any, Any]:
    """Return all items but so many, chosen at random, and those."""
    X = X if is_frame(X) else as_numbers(X) if isinstance(X, Tensor) else np.asarray(X)
    order = np.random.default_rng(seed).permutation(len(X))
    return _at(X, order[count:]), _at(X, order[:count])


def _at(items: Any, positions: NDArray[np.int64]) -> Any:
    return items.iloc[positions] if is_frame(items) else items[positions]
