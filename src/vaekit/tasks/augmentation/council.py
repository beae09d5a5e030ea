"""Estimators of several kinds, trained on real items, that judge synthetic ones."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import is_frame
from vaekit.metrics import for_trees
from vaekit.tasks.augmentation.forms import joined

__all__ = ["class_probabilities", "told_numbers"]

Floats = NDArray[np.float64]

_TREES, _LEAF = 300, 2
_MOST_LABELS = 50  # of a column, that a linear model tells apart
_STRENGTHS = np.logspace(-2, 3, 11)  # of the penalty of a ridge regression


def class_probabilities(X: Any, y: NDArray[Any], made: Any) -> Floats:
    """How probable each class is for synthetic items, the mean over three classifiers.

    Args:
        X: Real items: a data frame or images.
        y: The class of each.
        made: Synthetic items in the same form.

    Returns:
        Shape (items, classes), classes in rising order.
    """
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    real, asked = _as_seen(X, made)
    members = [
        _encoded(real, ExtraTreesClassifier(_TREES, min_samples_leaf=_LEAF, random_state=0)),
        _encoded(real, LogisticRegression(max_iter=500)),
    ]
    if is_frame(X):
        members.append(_boosted(HistGradientBoostingClassifier))
    mean: Floats = np.mean([_fitted(m, real, y).predict_proba(asked) for m in members], axis=0)
    return mean


def told_numbers(X: Any, y: NDArray[Any], made: Any) -> Floats:
    """What three regressors tell of synthetic rows, on average.

    Args:
        X: Real rows, a data frame.
        y: The number of each.
        made: Synthetic rows.

    Returns:
        Shape (rows,).
    """
    from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV

    real, asked = _as_seen(X, made)
    members = [
        _encoded(real, ExtraTreesRegressor(_TREES, min_samples_leaf=_LEAF, random_state=0)),
        _encoded(real, RidgeCV(_STRENGTHS)),
        _boosted(HistGradientBoostingRegressor),
    ]
    mean: Floats = np.mean([_fitted(m, real, y).predict(asked) for m in members], axis=0)
    return mean


def _as_seen(X: Any, made: Any) -> tuple[Any, Any]:
    """Labels as categories, images as rows of pixels."""
    if not is_frame(X):
        real, asked = (np.asarray(items).reshape(len(items), -1) for items in (X, made))
        return real, asked
    rows = for_trees(joined(X, made))
    return rows.iloc[: len(X)], rows.iloc[len(X) :]


def _boosted(kind: Any) -> Any:
    return kind(categorical_features="from_dtype", early_stopping=False, random_state=0)


def _encoded(rows: Any, estimator: Any) -> Any:
    """An estimator that reads labels as one-hot columns, and numbers of the same spread."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    if not is_frame(rows):
        return make_pipeline(numbers, estimator)
    hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=_MOST_LABELS, sparse_output=False
    )
    labels = make_column_selector(dtype_include="category")
    return make_pipeline(make_column_transformer((hot, labels), remainder=numbers), estimator)


def _fitted(estimator: Any, X: Any, y: NDArray[Any]) -> Any:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its vote is as good
        return estimator.fit(X, y)
