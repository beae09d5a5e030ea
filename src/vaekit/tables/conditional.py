"""Rows of tables that meet conditions on any of their columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from vaekit.distributions.rows import as_row, drawn
from vaekit.domains.hooks import Proposals
from vaekit.errors import unknown_name
from vaekit.fitting.trained import TrainedModel
from vaekit.tables.constraints import Allowed, Condition
from vaekit.tables.domain import TableDomain

_SMALLEST = 1e-30


def guided_rows(
    domain: TableDomain,
    trained: TrainedModel,
    context: Tensor | None,
    fitted: bool,
    where: Mapping[str, Any],
) -> Proposals:
    """Return rows whose cells are sampled from what conditions leave of their distributions."""
    return _GuidedRows(trained, context, fitted, _limits(domain, where))


def _limits(domain: TableDomain, where: Mapping[str, Any]) -> dict[int, Allowed]:
    """Return what is allowed, by the places of code and number of each column among the cells."""
    columns = {column.name: column for column in domain.columns or ()}
    cells, limits = domain.cells, dict[int, Allowed]()
    for name, given in where.items():
        if name not in columns:
            raise unknown_name("column", name, list(columns))
        allowed = columns[name].allow(Condition.of(given))
        limits |= dict.fromkeys(cells.get(name, ()), allowed)
    return limits


@dataclass(frozen=True)
class _GuidedRows:
    """Rows that meet the limits."""

    most: ClassVar[int] = 400_000

    trained: TrainedModel
    rows: Tensor | None
    fitted: bool
    limits: Mapping[int, Allowed]

    def propose(self, count: int) -> tuple[Tensor, Tensor]:
        z = self.trained.vae.generate(count, self.rows, fitted=self.fitted)
        guided = _Guided(self.limits)
        x = as_row(self.trained.vae.decode(z, self.rows)).walk(guided).squeeze(0)
        return x, guided.log_w.squeeze(0)


class _Guided:
    """Chooses cells within limits, and remembers how probable it was to stay within them."""

    def __init__(self, limits: Mapping[int, Allowed]) -> None:
        self.limits = limits
        self.log_w = torch.zeros(())
        self._numbered: dict[int, Tensor] = {}

    def __call__(self, place: int, cell: Distribution) -> Tensor:
        allowed = self.limits.get(place)
        if allowed is None:
            return drawn(place, cell)
        if isinstance(cell, Categorical):
            return self._code(cell, allowed)
        return self._number(cell, allowed)

    def _code(self, cell: Categorical, allowed: Allowed) -> Tensor:
        refused = ~torch.from_numpy(allowed.codes).to(cell.logits.device)
        logits = cell.logits.masked_fill(refused, -torch.inf)
        self.log_w = self.log_w + logits.logsumexp(-1)
        code: Tensor = Categorical(logits=logits).sample()
        if allowed.number is not None:
            self._numbered[id(allowed)] = code.eq(allowed.number)
        return code + 1.0

    def _number(self, cell: Any, allowed: Allowed) -> Tensor:
        """Return a number in the range, by the inverse of the distribution function."""
        if allowed.number is None:
            return drawn(0, cell)
        low, high = (cell.mean.new_tensor(end) for end in (allowed.low, allowed.high))
        start, share = cell.cdf(low), (cell.cdf(high) - cell.cdf(low)).clamp_min(_SMALLEST)
        there = self._numbered[id(allowed)]
        self.log_w = self.log_w + torch.where(there, share.log(), 0.0)
        rank: Tensor = start + share * torch.rand_like(share)
        value: Tensor = cell.icdf(rank).clamp(low, high)
        return value
