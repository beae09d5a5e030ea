"""Columns of tables as operations of tensors, for models that leave Python.

All columns of a kind are one tensor, so that a graph has as many operations for a hundred columns
as for one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from vaekit.domains.graphs import (
    Interpolations,
    ItemReader,
    ItemWriter,
    Port,
    at_places,
    count_below,
    normal_quantile,
    normal_share,
    padded,
)
from vaekit.errors import CompositionError
from vaekit.tables.columns import CategoricalColumn, Column
from vaekit.tables.dtypes import DatetimeColumn
from vaekit.tables.numbers import (
    FARTHEST,
    NumericColumn,
    QuantileTransform,
    Scale,
    StandardScaling,
)

if TYPE_CHECKING:
    from vaekit.tables.domain import TableDomain

MISSING_TEXT = -1
"""Within the graph, the number of the text that stands for a missing cell."""


@dataclass(frozen=True)
class _Plan:
    """What a graph must know of one column.

    Attributes:
        port: What it takes or gives.
        masses: Numbers that are codes, in their order; empty of text.
        scale: Of the other numbers; ``None`` where there are none.
        codes: How many codes there are.
        has_missing: Whether the last of them is that of missing cells.
        unit: How many seconds one is; 1 of what is no time.
        takes_nearest: Whether an unknown number is the nearest known one.
    """

    port: Port
    masses: tuple[float, ...]
    scale: Scale | None
    codes: int
    has_missing: bool
    unit: int = 1
    takes_nearest: bool = False


def table_reader(domain: "TableDomain") -> "TableReader":
    """Return what reads rows.

    Raises:
        CompositionError: Columns or rules that no graph can read.
    """
    return TableReader(_plans(domain), domain)


def table_writer(domain: "TableDomain") -> "TableWriter":
    """Return what writes rows, but for columns that are not learned.

    Raises:
        CompositionError: Columns or rules that no graph can write.
    """
    return TableWriter(_plans(domain))


def _plans(domain: "TableDomain") -> list[_Plan]:
    if domain.constraints:
        rules = ", ".join(type(rule).__name__ for rule in domain.constraints)
        raise CompositionError(
            f"an export of a table must have no constraints between columns; got {rules}. Fit "
            "without them (two columns of times that keep their order are one: leave one of them "
            "out, or call it a number)."
        )
    names = {column.name for column in domain.learned}
    for name, was in domain.originals.items():
        if name in names:
            raise CompositionError(
                f"an export must have columns of text, numbers, truth values or times; {name!r} is "
                f"of type {was}. Convert it before fitting."
            )
    return [_plan(column, domain.unseen == "accept") for column in domain.learned]


def _plan(column: Column, takes_nearest: bool) -> _Plan:
    if isinstance(column, CategoricalColumn):
        return _plan_of_labels(column)
    if isinstance(column, DatetimeColumn):
        return _plan_of_numbers(column.count, column.name, False, column.unit)
    if isinstance(column, NumericColumn):
        return _plan_of_numbers(column, column.name, takes_nearest)
    raise CompositionError(
        f"an export must have columns of labels, numbers or times; {column.name!r} is a "
        f"{column.kind}. Leave it out."
    )


def _plan_of_labels(column: CategoricalColumn) -> _Plan:
    kinds = {isinstance(label, str) for label in column.labels}
    if len(kinds) > 1:
        raise CompositionError(
            f"an export must have labels of one kind in a column; {column.name!r} has text and "
            "numbers. Convert it to text before fitting."
        )
    codes, has_missing = column.num_codes, column.has_missing
    if kinds == {True}:
        labels = tuple(str(label) for label in column.labels)
        port = Port(column.name, "str", labels=labels, missing=_missing_text(labels))
        return _Plan(port, (), None, codes, has_missing)
    masses = tuple(float(label) for label in column.labels)
    return _Plan(Port(column.name, "float64"), masses, None, codes, has_missing)


def _missing_text(labels: Sequence[str]) -> str:
    text = "<missing>"
    while text in labels:
        text = f"<missing{text}>"
    return text


def _plan_of_numbers(
    column: NumericColumn, name: str, takes_nearest: bool, unit: int | None = None
) -> _Plan:
    if column.offset:
        raise CompositionError(
            f"an export must have numbers of at most 53 bits; column {name!r} holds larger ones. "
            "Subtract their least one before fitting."
        )
    decimals = None if column.scale.snaps else column.decimals
    port = Port(name, "float64", unit="" if unit is None else "seconds", decimals=decimals)
    return _Plan(
        port,
        tuple(column.masses),
        column.scale if column.has_number else None,
        column.num_codes,
        column.has_missing,
        1 if unit is None else unit,
        takes_nearest and not column.has_number and bool(column.masses),
    )


def _where(holds: Iterable[bool]) -> Tensor:
    return torch.tensor([place for place, one in enumerate(holds) if one], dtype=torch.long)


class _Arranged(nn.Module):
    """Columns by kind, and where each stands in a row.

    Attributes:
        is_text: Of each column.
        numbers: The plans of those that are no text.
    """

    def __init__(self, plans: Sequence[_Plan]) -> None:
        super().__init__()
        self.is_text = [bool(plan.port.labels) for plan in plans]
        self.numbers = [plan for plan in plans if not plan.port.labels]
        self.texts = [plan for plan in plans if plan.port.labels]
        order = np.argsort(np.argsort([not text for text in self.is_text], kind="stable"))
        self.register_buffer("order", torch.from_numpy(order.astype(np.int64)))
        scaled = [plan.scale is not None for plan in self.numbers]
        self.register_buffer("scaled", _where(scaled))
        self.num_scaled = sum(scaled)

    def per_number(self, values: Iterable[float]) -> Tensor:
        """Return something of each column of numbers."""
        return torch.tensor(list(values), dtype=torch.float64)


class TableReader(ItemReader):
    """Rows of columns, as `TableDomain.prepare` and `encode` see them.

    Args:
        plans: Of each column.
        domain: Which says what happens to values that training did not know.
    """

    def __init__(self, plans: Sequence[_Plan], domain: "TableDomain") -> None:
        super().__init__()
        self.inputs = tuple(plan.port for plan in plans)
        self.refuses = domain.unseen == "refuse"
        self.missing_is_hole = domain.missing == "unobserved"
        self.columns = columns = _Arranged(plans)
        self.register_buffer("text_missing", _missing_codes(columns.texts))
        self.register_buffer("number_missing", _missing_codes(columns.numbers))
        if columns.numbers:
            masses = [plan.masses or (np.nan,) for plan in columns.numbers]
            between = [(np.add(part[1:], part[:-1]) / 2).tolist() or [np.inf] for part in masses]
            self.register_buffer("masses", padded(masses, np.nan))
            self.register_buffer("near", padded(masses))
            self.register_buffer("between", padded(between, np.inf))
            parts: dict[str, list[float]] = {
                "unit": [plan.unit for plan in columns.numbers],
                "count": [len(plan.masses) for plan in columns.numbers],
                "nearest": [plan.takes_nearest for plan in columns.numbers],
                "scale": [plan.scale is not None for plan in columns.numbers],
            }
            for name, values in parts.items():
                self.register_buffer(name, columns.per_number(values))
        scales = [plan.scale for plan in columns.numbers if plan.scale is not None]
        self.scores = _Scores(scales) if scales else None

    def forward(self, *raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return codes, then numbers; NaN where the domain refuses a value."""
        text = [one for one, is_text in zip(raw, self.columns.is_text, strict=True) if is_text]
        others = [
            one for one, is_text in zip(raw, self.columns.is_text, strict=True) if not is_text
        ]
        found = []
        if text:
            found.append(self._of_text(torch.stack(text, 1)))
        numbers = None
        if others:
            codes, numbers, refused = self._of_numbers(torch.stack(others, 1))
            found.append((codes, refused))
        codes, refused = (torch.cat(part, 1) for part in zip(*found, strict=True))
        codes = codes[:, self.columns.get_buffer("order")]
        rows = (codes if numbers is None else torch.cat([codes, numbers], 1)).float()
        x, observed = rows.nan_to_num(0.0), ~rows.isnan()
        if self.refuses:
            wrong = refused.any(1, keepdim=True)
            x, observed = torch.where(wrong, torch.nan, x), observed | wrong
        return x, observed

    def _of_text(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        missing, unknown = raw == MISSING_TEXT, raw == 0
        missing_codes = self.get_buffer("text_missing")
        codes = torch.where(missing, missing_codes, raw.double())
        codes = torch.where(unknown, torch.nan, codes)
        return codes, self._refused(missing, unknown, missing_codes)

    def _refused(self, missing: Tensor, unknown: Tensor, missing_codes: Tensor) -> Tensor:
        return unknown if self.missing_is_hole else unknown | (missing & missing_codes.isnan())

    def _of_numbers(self, raw: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        numbers = raw / self.get_buffer("unit")
        missing, endless = numbers.isnan(), numbers.isinf()
        near = at_places(self.get_buffer("near"), count_below(numbers, self.get_buffer("between")))
        moved = (self.get_buffer("nearest") > 0) & ~missing & ~endless
        numbers = torch.where(moved, near, numbers)
        same = numbers.unsqueeze(-1) == self.get_buffer("masses")
        is_mass, place = same.any(-1), same.long().argmax(-1)
        scaled = self.get_buffer("scale") > 0
        unknown = (scaled & endless) | (~scaled & ~is_mass & ~missing)
        missing_codes = self.get_buffer("number_missing")
        codes = torch.where(is_mass, place.double(), self.get_buffer("count")) + 1
        codes = torch.where(missing, missing_codes, codes)
        codes = torch.where(unknown, torch.nan, codes)
        refused = self._refused(missing, unknown, missing_codes)
        if self.scores is None:
            return codes, None, refused
        there = self.columns.get_buffer("scaled")
        known = numbers.nan_to_num(0.0, 0.0, 0.0)[:, there]
        no_number = (is_mass | missing | unknown)[:, there]
        return codes, torch.where(no_number, torch.nan, self.scores(known)), refused


def _missing_codes(plans: Sequence[_Plan]) -> Tensor:
    codes = [float(plan.codes) if plan.has_missing else np.nan for plan in plans]
    return torch.tensor(codes, dtype=torch.float64)


class _ByScale(nn.Module):
    """Columns of numbers by their kind of scale.

    Raises:
        CompositionError: A scale that no graph knows.
    """

    def __init__(self, scales: Sequence[Scale]) -> None:
        super().__init__()
        self.ranks = [scale for scale in scales if isinstance(scale, QuantileTransform)]
        self.standard = [scale for scale in scales if isinstance(scale, StandardScaling)]
        if len(self.ranks) + len(self.standard) < len(scales):
            raise CompositionError("an export must have scales 'quantiles' or 'standard'.")
        is_rank = [isinstance(scale, QuantileTransform) for scale in scales]
        self.register_buffer("at_ranks", _where(is_rank))
        self.register_buffer("at_standard", _where(not one for one in is_rank))
        order = np.argsort(np.argsort([not one for one in is_rank], kind="stable"))
        self.register_buffer("order", torch.from_numpy(order.astype(np.int64)))
        for name in ("mean", "spread"):
            values = [getattr(scale, name) for scale in self.standard]
            self.register_buffer(name, torch.tensor(values, dtype=torch.float64))

    def in_own_order(self, of_ranks: Tensor | None, of_standard: Tensor | None) -> Tensor:
        """Return columns in their own order."""
        parts = [part for part in (of_ranks, of_standard) if part is not None]
        return torch.cat(parts, 1)[:, self.get_buffer("order")]


class _Scores(nn.Module):
    """Normal scores of ranks, beyond the training range in a straight line; or deviations."""

    def __init__(self, scales: Sequence[Scale]) -> None:
        super().__init__()
        self.by = by = _ByScale(scales)
        if by.ranks:
            values, middles = [one.values for one in by.ranks], [one.middles for one in by.ranks]
            self.rank = Interpolations(values, middles)
            tails = torch.tensor([one.tails for one in by.ranks], dtype=torch.float64)
            self.register_buffer("tails", tails.movedim(0, -1))

    def forward(self, numbers: Tensor) -> Tensor:
        """Return scores."""
        ranks = self._of_ranks(numbers) if self.by.ranks else None
        standard = None
        if self.by.standard:
            away = numbers[:, self.by.get_buffer("at_standard")] - self.by.get_buffer("mean")
            standard = away / self.by.get_buffer("spread")
        return self.by.in_own_order(ranks, standard).clamp(-FARTHEST, FARTHEST)

    def _of_ranks(self, numbers: Tensor) -> Tensor:
        numbers = numbers[:, self.by.get_buffer("at_ranks")]
        scores = normal_quantile(self.rank(numbers))
        (low, at_low, slope_low), (high, at_high, slope_high) = self.get_buffer("tails")
        scores = torch.where(numbers < low, at_low + slope_low * (numbers - low), scores)
        return torch.where(numbers > high, at_high + slope_high * (numbers - high), scores)


class TableWriter(ItemWriter):
    """Rows of columns, as `TableDomain.decode` makes them, but for constants and keys.

    Args:
        plans: Of each column.
    """

    def __init__(self, plans: Sequence[_Plan]) -> None:
        super().__init__()
        self.outputs = tuple(_written(plan) for plan in plans)
        self.columns = columns = _Arranged(plans)
        self.at_text = [place for place, text in enumerate(columns.is_text) if text]
        self.at_numbers = [place for place, text in enumerate(columns.is_text) if not text]
        lasts = [len(plan.port.labels) for plan in columns.texts]
        self.register_buffer("lasts", torch.tensor(lasts, dtype=torch.long))
        if columns.numbers:
            tables = [(*plan.masses, np.nan) for plan in columns.numbers]
            self.register_buffer("table", padded(tables, np.nan))
            counts = [len(plan.masses) for plan in columns.numbers]
            self.register_buffer("count", torch.tensor(counts, dtype=torch.long))
            scaled = [plan.scale is not None for plan in columns.numbers]
            self.register_buffer("is_scaled", torch.tensor(scaled))
            among = np.maximum(np.cumsum(scaled) - 1, 0)
            self.register_buffer("among", torch.from_numpy(among.astype(np.int64)))
            self.register_buffer("unit", columns.per_number(plan.unit for plan in columns.numbers))
            tens = [_rounding(plan) for plan in columns.numbers]
            self.register_buffer("tens", columns.per_number(tens))
            self.counts_times = any(tens)
        scales = [plan.scale for plan in columns.numbers if plan.scale is not None]
        self.numbers = _Numbers(scales) if scales else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return columns."""
        codes = x[:, : len(self.outputs)].round().long()
        found: dict[int, Tensor] = {}
        if self.at_text:
            found |= zip(self.at_text, self._texts(codes[:, self.at_text]).unbind(1), strict=True)
        if self.at_numbers:
            values = self._values(codes[:, self.at_numbers], x[:, len(self.outputs) :])
            found |= zip(self.at_numbers, values.unbind(1), strict=True)
        return tuple(found[place] for place in range(len(self.outputs)))

    def _texts(self, codes: Tensor) -> Tensor:
        return torch.where((codes < 1) | (codes > self.get_buffer("lasts")), MISSING_TEXT, codes)

    def _values(self, codes: Tensor, scores: Tensor) -> Tensor:
        """Return shared values, and those of the scores."""
        count = self.get_buffer("count")
        place = torch.minimum((codes - 1).clamp_min(0), count)
        values = at_places(self.get_buffer("table"), place)
        if self.numbers is not None:
            spread = self.numbers(scores.double())[:, self.get_buffer("among")]
            elsewhere = (codes == count + 1) & self.get_buffer("is_scaled")
            values = torch.where(elsewhere, spread, values)
        if self.counts_times:  # what is whole in days must be so before it is seconds
            tens = self.get_buffer("tens")
            values = torch.where(tens > 0, (values * tens).round() / tens.clamp_min(1), values)
        return values * self.get_buffer("unit")


def _written(plan: _Plan) -> Port:
    """Return the output of a column; times are rounded within."""
    port = plan.port
    return Port(port.name, port.dtype, unit=port.unit) if port.unit else port


def _rounding(plan: _Plan) -> float:
    """Return the power of ten by which a number is whole; 0 where it is rounded outside."""
    decimals = plan.port.decimals
    return 10.0**decimals if plan.port.unit and decimals is not None else 0.0


class _Numbers(nn.Module):
    """Numbers of scores, within the training range; where all values are known, one of them."""

    def __init__(self, scales: Sequence[Scale]) -> None:
        super().__init__()
        self.by = by = _ByScale(scales)
        if by.ranks:
            ends = [np.stack([one.lows, one.highs], 1).ravel() for one in by.ranks]
            self.value = Interpolations(ends, [np.repeat(one.values, 2) for one in by.ranks])
            highs = [one.highs[:-1] or (np.inf,) for one in by.ranks]
            self._keep("rank", by.ranks, highs)
        if by.standard:
            between = [_middles(one.values) or [np.inf] for one in by.standard]
            self._keep("standard", by.standard, between)

    def _keep(self, name: str, scales: Sequence[Scale], knots: Sequence[Sequence[float]]) -> None:
        self.register_buffer(f"{name}_values", padded([one.values for one in scales]))
        self.register_buffer(f"{name}_knots", padded(knots, np.inf))
        snaps = torch.tensor([one.snaps for one in scales])
        self.register_buffer(f"{name}_snaps", snaps)
        self.register_buffer(
            f"{name}_ends",
            torch.tensor([(one.values[0], one.values[-1]) for one in scales], dtype=torch.float64),
        )

    def _snapped(self, name: str, at: Tensor, numbers: Tensor) -> Tensor:
        place = count_below(at, self.get_buffer(f"{name}_knots"))
        nearest = at_places(self.get_buffer(f"{name}_values"), place)
        return torch.where(self.get_buffer(f"{name}_snaps"), nearest, numbers)

    def forward(self, scores: Tensor) -> Tensor:
        """Return numbers."""
        of_ranks, of_standard = None, None
        if self.by.ranks:
            ranks = normal_share(scores[:, self.by.get_buffer("at_ranks")])
            of_ranks = self._snapped("rank", ranks, self.value(ranks))
        if self.by.standard:
            spread = scores[:, self.by.get_buffer("at_standard")] * self.by.get_buffer("spread")
            numbers = spread + self.by.get_buffer("mean")
            low, high = self.get_buffer("standard_ends").T
            bounded = torch.minimum(torch.maximum(numbers, low), high)
            of_standard = self._snapped("standard", numbers, bounded)
        return self.by.in_own_order(of_ranks, of_standard)


def _middles(values: Sequence[float]) -> list[float]:
    array = np.asarray(values)
    middles: list[float] = ((array[1:] + array[:-1]) / 2).tolist()
    return middles
