"""What rows lie near each other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.metrics.tables.columns import Floats, check_tables, is_number, numbers_of, text_of

__all__ = ["RowFidelity", "closest_record_share", "row_fidelity"]

_LEVELS = 30  # radii at which precision and recall are compared with what they should be


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
    check_tables(real, synthetic)
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
    check_tables(training, synthetic)
    check_tables(training, held_out)
    count = min(len(training), len(held_out))
    y = _vectors(synthetic, training)
    near, far = (_closest(y, _vectors(t.iloc[:count], training))[0] for t in (training, held_out))
    return float((near < far).mean() + (near == far).mean() / 2)


def _vectors(rows: Any, real: Any) -> Floats:
    parts = []
    for name in real.columns:
        if is_number(real[name]):
            numbers, own = numbers_of(rows[name]), numbers_of(real[name])
            low, high = np.nanmin(own), np.nanmax(own)
            scaled = (numbers - low) / (high - low if high > low else 1.0)
            parts += [np.nan_to_num(scaled)[:, None], np.isnan(numbers)[:, None].astype(float)]
        else:
            text, known = (text_of(t[name]).to_numpy(dtype=str) for t in (rows, real))
            parts.append((text[:, None] == np.unique(known)).astype(float))
    return np.concatenate(parts, axis=1)


def _closest(
    rows: Floats, others: Floats, among_themselves: bool = False
) -> tuple[Floats, NDArray[np.int64]]:
    """Distance and place of the nearest of the others."""
    from sklearn.neighbors import NearestNeighbors

    finder = NearestNeighbors(n_neighbors=1 + among_themselves).fit(others)
    distances, places = finder.kneighbors(rows)
    return distances[:, -1], places[:, -1]
