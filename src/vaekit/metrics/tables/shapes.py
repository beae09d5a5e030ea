"""Shapes of columns, and how pairs of them go together."""

import itertools
from typing import Any

import numpy as np

from vaekit.metrics.tables.columns import Floats, check_tables, is_number, numbers_of, text_of

__all__ = ["shape_errors", "trend_errors"]

_BINS = 10


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
