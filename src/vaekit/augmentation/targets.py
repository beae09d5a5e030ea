"""What augmented items are to predict, and what a classifier or regressor is worth."""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import is_frame
from vaekit.metrics.frames import for_trees

_MOST_CLASSES = 20


def as_frame(X: Any) -> Any:
    """An array of numbers as a data frame; anything else as it is."""
    if is_frame(X) or np.ndim(X) != 2:
        return X
    import pandas as pd

    array = np.asarray(X)
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])


def part(X: Any, positions: NDArray[np.int64]) -> Any:
    """Some of the items, in the form of the data."""
    return X.iloc[positions] if is_frame(X) else np.asarray(X)[positions]


def joined(old: Any, new: Any) -> Any:
    """Items one behind the other, in the form of the first."""
    if not is_frame(old):
        return np.concatenate([np.asarray(old), np.asarray(new)])
    import pandas as pd

    return pd.concat([old, new.astype(dict(old.dtypes))], ignore_index=True)


def is_numeric_target(y: Any) -> bool:
    """Whether targets are numbers to be told, not classes: fractions, or many whole numbers.

    Example:
        >>> is_numeric_target([0, 1, 1]), is_numeric_target([0.5, 1.2]), is_numeric_target(["a"])
        (False, True, False)
    """
    array = np.asarray(y)
    if array.dtype.kind not in "iuf":
        return False
    values = np.unique(array)
    return bool(len(values) > _MOST_CLASSES or (values != np.round(values)).any())


def classifier_score(
    judge: Any, X: Any, y: NDArray[Any], left_out: Any, truth: NDArray[Any]
) -> float:
    """Average precision of the class rarest in the truth; of more than two, the mean over them."""
    from sklearn.metrics import average_precision_score

    classifier, (seen, unseen) = _classifier(judge, X), _as_seen(X, left_out)
    classifier.fit(seen, y)
    scores, classes = classifier.predict_proba(unseen), classifier.classes_
    chosen = list(range(len(classes)))
    if len(classes) == 2:
        chosen = [int(np.argmin([(truth == label).sum() for label in classes]))]
    return float(
        np.mean([average_precision_score(truth == classes[i], scores[:, i]) for i in chosen])
    )


def regressor_score(
    judge: Any, X: Any, y: NDArray[Any], left_out: Any, truth: NDArray[Any]
) -> float:
    """Share of the variance of the truth that is explained (R2)."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.metrics import r2_score

    regressor = copy.deepcopy(judge) or HistGradientBoostingRegressor(
        categorical_features="from_dtype", random_state=0
    )
    seen, unseen = _as_seen(X, left_out)
    return float(r2_score(truth, regressor.fit(seen, y).predict(unseen)))


def _classifier(judge: Any, X: Any) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

    if judge is not None:
        return copy.deepcopy(judge)
    if np.ndim(X) > 2:
        return ExtraTreesClassifier(300, random_state=0)
    return HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)


def _as_seen(X: Any, left_out: Any) -> tuple[Any, Any]:
    """Items as classifiers read them: labels as categories, images as rows of pixels."""
    if is_frame(X):
        both = for_trees(joined(X, left_out))
        return both.iloc[: len(X)], both.iloc[len(X) :]
    seen, unseen = (np.asarray(part).reshape(len(part), -1) for part in (X, left_out))
    return seen, unseen
