"""How like real rows those of a synthetic table are, beside others and simply made ones."""

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
    return subject.trained.domain.decode(subject.sampled(subject.reference))


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
        share = closest_record_share(_SOURCES[name](subject)[learned], training, held_out)
        alarm = f"ALARM, above {_ALARM}: they repeat training rows"
        note = alarm if share > _ALARM else "0.5: training rows are known no better than others"
        found.append(ReportRow(f"{name} nearer to training rows", share, note=note))
    return found


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
    fidelity = row_fidelity(real, rows)
    found = [
        _errors("shape error", shape_errors(real, rows), len(rows)),
        _errors("trend error", trend_errors(real, rows), len(rows)),
        ReportRow(
            "two-sample AUC of boosted trees",
            two_sample_auc(real, rows, subject.settings.seed),
            items=len(rows),
            note="0.5: trees cannot tell them from real rows",
        ),
        ReportRow("alpha-precision", fidelity.alpha_precision, items=len(rows)),
        ReportRow(
            "beta-recall", fidelity.beta_recall, items=len(rows), note="compare with real items"
        ),
    ]
    if (target := subject.settings.target) is not None:
        use = train_on_synthetic(rows, real, target)
        note = "trained on these rows, asked of real ones"
        found.append(ReportRow(f"boosted trees predict {target}", use, items=len(rows), note=note))
    return [replace(row, source=source) for row in found]


def _errors(name: str, errors: Mapping[Any, float], items: int) -> ReportRow:
    """Return the mean of the errors, with the largest named."""
    if not errors:
        return ReportRow(name, None, note="there is one column only")
    worst = max(errors, key=lambda key: errors[key])
    named = worst if isinstance(worst, str) else " and ".join(worst)
    note = f"largest: {named} {errors[worst]:.3f}"
    parts = tuple(errors.values())
    return ReportRow(name, float(np.mean(parts)), items=items, note=note, parts=parts)


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
    new = decode(subject.sampled(subject.reference))[learned]
    return {
        "columns": marginals(real, new),
        "associations": association_difference(associations(real), associations(new)),
    }
