"""How near synthetic rows lie to those of training."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import is_number, numbers_of, text_of
from vaekit.errors import DataError
from vaekit.likelihoods.table import AutoregressiveTable
from vaekit.models.vae import VAE
from vaekit.tables.metrics import Floats, check_tables

if TYPE_CHECKING:
    from vaekit.fitting.trained import TrainedModel

_NEIGHBOURS = 5


def blended_neighbors(rows: Any, n: int, seed: int = 0) -> Any:
    """Make rows that lie between a row and one of its five nearest, as SMOTE does.

    Numbers are blended; labels are those that most of the neighbours have. Distances are those of
    SMOTE-NC: numbers by their spread, and a label that differs counts as the median spread, which
    is 1. Such rows look right column by column and are near copies of those that they come from.

    Args:
        rows: A pandas data frame of at least 2 rows.
        n: How many rows to make.
        seed: Of the choices.

    Raises:
        DataError: Fewer than 2 rows.

    Source: Chawla et al. 2002, "SMOTE: synthetic minority over-sampling technique", section 6.1.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"size": [1.0, 2.0, 3.0], "kind": ["a", "a", "b"]})
        >>> blended_neighbors(rows, 4)["size"].between(1, 3).all()
        np.True_
    """
    if len(rows) < 2:
        raise DataError(f"blends need at least 2 rows; got {len(rows)}.")
    rng = np.random.default_rng(seed)
    near = _neighbors(rows, min(_NEIGHBOURS, len(rows) - 1))
    first = rng.integers(len(rows), size=n)
    second = near[first, rng.integers(near.shape[1], size=n)]
    share = rng.random(n)
    made = {
        name: _blended(rows[name], first, second, share)
        if is_number(rows[name])
        else _voted(rows[name], near[first])
        for name in rows
    }
    return type(rows)(made)


def _neighbors(rows: Any, count: int) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    points = np.concatenate([_coordinates(rows[name]) for name in rows], axis=1)
    finder = NearestNeighbors(n_neighbors=count + 1).fit(points)
    positions: NDArray[np.int64] = finder.kneighbors(points, return_distance=False)
    own = positions == np.arange(len(rows))[:, None]
    own[~own.any(1), -1] = True  # of rows with many twins, which need not find themselves
    others: NDArray[np.int64] = positions[~own].reshape(len(rows), count)
    return others


def _coordinates(values: Any) -> Floats:
    """Return a column as coordinates, in which two different labels are 1 apart."""
    if not is_number(values):
        text = text_of(values).to_numpy(dtype=str)
        return np.where(text[:, None] == np.unique(text), np.sqrt(0.5), 0.0)
    numbers = numbers_of(values)
    known = numbers[~np.isnan(numbers)]
    middle, spread = (known.mean(), known.std()) if len(known) else (0.0, 1.0)
    return np.nan_to_num((numbers - middle) / (spread or 1.0))[:, None]


def _blended(
    values: Any, first: NDArray[np.int64], second: NDArray[np.int64], share: Floats
) -> Any:
    """Between two numbers or times, in the column's precision; missing where the first one is."""
    import pandas as pd

    start, end = (values.iloc[positions].reset_index(drop=True) for positions in (first, second))
    end = end.where(end.notna(), start)
    numbers = numbers_of(start) + share * (numbers_of(end) - numbers_of(start))
    if values.dtype.kind == "f":
        return pd.Series(numbers).astype(values.dtype)
    whole = pd.Series(np.round(np.nan_to_num(numbers)).astype(np.int64))
    return whole.astype(values.dtype).where(start.notna())


