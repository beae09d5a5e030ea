"""Synthetic items of some classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains import Domain
from vaekit.domains.checks import is_frame
from vaekit.presets import Preset
from vaekit.tasks.fitting import Plan, fit_model
from vaekit.training import TrainConfig

__all__ = ["joined", "part", "synthesise"]


def synthesise(
    X: Any,
    y: Any,
    wanted: Mapping[Any, int],
    *,
    preset: str | Preset = "auto",
    domain: str | Domain = "auto",
    config: TrainConfig | None = None,
) -> tuple[Any, NDArray[Any]]:
    """Synthetic items of some classes, from one model of all items that is told the class.

    A small class borrows from the others what they have in common with it.

    Args:
        X: Items: a data frame, an array of numbers or images.
        y: The class of each.
        wanted: How many items of each class.
        preset: The model.
        domain: The kind of data.
        config: How to train.

    Returns:
        Items in the form of X, and their classes.

    Raises:
        VaekitError: As of `fit_model`.
    """
    config = config or TrainConfig()
    labels = np.asarray(y)
    frame = X if is_frame(X) or np.ndim(X) != 2 else _frame_of(X)
    kind = "table" if is_frame(frame) and domain == "auto" else domain
    fitted = fit_model(Plan(preset, domain=kind), frame, labels.astype(str), config)
    classes = np.repeat(np.array(list(wanted), dtype=labels.dtype), list(wanted.values()))
    rows = fitted.trained.sample(len(classes), classes.astype(str), config.seed, "fitted")
    return (rows if is_frame(X) or frame is X else rows.to_numpy(np.asarray(X).dtype)), classes


def _frame_of(X: Any) -> Any:
    """An array of numbers as a data frame."""
    import pandas as pd

    array = np.asarray(X)
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])


def part(X: Any, places: NDArray[np.int64]) -> Any:
    """Some of the items, in the form of the data."""
    return X.iloc[places] if is_frame(X) else np.asarray(X)[places]


def joined(old: Any, new: Any) -> Any:
    """Items one behind the other, in the form of the first."""
    if not is_frame(old):
        return np.concatenate([np.asarray(old), np.asarray(new)])
    import pandas as pd

    return pd.concat([old, new.astype(dict(old.dtypes))], ignore_index=True)
