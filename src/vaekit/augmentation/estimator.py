"""Over-sampling as imbalanced-learn does it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length

from vaekit.augmentation.augment_table import counts_of, synthesize, wanted_counts
from vaekit.augmentation.generators import concatenate_items
from vaekit.presets.base import Preset
from vaekit.training.config import TrainConfig


class VAEOverSampler(BaseEstimator):
    """Adds synthetic rows of small classes, made by one model of all rows that is told the class.

    It has imbalanced-learn's manners (`fit_resample`, ``sampling_strategy``) and stands in its
    pipelines, but does not need it. Whether it helps, `vaekit.augmentation.augment` measures.

    Args:
        sampling_strategy: ``"auto"`` brings all classes up to the largest, ``"minority"`` the
            smallest one; ``"all"`` adds as many as the largest has to each. For two classes a
            share of the largest; or a dict of how many rows each class is to have.
        preset: The model; ``"auto"`` takes what suits the data.
        screened: Whether classifiers trained on the real rows choose among candidates.
        max_epochs: Passes over the rows; ``None`` takes what suits the model.
        seed: Seed of everything random.
        progress: Show a bar; ``None`` does so on a terminal.

    Attributes:
        sampling_strategy_: How many rows of each class were added.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X, y = rng.normal(size=(200, 3)), np.array(["no"] * 180 + ["yes"] * 20)
        >>> more, labels = VAEOverSampler(max_epochs=2, progress=False).fit_resample(X, y)
        >>> more.shape, (labels == "yes").sum()
        ((360, 3), np.int64(180))
    """

    def __init__(
        self,
        sampling_strategy: str | float | Mapping[Any, int] = "auto",
        *,
        preset: str | Preset = "auto",
        screened: bool = True,
        max_epochs: int | None = None,
        seed: int = 0,
        progress: bool | None = None,
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.preset = preset
        self.screened = screened
        self.max_epochs = max_epochs
        self.seed = seed
        self.progress = progress

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return the rows, and behind them the synthetic ones.

        Args:
            X: A data frame, an array of numbers, or images.
            y: The class of each row: an array or a series.

        Returns:
            Rows and classes, in the form in which they came.

        Raises:
            VaekitError: As of `vaekit.augmentation.wanted_counts` and `Autoencoder.fit`.
        """
        check_consistent_length(X, y)
        wanted = wanted_counts(counts_of(y), self.sampling_strategy)
        self.sampling_strategy_ = wanted
        if not wanted:
            return X, y
        config = TrainConfig(max_epochs=self.max_epochs, seed=self.seed, progress=self.progress)
        rows, classes = synthesize(
            X, y, wanted, preset=self.preset, config=config, screened=self.screened
        )
        return concatenate_items(X, rows), _labels_joined(y, classes)


def _labels_joined(old: Any, new: Any) -> Any:
    """Classes one behind the other, in the form of the first."""
    if not type(old).__module__.startswith("pandas"):
        return np.concatenate([np.asarray(old), new])
    import pandas as pd

    added = pd.Series(new, name=old.name).astype(old.dtype)
    return pd.concat([old, added], ignore_index=True)
