"""How strongly the columns of a table go together, whatever they hold."""

from typing import Any

import numpy as np

from vaekit.errors import DataError
from vaekit.metrics.tables.columns import Floats, is_number, numbers_of, text_of

__all__ = ["associations"]


def associations(rows: Any) -> Any:
    """How strongly each pair of columns goes together, from 0 to 1; of two numbers from -1.

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
    """Numbers as floats, labels as codes."""
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
