"""What synthetic rows are worth to somebody who trains on them."""

from typing import Any

import numpy as np

from vaekit.errors import DataError, unknown_name
from vaekit.metrics.tables.columns import check_tables, is_number, numbers_of, text_of
from vaekit.metrics.tables.two_sample import for_trees

__all__ = ["train_on_synthetic"]

_FEW = 20  # so many different numbers are classes


def train_on_synthetic(synthetic: Any, real: Any, target: str) -> float:
    """How well boosted trees trained on synthetic rows predict a column of real ones.

    Compare with the same of other real rows in place of the synthetic ones.

    Args:
        synthetic: A pandas data frame to train on.
        real: One with the same columns, none of whose rows the synthetic ones were learnt from.
        target: The column to predict. Real rows without it are left out.

    Returns:
        Of labels the area under the curve, of several labels the mean over them, each against the
        others: 0.5 is chance, 1 at best. Of numbers the share of variance explained (R2): 0 is no
        better than the mean, 1 at best. Labels that synthetic rows lack count as not predicted.

    Raises:
        SpecError: No column has that name.
        DataError: Other columns, no rows, or a target without two values.

    Source: Esteban et al. 2017, "Real-valued (medical) time series generation with recurrent
    conditional GANs", section 4, for training on synthetic data and testing on real data.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"size": [1.0, 2.0, 8.0, 9.0] * 20, "kind": list("aabb") * 20})
        >>> train_on_synthetic(rows, rows, "kind")
        1.0
    """
    import pandas as pd

    check_tables(real, synthetic)
    if target not in real.columns:
        raise unknown_name("column", target, list(real.columns))
    real, synthetic = (rows[rows[target].notna()] for rows in (real, synthetic))
    answers = real[target]
    if answers.nunique() < 2:
        raise DataError(f"the target {target!r} must have two values; got {answers.unique()}.")
    columns = [name for name in real.columns if name != target]
    both = for_trees(pd.concat([synthetic[columns], real[columns]], ignore_index=True))
    seen, asked = both.iloc[: len(synthetic)], both.iloc[len(synthetic) :]
    if is_number(answers) and answers.nunique() > _FEW:
        return _explained(seen, numbers_of(synthetic[target]), asked, numbers_of(answers))
    return _told_apart(seen, text_of(synthetic[target]), asked, text_of(answers))


def _explained(seen: Any, known: Any, asked: Any, answers: Any) -> float:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.metrics import r2_score

    trees = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
    return float(r2_score(answers, trees.fit(seen, known).predict(asked)))


def _told_apart(seen: Any, known: Any, asked: Any, answers: Any) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    scores = {}
    if known.nunique() > 1:
        trees = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
        told = trees.fit(seen, known).predict_proba(asked)
        scores = dict(zip(trees.classes_, told.T, strict=True))
    chance = np.zeros(len(asked))
    labels = np.unique(answers)
    areas = [roc_auc_score(answers == label, scores.get(label, chance)) for label in labels]
    return float(np.mean(areas))
