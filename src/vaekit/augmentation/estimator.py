"""Over-sampling as imbalanced-learn does it."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_consistent_length, validate_data

from vaekit.augmentation.augment_table import (
    Strategy,
    counts_of,
    plain_labels,
    wanted_counts,
)
from vaekit.augmentation.generators import ClassMaker, concatenate_items
from vaekit.domains.checks import (
    check_column_names,
    frame_like,
    is_foreign_table,
    is_frame,
    plain_frame,
    with_text_names,
)
from vaekit.errors import DataError, SpecError
from vaekit.presets.base import Preset
from vaekit.training.callbacks import Callback, CallbackList
from vaekit.training.config import TrainConfig


class VAEOverSampler(BaseEstimator):
    """Adds synthetic rows of small classes, made by one model of all rows that is told the class.

    It has imbalanced-learn's manners (`fit_resample`, ``sampling_strategy``, ``random_state``) and
    stands in its pipelines, but does not need it. Whether it helps,
    `vaekit.augmentation.augment` measures. It takes no ``sample_weight``: how many rows of a class
    there are to be, ``sampling_strategy`` says.

    Args:
        sampling_strategy: Which classes to bring up to the largest: ``"auto"``, ``"not majority"``
            or ``"all"`` all others, ``"minority"`` the smallest, ``"not minority"`` all but the
            smallest. For two classes a share of the largest; a dict of how many rows each class is
            to have; or a function of ``y`` that returns one. ``"double"``, which imbalanced-learn
            does not have, adds as many as the largest has to each.
        preset: The model; ``"auto"`` takes what suits the data.
        screened: Whether classifiers trained on the real rows choose among candidates.
        max_epochs: Passes over the rows; ``None`` takes what suits the model.
        seed: Seed of everything random.
        random_state: Another name of the seed, which imbalanced-learn has: a whole number, or a
            ``RandomState`` or ``Generator`` of which one is drawn at each call. ``None`` leaves it
            to ``seed``.
        progress: Show a bar; ``None`` does so on a terminal.
        callbacks: `Callback` objects, called while `fit_resample` trains. They are neither stored
            nor copied.

    Attributes:
        sampling_strategy_: How many rows of each class were added.
        n_features_in_: How many columns there are.
        feature_names_in_: Their names, where all are text.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X, y = rng.normal(size=(200, 3)), np.array(["no"] * 180 + ["yes"] * 20)
        >>> more, labels = VAEOverSampler(max_epochs=2, progress=False).fit_resample(X, y)
        >>> more.shape, (labels == "yes").sum()
        ((360, 3), np.int64(180))
    """

    def __init__(
        self,
        sampling_strategy: Strategy = "auto",
        *,
        preset: str | Preset = "auto",
        screened: bool = True,
        max_epochs: int | None = None,
        seed: int = 0,
        random_state: Any = None,
        progress: bool | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.preset = preset
        self.screened = screened
        self.max_epochs = max_epochs
        self.seed = seed
        self.random_state = random_state
        self.progress = progress
        self.callbacks = callbacks

    def fit(self, X: Any, y: Any) -> Self:
        """Check rows and classes, and count what is wanted, as imbalanced-learn's samplers do.

        Nothing is trained; `fit_resample` does all of it.

        Args:
            X: As of `fit_resample`.
            y: The class of each row.
        """
        self._checked(X, y, least=1)
        return self

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return the rows, and behind them the synthetic ones.

        Args:
            X: A data frame, an array of numbers, or images. A sparse matrix is made dense for the
                model, and comes back sparse, in its own format.
            y: The class of each row: an array, a list, a series, or a data frame of one column.

        Returns:
            Rows and classes, in the form in which they came.

        Raises:
            VaekitError: As of `vaekit.augmentation.wanted_counts` and `Autoencoder.fit`.
        """
        rows, labels = self._checked(X, y)
        named = with_text_names(rows) if is_frame(rows) else rows
        wanted = self.sampling_strategy_
        if not wanted:
            return X, y
        config = TrainConfig(max_epochs=self.max_epochs, seed=self._seed(), progress=self.progress)
        maker = ClassMaker.fit(
            named, labels, self.preset, "auto", config, self.screened, self.callbacks
        )
        with CallbackList(self.callbacks).ending(self):
            made, classes = maker.make(wanted, config.seed)
            if is_frame(rows):
                made = made.set_axis(rows.columns, axis=1)
            return _append_rows(X, rows, made), _append_labels(y, classes)

    def _checked(self, X: Any, y: Any, least: int = 2) -> tuple[Any, NDArray[Any]]:
        """Return rows that a model can be trained on, and their classes."""
        rows = X.toarray() if scipy.sparse.issparse(X) else plain_frame(X)
        check_column_names(rows)
        if is_frame(rows):
            validate_data(self, rows, reset=True, skip_check_array=True)
        else:
            rows = validate_data(
                self,
                rows,
                allow_nd=True,
                dtype=None,
                ensure_all_finite="allow-nan",
                ensure_min_samples=2,
            )
        if y is None:
            raise DataError(
                "VAEOverSampler requires y to be passed, but the target y is None. Pass the class "
                "of each row."
            )
        check_consistent_length(rows, y)
        labels = _classes(y)
        self._seed(draw=False)
        counts = counts_of(labels, least)
        self.sampling_strategy_ = wanted_counts(counts, self.sampling_strategy, y)
        return rows, labels

    def _seed(self, *, draw: bool = True) -> int:
        """Return the seed, by either of its names.

        Raises:
            SpecError: Both are given and differ, or the state is of no known kind.
        """
        state = self.random_state
        if state is None:
            return self.seed
        if isinstance(state, np.random.RandomState | np.random.Generator):
            if not draw:
                return self.seed
            if isinstance(state, np.random.RandomState):
                return int(state.randint(2**31 - 1))
            return int(state.integers(2**31 - 1))
        if not isinstance(state, int | np.integer) or isinstance(state, bool) or state < 0:
            raise SpecError(
                "random_state must be None, a whole number of at least 0, a RandomState or a "
                f"Generator; got {state!r}."
            )
        if self.seed not in (0, state):
            raise SpecError(
                f"seed and random_state are two names of one number; got {self.seed} and {state}. "
                "Leave one of them out."
            )
        return int(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.one_d_labels = True
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _classes(y: Any) -> NDArray[Any]:
    """Return classes with one axis.

    Raises:
        DataError: Several columns, or numbers that are no classes.
    """
    array = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"y must have one class for each row; got shape {array.shape}. Pass one column of "
            "classes, not one column for each class."
        )
    labels = plain_labels(array)
    kind = type_of_target(labels)
    if kind.startswith("continuous"):
        raise DataError(
            f"y must be classes; got fractions, {labels[0]!r} first (Unknown label type: "
            f"{kind}). Make classes of them, or use vaekit.augmentation.augment, which takes "
            "numbers as well."
        )
    return labels


def _append_rows(given: Any, rows: Any, made: Any) -> Any:
    """Rows one behind the other, in the form of those given."""
    if scipy.sparse.issparse(given):
        more = scipy.sparse.csr_matrix(np.asarray(made, dtype=given.dtype))
        both = scipy.sparse.vstack([given, more], format=given.format)
        return both if isinstance(both, type(given)) else type(given)(both)
    if is_foreign_table(given):
        return frame_like(concatenate_items(rows, made), given)
    both = concatenate_items(given if is_frame(given) else rows, made)
    return both.tolist() if isinstance(given, list) else both


def _append_labels(old: Any, new: NDArray[Any]) -> Any:
    """Classes one behind the other, in the form, name and dtype of the first."""
    if isinstance(old, list):
        return [*old, *new.tolist()]
    if not type(old).__module__.startswith("pandas"):
        array = np.asarray(old)
        return np.concatenate([array, new.astype(array.dtype).reshape(-1, *array.shape[1:])])
    import pandas as pd

    if is_frame(old):
        name = old.columns[0]
        return _append_labels(old[name], new).to_frame(name)
    added = pd.Series(new, name=old.name).astype(old.dtype)
    return pd.concat([old, added], ignore_index=True)
