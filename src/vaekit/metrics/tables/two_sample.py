"""Whether trees tell synthetic rows from real ones."""

from typing import Any

import numpy as np

from vaekit.metrics.tables.columns import check_tables, is_number, numbers_of, text_of

__all__ = ["for_trees", "two_sample_auc"]

_FOLDS = 5


def two_sample_auc(real: Any, synthetic: Any, seed: int = 0) -> float:
    """How well boosted trees tell synthetic rows from real ones: 0.5 not at all, 1 always.

    Area under the curve of predictions for rows left out, in five folds; as many rows of each as
    the smaller table has. Trees see what goes together, which a logistic regression does not:
    columns drawn independently pass it.

    Args:
        real: A pandas data frame; best one that the synthetic rows were not learnt from.
        synthetic: One with the same columns.
        seed: Of the choice of rows and of the folds.

    Raises:
        DataError: Other columns, or no rows.

    Source: Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample tests".
    """
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    check_tables(real, synthetic)
    count = min(len(real), len(synthetic))
    rng = np.random.default_rng(seed)
    parts = [table.iloc[rng.permutation(len(table))[:count]] for table in (real, synthetic)]
    both = for_trees(pd.concat([p[list(real.columns)] for p in parts], ignore_index=True))
    is_synthetic = np.repeat([0, 1], count)
    trees = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=seed)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(trees, both, is_synthetic, cv=folds, method="predict_proba")
    return float(roc_auc_score(is_synthetic, scores[:, 1]))


def for_trees(rows: Any) -> Any:
    """A table as boosted trees read it: numbers as floats, labels as categories.

    Of labels the 250 most frequent are told apart, which is all that scikit-learn's trees allow.

    Args:
        rows: A pandas data frame.
    """
    import pandas as pd

    seen: dict[str, Any] = {}
    for name in rows.columns:
        if is_number(rows[name]):
            seen[name] = numbers_of(rows[name])
            continue
        text = text_of(rows[name]).reset_index(drop=True)
        frequent = text.value_counts().index[:250]
        seen[name] = pd.Categorical(text.where(text.isin(frequent), "(other)"))
    return pd.DataFrame(seen)
