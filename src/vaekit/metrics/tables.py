"""How like real rows the rows of a synthetic table are."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError

__all__ = [
    "RowFidelity",
    "closest_record_share",
    "row_fidelity",
    "shape_errors",
    "trend_errors",
    "two_sample_auc",
]

_BINS = 10
_FOLDS = 5
_LEVELS = 30  # radii at which precision and recall are compared with what they should be
_CHUNK = 500

Floats = NDArray[np.float64]


def shape_errors(real: Any, synthetic: Any) -> dict[str, float]:
    """How far each column's distribution is from the real one, from 0 to 1.

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
    _check(real, synthetic)
    return {name: _shape_error(real[name], synthetic[name]) for name in real.columns}


def _shape_error(real: Any, synthetic: Any) -> float:
    from scipy.stats import ks_2samp

    if not _is_number(real):
        return _variation(_text(real), _text(synthetic))
    a, b = _numbers(real), _numbers(synthetic)
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
    _check(real, synthetic)
    pairs = itertools.combinations(real.columns, 2)
    codes = {name: _coded(real[name], synthetic[name]) for name in real.columns}
    found = {}
    for a, b in pairs:
        if _is_number(real[a]) and _is_number(real[b]):
            tables = (real, synthetic)
            ra, rs = (_correlation(_numbers(t[a]), _numbers(t[b])) for t in tables)
            found[a, b] = abs(ra - rs) / 2
        else:
            joint = (codes[a][i] + "\0" + codes[b][i] for i in (0, 1))
            found[a, b] = _variation(*joint)
    return found


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

    _check(real, synthetic)
    count = min(len(real), len(synthetic))
    rng = np.random.default_rng(seed)
    parts = [table.iloc[rng.permutation(len(table))[:count]] for table in (real, synthetic)]
    both = _trees_see(pd.concat(parts, ignore_index=True), real)
    is_synthetic = np.repeat([0, 1], count)
    trees = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=seed)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(trees, both, is_synthetic, cv=folds, method="predict_proba")
    return float(roc_auc_score(is_synthetic, scores[:, 1]))


@dataclass(frozen=True)
class RowFidelity:
    """Precision and recall of rows, each 1 at best.

    Attributes:
        alpha_precision: Whether synthetic rows lie where the real ones do, typical ones as often
            as typical.
        beta_recall: Whether the real rows lie where the synthetic ones do, rare ones included;
            less than 1 even for real rows, for which about 0.5 is usual.
    """

    alpha_precision: float
    beta_recall: float


def row_fidelity(real: Any, synthetic: Any) -> RowFidelity:
    """Alpha-precision and beta-recall of rows.

    Rows are compared as numbers between 0 and 1 (each in the range of the real column) beside
    one-hot labels.

    Args:
        real: A pandas data frame; best one that the synthetic rows were not learnt from.
        synthetic: One with the same columns.

    Raises:
        DataError: Other columns, or no rows.

    Source: Alaa et al. 2022, "How faithful is your synthetic data?", in its form without an
    embedding.
    """
    _check(real, synthetic)
    x, y = _vectors(real, real), _vectors(synthetic, real)
    levels = np.linspace(0, 1, _LEVELS)
    centre = x.mean(0)
    to_centre = np.linalg.norm(x - centre, axis=1)
    own = np.linalg.norm(y - centre, axis=1)
    precision = np.array([(own <= np.quantile(to_centre, level)).mean() for level in levels])
    _, nearest = _closest(x, y)
    spacing, _ = _closest(x, x, among_themselves=True)
    middle = y.mean(0)
    from_middle = np.linalg.norm(y - middle, axis=1)
    distance, _ = _closest(x, y)
    reached = from_middle[nearest]
    recall = np.array(
        [
            np.mean((distance <= spacing) & (reached <= np.quantile(from_middle, level)))
            for level in levels
        ]
    )
    step = 1 / (_LEVELS - 1)
    return RowFidelity(
        float(1 - 2 * np.abs(levels - precision).sum() * step),
        float(1 - 2 * np.abs(levels - recall).sum() * step),
    )


