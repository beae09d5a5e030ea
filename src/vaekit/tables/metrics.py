"""How like real rows synthetic rows are: shapes, associations, two-sample tests, usefulness."""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import for_trees, is_number, numbers_of, text_of
from vaekit.errors import DataError, unknown_name

Floats = NDArray[np.float64]


def check_tables(real: Any, synthetic: Any) -> None:
    """Refuse tables of other columns, or without rows."""
    lacking = [name for name in real.columns if name not in synthetic.columns]
    if lacking:
        raise DataError(f"both tables must have the same columns; {lacking} are in one only.")
    if not len(real) or not len(synthetic):
        raise DataError(f"tables must have rows; got {len(real)} and {len(synthetic)}.")


_BINS = 10


def shape_errors(real: Any, synthetic: Any) -> dict[str, float]:
    """Return how far each column's distribution is from the real one, from 0 to 1.

    For numbers and times the Kolmogorov-Smirnov distance of the cells that are not missing, for
    anything else the total variation distance of the shares, missing cells among them.

    Args:
        real: A pandas data frame.
        synthetic: One with the same columns.

    Raises:
        DataError: Other columns, or no rows.

    Source: Patki et al. 2016, "The synthetic data vault", as in SDMetrics' column shapes.

    Example:
        >>> import pandas as pd
        >>> shape_errors(pd.DataFrame({"a": list("xxyy")}), pd.DataFrame({"a": list("xxxy")}))
        {'a': 0.25}
    """
    check_tables(real, synthetic)
    return {name: _shape_error(real[name], synthetic[name]) for name in real.columns}


def _shape_error(real: Any, synthetic: Any) -> float:
    from scipy.stats import ks_2samp

    if not is_number(real):
        return _variation(text_of(real), text_of(synthetic))
    a, b = numbers_of(real), numbers_of(synthetic)
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    return (
        float(ks_2samp(a, b, method="asymp").statistic)
        if len(a) and len(b)
        else float(len(a) != len(b))
    )


def trend_errors(real: Any, synthetic: Any) -> dict[tuple[str, str], float]:
    """How far each pair of columns goes together otherwise than in the real table, from 0 to 1.

    For two numbers half the difference of their correlations; for other pairs the total variation
    distance of the shares of their combinations, numbers in ten bins of equal width.

    Args:
        real: A pandas data frame.
        synthetic: One with the same columns.

    Raises:
        DataError: Other columns, or no rows.

    Source: SDMetrics' column pair trends.

    Example:
        >>> import pandas as pd
        >>> real = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]})
        >>> round(trend_errors(real, real.assign(b=[3.0, 2.0, 1.0]))["a", "b"], 6)
        1.0
    """
    check_tables(real, synthetic)
    pairs = itertools.combinations(real.columns, 2)
    codes = {name: _coded(real[name], synthetic[name]) for name in real.columns}
    found = {}
    for a, b in pairs:
        if is_number(real[a]) and is_number(real[b]):
            tables = (real, synthetic)
            ra, rs = (_correlation(numbers_of(t[a]), numbers_of(t[b])) for t in tables)
            found[a, b] = abs(ra - rs) / 2
        else:
            joint = (codes[a][i] + "\0" + codes[b][i] for i in (0, 1))
            found[a, b] = _variation(*joint)
    return found


def _variation(a: Any, b: Any) -> float:
    """Total variation distance of the shares of two columns of text."""
    shares = [column.value_counts(normalize=True) for column in (a, b)]
    difference = shares[0].subtract(shares[1], fill_value=0.0).abs()
    return float(difference.sum() / 2)


def _correlation(a: Floats, b: Floats) -> float:
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = a[known], b[known]
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _coded(real: Any, synthetic: Any) -> tuple[Any, Any]:
    """Two columns as text, numbers by their bin."""
    import pandas as pd

    if not is_number(real):
        return text_of(real), text_of(synthetic)
    numbers = numbers_of(real)
    edges = np.histogram_bin_edges(numbers[~np.isnan(numbers)], bins=_BINS)
    coded = [pd.Series(np.digitize(numbers_of(c), edges)).astype(str) for c in (real, synthetic)]
    return coded[0].set_axis(real.index), coded[1].set_axis(synthetic.index)


