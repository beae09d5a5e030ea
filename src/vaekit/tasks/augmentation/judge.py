"""What a classifier or a regressor is worth."""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import is_frame
from vaekit.metrics import for_trees
from vaekit.tasks.augmentation.forms import joined

__all__ = ["classifier_score", "regressor_score"]


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
