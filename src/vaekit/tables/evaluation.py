"""How like real rows those of a synthetic table are, beside others and simply made ones."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from vaekit.errors import DataError
from vaekit.evaluation.measures import Measure, ReportRow
from vaekit.evaluation.settings import RECONSTRUCTION_ITEMS
from vaekit.evaluation.subject import EvaluationContext
from vaekit.fitting.trained import batches_of
from vaekit.tables.domain import TableDomain
from vaekit.tables.metrics import (
    associations,
    shape_errors,
    train_on_synthetic,
    trend_errors,
    two_sample_auc,
)
from vaekit.tables.privacy import blended_neighbors, closest_record_share, row_fidelity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ALARM = 0.57  # with some thousands of rows, more than chance explains


def _samples(subject: EvaluationContext) -> Any:
    return subject.trained.domain.decode(subject.reference_samples)


def _model_prior(subject: EvaluationContext) -> Any:
    return subject.trained.domain.decode(subject.drawn_from_prior(subject.reference))


def _real(subject: EvaluationContext) -> Any:
    return subject.trained.domain.decode(subject.x(subject.others))


def _lone_columns(subject: EvaluationContext) -> Any:
    """Real cells, each column in an order of its own: right shapes, no trends."""
    rows = _real(subject)
    rng = np.random.default_rng(subject.settings.seed)
    return rows.assign(**{name: rows[name].array[rng.permutation(len(rows))] for name in rows})


def _blends(subject: EvaluationContext) -> Any:
    """Rows between neighbours among the training rows, or, where those are not told, real ones."""
    rows = _real(subject) if subject.training is None else _training(subject)
    return blended_neighbors(rows, subject.compared, subject.settings.seed)


def _training(subject: EvaluationContext) -> Any:
    """Rows that the model learned from, at most as many as are held out, as it gives rows back."""
    if (x := subject.training) is None:
        raise DataError("needs the rows that the model learnt from (--training).")
    order = torch.randperm(len(x), generator=subject.generator())
    return subject.trained.domain.decode(x[order[: len(subject.items)]])


def _repeats(subject: EvaluationContext) -> list[ReportRow]:
    """Whether samples are nearer to training rows than to others, and blends of neighbours too."""
    learned = [column.name for column in _domain(subject).learned]
    training = _training(subject)[learned]
    held_out = subject.trained.domain.decode(subject.x(subject.items))[learned]
    found = []
    for name in ("samples", "blended neighbours"):
        rows = _SOURCES[name](subject)[learned]
        count = min(len(rows), len(training), len(held_out))
        if count < _LEAST_ROWS:
            found.append(_too_few(f"{name} nearer to training rows", count))
            continue
        share = closest_record_share(rows, training, held_out)
        error = _share_error(share, count)
        found.append(
            ReportRow(
                f"{name} nearer to training rows",
                share,
                standard_error=error,
                items=count,
                note=_alarm(share, error),
            )
        )
    return found


_LEAST_ROWS = 20
"""Rows below which a figure would say more of chance than of the model."""

_FEW_ROWS, _RESAMPLES = 2000, 10  # for the spread of errors, which takes time


def _too_few(name: str, count: int) -> ReportRow:
    note = f"needs at least {_LEAST_ROWS} rows of each kind; got {count}"
    return ReportRow(name, None, items=count, note=note)


def _share_error(share: float, count: int) -> float:
    """Return the standard error of a share of rows; that of one row where all or none count."""
    return math.sqrt(max(share * (1 - share), 1 / count) / count)


def _alarm(share: float, error: float) -> str:
    if share <= _ALARM:
        return "0.5: training rows are known no better than others"
    if share - 1.96 * error <= 0.5:
        return f"above {_ALARM}, but so few rows may show that by chance: hold out more"
    return f"ALARM, above {_ALARM}: they repeat training rows"


def _auc_error(auc: float, first: int, second: int) -> float:
    """Return the standard error of an area under the curve.

    Source: Hanley & McNeil 1982, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", eq. 1.
    """
    area = max(auc, 1 - auc)
    both, other = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area)
    spread += (first - 1) * (both - area**2) + (second - 1) * (other - area**2)
    return math.sqrt(max(spread, 0.0) / (first * second))


def _error_of_errors(
    measure: Callable[[Any, Any], Mapping[Any, float]], real: Any, rows: Any
) -> Any:
    """Return the standard error of a mean error, by rows drawn again; ``None`` for many rows."""
    if max(len(real), len(rows)) > _FEW_ROWS:
        return None
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_RESAMPLES):
        drawn = (part.iloc[rng.integers(len(part), size=len(part))] for part in (real, rows))
        found.append(np.mean(list(measure(*drawn).values())))
    return float(np.std(found, ddof=1))


_SOURCES: dict[str, Callable[[EvaluationContext], Any]] = {
    "samples": _samples,
    "model prior": _model_prior,
    "real items": _real,
    "blended neighbours": _blends,
    "lone columns": _lone_columns,
}


def _compare(subject: EvaluationContext, source: str) -> list[ReportRow]:
    """Return all figures of one kind of rows, of the columns that are learned."""
    learned = [column.name for column in _domain(subject).learned]
    real = subject.trained.domain.decode(subject.x(subject.reference))[learned]
    rows = _SOURCES[source](subject)[learned]
    count = min(len(real), len(rows))
    if count < _LEAST_ROWS:
        return [replace(_too_few("rows", count), source=source)]
    fidelity = row_fidelity(real, rows)
    auc = two_sample_auc(real, rows, subject.settings.seed)
    found = [
        _errors("shape error", shape_errors, real, rows),
        _errors("trend error", trend_errors, real, rows),
        ReportRow(
            "two-sample AUC of boosted trees",
            auc,
            standard_error=_auc_error(auc, len(real), len(rows)),
            items=len(rows),
            note="0.5: trees cannot tell them from real rows",
        ),
        ReportRow(
            "alpha-precision",
            fidelity.alpha_precision,
            standard_error=_share_error(fidelity.alpha_precision, count),
            items=len(rows),
        ),
        ReportRow(
            "beta-recall",
            fidelity.beta_recall,
            standard_error=_share_error(fidelity.beta_recall, count),
            items=len(rows),
            note="compare with real items",
        ),
    ]
    if (target := subject.settings.target) is not None:
        use = train_on_synthetic(rows, real, target)
        note = "trained on these rows, asked of real ones"
        found.append(ReportRow(f"boosted trees predict {target}", use, items=len(rows), note=note))
    return [replace(row, source=source) for row in found]


def _errors(
    name: str, measure: Callable[[Any, Any], Mapping[Any, float]], real: Any, rows: Any
) -> ReportRow:
    """Return the mean of the errors, with the largest named."""
    if not (errors := measure(real, rows)):
        return ReportRow(name, None, note="there is one column only")
    worst = max(errors, key=lambda key: errors[key])
    named = worst if isinstance(worst, str) else " and ".join(worst)
    parts = tuple(errors.values())
    return ReportRow(
        name,
        float(np.mean(parts)),
        standard_error=_error_of_errors(measure, real, rows),
        items=len(rows),
        note=f"largest: {named} {errors[worst]:.3f}",
        parts=parts,
    )


def _given_back(subject: EvaluationContext) -> list[ReportRow]:
    """Codes that come back the same, and how far numbers come back elsewhere."""
    items, count = subject.some(RECONSTRUCTION_ITEMS), len(_domain(subject).learned)
    batches = list(batches_of(items, torch.device("cpu")))
    x, back = torch.cat([batch.x for batch in batches]), subject.reconstructed(items)
    same = float((x[:, :count] == back[:, :count]).float().mean())
    rows = [ReportRow("codes given back", same, items=len(x), note="labels and shared values")]
    seen = torch.cat([b.observed for b in batches if b.observed is not None])[:, count:]
    if seen.any():
        error = (x - back)[:, count:].square()[seen].mean()
        rows.append(ReportRow("squared error of normal scores", float(error), items=len(x)))
    return rows


def _domain(subject: EvaluationContext) -> TableDomain:
    return cast(TableDomain, subject.trained.domain)


TABLE_MEASURES = (
    Measure("reconstruction", "reconstruction", _given_back),
    *(Measure("samples", name, partial(_compare, source=name)) for name in _SOURCES),
    Measure("privacy", "rows nearer to training rows", _repeats),
)
"""What is measured of tables, in place of squared errors and Frechet distances."""


def evaluation_pictures(subject: EvaluationContext) -> "dict[str, Figure]":
    """Return ``columns``, real and synthetic, and how their ``associations`` differ."""
    from vaekit.plots.columns import association_difference, marginals

    learned = [column.name for column in _domain(subject).learned]
    decode = subject.trained.domain.decode
    real = decode(subject.x(subject.reference))[learned]
    new = decode(subject.reference_samples)[learned]
    return {
        "columns": marginals(real, new),
        "associations": association_difference(associations(real), associations(new)),
    }