def associations(rows: Any) -> Any:
    """Return how strongly each pair of columns goes together, from 0 to 1; of two numbers from -1.

    Two columns of numbers or times by Pearson's correlation of the rows that have both; a number
    and a label by the correlation ratio, the root of the share of the number's variance that the
    label explains; two labels by Cramér's V with Bergsma's correction for chance. A missing label
    is a label of its own. Of a column without variety it is 0.

    Args:
        rows: A pandas data frame.

    Returns:
        A square data frame with names of columns on both sides, symmetric, 1 on its diagonal.

    Raises:
        DataError: No columns, or fewer than 2 rows.

    Source: Bergsma 2013, "A bias-correction for Cramér's V and Tschuprow's T".

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"size": [1.0, 1.0, 3.0, 3.0], "kind": list("aabb")})
        >>> associations(rows).loc["size", "kind"]
        np.float64(1.0)
    """
    import pandas as pd

    names = list(rows.columns)
    if not names or len(rows) < 2:
        raise DataError(f"associations need columns and 2 rows; got {len(names)}, {len(rows)}.")
    columns = {name: _read(rows[name]) for name in names}
    found = np.eye(len(names))
    for i, a in enumerate(names):
        for j, b in enumerate(names[:i]):
            found[i, j] = found[j, i] = _strength(columns[a], columns[b])
    return pd.DataFrame(found, index=names, columns=names)


def _read(values: Any) -> Any:
    """Return numbers as floats, labels as codes."""
    import pandas as pd

    return numbers_of(values) if is_number(values) else pd.factorize(text_of(values))[0]


def _strength(a: Any, b: Any) -> float:
    known = ~(_missing(a) | _missing(b))
    a, b = a[known], b[known]
    if len(a) < 2 or not np.ptp(a) or not np.ptp(b):
        return 0.0
    labels = [values for values in (a, b) if values.dtype.kind == "i"]
    if not labels:
        return float(np.corrcoef(a, b)[0, 1])
    if len(labels) == 2:
        return _cramers_v(a, b)
    return _correlation_ratio(labels[0], b if labels[0] is a else a)


def _missing(values: Any) -> Any:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)


def _correlation_ratio(codes: Any, numbers: Floats) -> float:
    counts = np.bincount(codes)
    means = np.bincount(codes, numbers - numbers.mean()) / np.maximum(counts, 1)
    return float(np.sqrt(min(1.0, (counts * means**2).sum() / (len(numbers) * numbers.var()))))


def _cramers_v(a: Any, b: Any) -> float:
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1)
    joint = joint[joint.any(1)][:, joint.any(0)] / len(a)
    expected = joint.sum(1, keepdims=True) * joint.sum(0)
    phi = ((joint - expected) ** 2 / expected).sum()
    sizes = np.array(joint.shape)
    by_chance = (sizes - 1).prod() / (len(a) - 1)
    corrected = sizes - (sizes - 1) ** 2 / (len(a) - 1)
    least = corrected.min() - 1
    return float(np.sqrt(min(1.0, max(0.0, phi - by_chance) / least))) if least > 0 else 0.0


_FOLDS = 5


def two_sample_auc(real: Any, synthetic: Any, seed: int = 0) -> float:
    """Return how well boosted trees tell synthetic rows from real ones: 0.5 not at all, 1 always.

    Area under the curve of predictions for rows left out, in five folds; as many rows of each as
    the smaller table has. Trees see what goes together, which a logistic regression does not:
    columns drawn independently pass it.

    Args:
        real: A pandas data frame; best one that the synthetic rows were not learned from.
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


_FEW = 20  # so many different numbers are classes


def train_on_synthetic(synthetic: Any, real: Any, target: str) -> float:
    """Return how well boosted trees trained on synthetic rows predict a column of real ones.

    Compare with the same of other real rows in place of the synthetic ones.

    Args:
        synthetic: A pandas data frame to train on.
        real: One with the same columns, none of whose rows the synthetic ones were learned from.
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
    return _class_auc(seen, text_of(synthetic[target]), asked, text_of(answers))


def _explained(seen: Any, known: Any, asked: Any, answers: Any) -> float:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.metrics import r2_score

    trees = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
    return float(r2_score(answers, trees.fit(seen, known).predict(asked)))


def _class_auc(seen: Any, known: Any, asked: Any, answers: Any) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    scores = {}
    if known.nunique() > 1:
        trees = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
        probabilities = trees.fit(seen, known).predict_proba(asked)
        scores = dict(zip(trees.classes_, probabilities.T, strict=True))
    chance = np.zeros(len(asked))
    labels = np.unique(answers)
    areas = [roc_auc_score(answers == label, scores.get(label, chance)) for label in labels]
    return float(np.mean(areas))
