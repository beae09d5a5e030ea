"""Synthetic items of some classes."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from vaekit.domains import Domain
from vaekit.presets import Preset
from vaekit.tasks.augmentation.makers import ClassMaker
from vaekit.training import TrainConfig

__all__ = ["synthesise"]


def synthesise(
    X: Any,
    y: Any,
    wanted: Mapping[Any, int],
    *,
    preset: str | Preset = "auto",
    domain: str | Domain = "auto",
    config: TrainConfig | None = None,
    screened: bool = True,
) -> tuple[Any, NDArray[Any]]:
    """Synthetic items of some classes, from one model of all items that is told the class.

    A small class borrows from the others what they have in common with it. Of several candidates
    each is kept with the probability that classifiers of the real items give to its class.

    Args:
        X: Items: a data frame, an array of numbers or images.
        y: The class of each.
        wanted: How many items of each class.
        preset: The model.
        domain: The kind of data.
        config: How to train.
        screened: Whether classifiers choose among candidates.

    Returns:
        Items in the form of X, and their classes.

    Raises:
        VaekitError: As of `fit_model`.
    """
    config = config or TrainConfig()
    maker = ClassMaker.fit(X, y, preset, domain, config, screened)
    return maker.make(wanted, config.seed)
