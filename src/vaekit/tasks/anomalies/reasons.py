"""Why a row is unusual: its columns, one by one against what the model expects there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.domains import Domain, TableDomain
from vaekit.domains.checks import is_frame
from vaekit.errors import CompositionError
from vaekit.tasks.anomalies.seen import Frame, cost_at_mean
from vaekit.tasks.trained import Trained
from vaekit.types import Batch

__all__ = ["Reason", "columns_of", "find_reasons"]

_SMALLEST = 1e-6


@dataclass(frozen=True)
class Reason:
    """Why an item is unusual: one column.

    Attributes:
        column: Its name; of arrays without names its place.
        found: The value.
        expected: What the model would have it be, given the others.
        share: Of what the row costs above the usual, how much goes away if it were so.
    """

    column: str
    found: Any
    expected: Any
    share: float


def columns_of(domain: Domain) -> dict[str, tuple[int, ...]]:
    """The places of each column's cells in a row, by name.

    Raises:
        CompositionError: The items are no rows.
    """
    if isinstance(domain, TableDomain):
        return {name: tuple(places) for name, places in domain.cells.items()}
    if len(domain.event_shape) != 1:
        raise CompositionError("reasons are columns of rows; these items are no rows.")
    names = domain.feature_names or [str(i) for i in range(domain.event_shape[0])]
    return {name: (place,) for place, name in enumerate(names)}


@torch.no_grad()
def find_reasons(
    trained: Trained, frame: Frame, usual_cost: float, X: Any, context: Any = None, top: int = 3
) -> list[list[Reason]]:
    """The columns of each row whose replacement makes it more usual, the strongest first.

    Args:
        trained: The model.
        frame: Where training items lie.
        usual_cost: The median cost of training items, nats.
        X: Rows of an array or a table.
        context: Their labels or properties, for conditional models.
        top: How many at most.

    Raises:
        CompositionError: Items are no rows of columns.
    """
    columns, raw = columns_of(trained.domain), trained.domain.read(X)
    raw = raw if is_frame(raw) else np.asarray(raw)
    search = _Search(trained, frame, usual_cost, columns)
    rows = (
        _row(batch, place)
        for batch in trained.batches(raw, context)
        for place in range(len(batch.x))
    )
    return [search.reasons(raw, place, row)[:top] for place, row in enumerate(rows)]


@dataclass(frozen=True)
class _Search:
    trained: Trained
    frame: Frame
    usual_cost: float
    columns: Mapping[str, tuple[int, ...]]

    def reasons(self, raw: Any, place: int, row: Batch) -> list[Reason]:
        """All columns that lessen the cost of a row, if they were as expected."""
        places = list(self.columns.values())
        expected = self._expected(row, places)
        changed = row.visible.expand(len(places) + 1, -1).clone()
        for i, own in enumerate(places):
            changed[i, list(own)] = expected[i, list(own)]
        batch = self._batch(changed, row, places)
        cost = cost_at_mean(self.trained.vae, self.frame, batch).cpu().numpy()
        gains = (cost[-1] - cost[:-1]) / max(cost[-1] - self.usual_cost, _SMALLEST)
        shown = self.trained.domain.decode(expected)
        order = [int(i) for i in np.argsort(-gains) if gains[i] > _SMALLEST]
        names = list(self.columns)
        found = [
            Reason(name, _cell(raw, place, name, i), _cell(shown, i, name, i), float(gains[i]))
            for i, name in ((i, names[i]) for i in order)
        ]
        return [reason for reason in found if reason.found != reason.expected]

    def _batch(self, x: Tensor, row: Batch, places: Sequence[tuple[int, ...]]) -> Batch:
        """The changed rows: replaced cells are known; numbers are, where the code says so."""
        context = None if row.context is None else row.context.expand(len(x), -1)
        if row.observed is None:
            return Batch(x, context)
        observed = row.observed.expand(len(x), -1).clone()
        for i, own in enumerate(places):
            observed[i, list(own)] = True
        domain = self.trained.domain
        if isinstance(domain, TableDomain):
            for code, column in enumerate(domain.learnt):
                if column.has_number:
                    number = domain.cells[column.name][1]
                    observed[:, number] = x[:, code] == column.number_code
        return Batch(x, context, observed)

    def _expected(self, row: Batch, places: Sequence[tuple[int, ...]]) -> Tensor:
        """Of each column, the row as the model gives it back if that column is unknown."""
        vae = self.trained.vae
        hidden = row.visible.expand(len(places), -1).clone()
        for i, own in enumerate(places):
            hidden[i, list(own)] = 0.0  # the mean of a number, and a label that is not known
        context = None if row.context is None else row.context.expand(len(hidden), -1)
        return vae.show(vae.encode(hidden, context), context)


def _row(batch: Batch, place: int) -> Batch:
    """One row of a batch, as a batch."""
    context = None if batch.context is None else batch.context[place : place + 1]
    observed = None if batch.observed is None else batch.observed[place : place + 1]
    return Batch(batch.x[place : place + 1], context, observed)


def _cell(rows: Any, row: int, name: str, place: int) -> Any:
    value = rows[name].iloc[row] if is_frame(rows) else rows[row][place]
    return value.item() if isinstance(value, np.generic | Tensor) else value