def _voted(values: Any, near: NDArray[np.int64]) -> Any:
    """Return the most frequent label of some rows each; of several the first."""
    import pandas as pd

    codes, labels = pd.factorize(values, use_na_sentinel=False)
    votes = (codes[near][:, :, None] == codes[near][:, None, :]).sum(2)
    chosen = np.take_along_axis(codes[near], votes.argmax(1)[:, None], 1).squeeze(1)
    return pd.Series(labels.take(chosen)).astype(values.dtype)


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
        real: A pandas data frame; best one that the synthetic rows were not learned from.
        synthetic: One with the same columns.

    Raises:
        DataError: Other columns, or no rows.

    Source: Alaa et al. 2022, "How faithful is your synthetic data?", in its form without an
    embedding.
    """
    check_tables(real, synthetic)
    x, y = _vectors(real, real), _vectors(synthetic, real)
    levels = np.linspace(0, 1, _LEVELS)
    center = x.mean(0)
    to_center = np.linalg.norm(x - center, axis=1)
    own = np.linalg.norm(y - center, axis=1)
    precision = np.array([(own <= np.quantile(to_center, level)).mean() for level in levels])
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
        training: What the model learned from.
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


def training_closeness(synthetic: Any, training: Any) -> float:
    """The share of pairs in which a synthetic row is nearer to the training rows than one of them.

    Of each synthetic row the distance to the nearest training row is taken, of each training row
    that to the nearest other one. Rows like the training rows but new are as far: a half. Much
    more says that training rows are repeated. Unlike `closest_record_share` it needs no rows that
    were held out, so that it can be told of every model.

    Args:
        synthetic: A pandas data frame.
        training: What the model learned from, at least two rows.

    Raises:
        DataError: Other columns, or no rows.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"size": [1.0, 2.0, 4.0, 8.0]})
        >>> training_closeness(rows, rows)
        1.0
    """
    check_tables(training, synthetic)
    own, made = _vectors(training, training), _vectors(synthetic, training)
    usual = np.sort(_closest(own, own, among_themselves=True)[0])
    found = _closest(made, own)[0]
    farther = len(usual) - np.searchsorted(usual, found, side="right")
    equal = np.searchsorted(usual, found, side="right") - np.searchsorted(usual, found, side="left")
    return float((farther + equal / 2).mean() / len(usual))


_FEW_ROWS, _MADE, _MUCH = 5000, 1000, 0.6


def closeness_remark(trained: "TrainedModel", X: Any) -> dict[str, str]:
    """Return in words how near new rows are to those learned from, where these are few.

    Args:
        trained: The model; only one that makes rows freely, with cells that depend on each other.
        X: A pandas data frame of what it was trained on.
    """
    makes_rows = isinstance(trained.model, VAE) and isinstance(
        trained.model.likelihood, AutoregressiveTable
    )
    if not makes_rows or trained.context is not None or not 20 <= len(X) <= _FEW_ROWS:
        return {}
    try:
        made = trained.sample(min(_MADE, len(X)), None, 0, "fitted")
    except DataError as error:  # constraints may leave too few
        return {"new rows": f"none to look at; {error}"}
    share = training_closeness(made, X)
    said = (
        f"nearer to a row of the training than those are to each other in {share:.0%} of pairs "
        "(of as many real ones: 50%)"
    )
    if share > _MUCH:
        said += (
            "; some repeat what was learned. Fewer passes (max_epochs), or more rows, make them "
            "freer; `vaekit evaluate` on other rows measures it."
        )
    return {"new rows": said}


def _vectors(rows: Any, real: Any) -> Floats:
    parts = []
    for name in real.columns:
        if is_number(real[name]):
            numbers, own = numbers_of(rows[name]), numbers_of(real[name])
            known = own[~np.isnan(own)]
            low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
            scaled = (numbers - low) / (high - low if high > low else 1.0)
            parts += [np.nan_to_num(scaled)[:, None], np.isnan(numbers)[:, None].astype(float)]
        else:
            text, labels = (text_of(t[name]).to_numpy(dtype=str) for t in (rows, real))
            parts.append((text[:, None] == np.unique(labels)).astype(float))
    return np.concatenate(parts, axis=1)


def _closest(
    rows: Floats, others: Floats, among_themselves: bool = False
) -> tuple[Floats, NDArray[np.int64]]:
    """Distance and place of the nearest of the others."""
    from sklearn.neighbors import NearestNeighbors

    finder = NearestNeighbors(n_neighbors=1 + among_themselves).fit(others)
    distances, positions = finder.kneighbors(rows)
    return distances[:, -1], positions[:, -1]