def closest_record_share(synthetic: Any, training: Any, held_out: Any) -> float:
    """The share of synthetic rows that are nearer to a training row than to any held-out one.

    A half says that the model knows training rows no better than others; much more says that it
    repeats them (above 0.57 is an alarm). As many training as held-out rows are compared.

    Args:
        synthetic: A pandas data frame.
        training: What the model learnt from.
        held_out: Other rows like those.

    Raises:
        DataError: Other columns, or no rows.

    Source: Platzer & Reutterer 2021, "Holdout-based empirical assessment of mixed-type synthetic
    data".
    """
    _check(training, synthetic)
    _check(training, held_out)
    count = min(len(training), len(held_out))
    y = _vectors(synthetic, training)
    near, far = (_closest(y, _vectors(t.iloc[:count], training))[0] for t in (training, held_out))
    return float((near < far).mean() + (near == far).mean() / 2)


def _check(real: Any, synthetic: Any) -> None:
    lacking = [name for name in real.columns if name not in synthetic.columns]
    if lacking:
        raise DataError(f"both tables must have the same columns; {lacking} are in one only.")
    if not len(real) or not len(synthetic):
        raise DataError(f"tables must have rows; got {len(real)} and {len(synthetic)}.")


def _is_number(values: Any) -> bool:
    import pandas.api.types as kinds

    is_time = kinds.is_datetime64_any_dtype(values) or kinds.is_timedelta64_dtype(values)
    return is_time or (kinds.is_numeric_dtype(values) and not kinds.is_bool_dtype(values))


def _numbers(values: Any) -> Floats:
    """As floats, times as nanoseconds, NaN where missing."""
    import pandas.api.types as kinds

    if kinds.is_numeric_dtype(values):
        array: Floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return array
    moments = values.astype("int64").to_numpy(dtype=np.float64)
    return np.where(values.isna(), np.nan, moments)


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

    if not _is_number(real):
        return _text(real), _text(synthetic)
    numbers = _numbers(real)
    edges = np.histogram_bin_edges(numbers[~np.isnan(numbers)], bins=_BINS)
    coded = [pd.Series(np.digitize(_numbers(c), edges)).astype(str) for c in (real, synthetic)]
    return coded[0].set_axis(real.index), coded[1].set_axis(synthetic.index)


def _trees_see(rows: Any, real: Any) -> Any:
    """Numbers as floats, labels as categories; the 250 most frequent ones, as trees allow."""
    import pandas as pd

    seen: dict[str, Any] = {}
    for name in real.columns:
        if _is_number(real[name]):
            seen[name] = _numbers(rows[name])
            continue
        text = _text(rows[name])
        frequent = text.value_counts().index[:250]
        seen[name] = pd.Categorical(text.where(text.isin(frequent), "(other)"))
    return pd.DataFrame(seen)


def _vectors(rows: Any, real: Any) -> Floats:
    parts = []
    for name in real.columns:
        if _is_number(real[name]):
            numbers, own = _numbers(rows[name]), _numbers(real[name])
            low, high = np.nanmin(own), np.nanmax(own)
            scaled = (numbers - low) / (high - low if high > low else 1.0)
            parts += [np.nan_to_num(scaled)[:, None], np.isnan(numbers)[:, None].astype(float)]
        else:
            text, known = (_text(t[name]).to_numpy(dtype=str) for t in (rows, real))
            parts.append((text[:, None] == np.unique(known)).astype(float))
    return np.concatenate(parts, axis=1)


def _text(values: Any) -> Any:
    """A column as text, missing cells included."""
    return values.astype(object).where(values.notna(), "(missing)").astype(str)


def _closest(
    rows: Floats, others: Floats, among_themselves: bool = False
) -> tuple[Floats, NDArray[np.int64]]:
    """Distance and place of the nearest of the others."""
    from sklearn.neighbors import NearestNeighbors

    finder = NearestNeighbors(n_neighbors=1 + among_themselves).fit(others)
    distances, places = finder.kneighbors(rows)
    return distances[:, -1], places[:, -1]
