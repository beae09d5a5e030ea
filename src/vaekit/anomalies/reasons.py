"""Why an item is unusual: columns of a row, regions of an image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.anomalies.inputs import BrokenCells, ReferenceStatistics, cost_at_mean
from vaekit.domains.base import Domain
from vaekit.domains.checks import is_frame
from vaekit.errors import CompositionError
from vaekit.fitting.trained import TrainedModel, batches_of
from vaekit.models.vae import VAE
from vaekit.training.config import Items
from vaekit.types import Batch

Floats = NDArray[np.float64]

_SMALLEST = 1e-6
_TELLING = 0.1  # of the strongest: what is off by less goes with another column


@dataclass(frozen=True)
class Reason:
    """Why an item is unusual: one column, or one region of an image.

    Attributes:
        column: Its name; of arrays without names its place; of images which rows and columns.
        found: The value.
        expected: What the model would have it be, given the others.
        share: Of what the row costs above the usual, how much goes away if it were so as well as
            the columns before it. Where no column makes the row cheaper, its share of how far all
            columns are from what is usual in training, which is then what is expected. Of a row
            that breaks a rule between columns, its share of how far all are from what the others
            say.
    """

    column: str
    found: Any
    expected: Any
    share: float


def columns_of(domain: Domain) -> dict[str, tuple[int, ...]]:
    """Return the places of each column's cells in a row, by name.

    Raises:
        CompositionError: The items are no rows.
    """
    cells = domain.cells
    if not cells:
        raise CompositionError("reasons are columns of rows; these items are no rows.")
    return {name: tuple(positions) for name, positions in cells.items()}


@torch.no_grad()
def find_reasons(
    trained: TrainedModel,
    frame: ReferenceStatistics,
    usual_cost: float,
    X: Any,
    context: Any = None,
    top: int = 3,
    broken: BrokenCells | None = None,
) -> list[list[Reason]]:
    """Return the columns of each row whose replacement makes it more usual, the strongest first.

    Of rows whose score is that of a broken rule they are the columns that differ from what the
    others say.

    One after the other: with the strongest replaced, the model is asked again what it expects of
    the rest, so that a wrong value does not blame the columns that go with it.

    Args:
        trained: The model.
        frame: Where training items lie.
        usual_cost: The median cost of training items, nats.
        X: Rows of an array or a table.
        context: Their labels or properties, for conditional models.
        top: How many at most.
        broken: Which cells break a rule; ``None`` where rules are not asked for.

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
    found = []
    for place, row in enumerate(rows):
        by_rule = search.by_rule(raw, place, row, top, broken) if broken is not None else []
        found.append(by_rule or search.reasons(raw, place, row, top))
    return found


@dataclass(frozen=True)
class _Search:
    trained: TrainedModel
    frame: ReferenceStatistics
    usual_cost: float
    columns: Mapping[str, tuple[int, ...]]

    def reasons(self, raw: Any, place: int, row: Batch, top: int) -> list[Reason]:
        """Return the columns that lessen the cost of a row most, if they were as expected."""
        x, excess, gains = row.visible, 0.0, dict[str, float]()
        for _ in range(min(top, len(self.columns))):
            cost, best, less = self._strongest(x, row, list(gains))
            excess = excess or max(cost - self.usual_cost, _SMALLEST)
            if less <= _SMALLEST * excess:
                break
            gains[best] = less / excess
            x = self._as_expected(x, row, [list(gains)])
        names, shown = list(self.columns), self.trained.domain.decode(x)
        found = [
            Reason(name, _cell(raw, place, name, at), _cell(shown, 0, name, at), gain)
            for name, gain, at in ((name, gain, names.index(name)) for name, gain in gains.items())
        ]
        telling = [reason for reason in found if reason.found != reason.expected]
        return telling or self._farthest(raw, place, row, top)

    def by_rule(
        self, raw: Any, place: int, row: Batch, top: int, broken: BrokenCells
    ) -> list[Reason]:
        """Return the columns that differ most from what the others say, if that makes the score."""
        if not broken.is_broken[place]:
            return []
        names = list(self.columns)
        off = np.array(
            [float(broken.contributions[place][self._coordinates(n)].sum()) for n in names]
        )
        if row.observed is not None:
            known = [bool(row.observed[0, list(self.columns[n])].any()) for n in names]
            off = np.where(known, off, 0.0)
        least = _TELLING * off.max()
        chosen = [i for i in np.argsort(-off, kind="stable")[:top] if off[i] > least]
        expected = {names[i]: broken.expected[place] for i in chosen}
        shares = {names[i]: float(off[i] / off.sum()) for i in chosen}
        return self._against(raw, place, row, expected, shares)

    def _farthest(self, raw: Any, place: int, row: Batch, top: int) -> list[Reason]:
        """Return the columns farthest from what is usual, of a row that is odd as a whole."""
        frame, names = self.frame, list(self.columns)
        away = (frame.place(row.visible.cpu())[0] - frame.mean) / frame.deviation
        far = np.array([float((away[self._coordinates(name)] ** 2).sum()) for name in names])
        if not far.any():
            return []
        chosen = [i for i in np.argsort(-far, kind="stable")[:top] if far[i] > 0]
        shares = {names[i]: float(far[i] / far.sum()) for i in chosen}
        return self._against(raw, place, row, dict.fromkeys(shares, frame.mean), shares)

    def _against(
        self,
        raw: Any,
        place: int,
        row: Batch,
        expected: Mapping[str, Floats],
        shares: Mapping[str, float],
    ) -> list[Reason]:
        """Return a reason for each column: what the row has, and what was expected of it."""
        x, names = row.visible.clone(), list(self.columns)
        for name in shares:
            for cell in self.columns[name]:
                x[0, cell] = self._value(cell, expected[name])
        shown = self.trained.domain.decode(x)
        reasons = []
        for name, share in shares.items():
            at = names.index(name)
            given, other = _cell(raw, place, name, at), _cell(shown, 0, name, at)
            reasons.append(Reason(name, given, other, share))
        return [reason for reason in reasons if reason.found != reason.expected]

    def _coordinates(self, name: str) -> NDArray[np.int64]:
        """Return the coordinates of a column: one for each label, then one for a number."""
        return np.concatenate([self._of_cell(cell) for cell in self.columns[name]])

    def _of_cell(self, cell: int) -> NDArray[np.int64]:
        codes = self.frame.num_codes
        if cell >= len(codes):
            return np.array([sum(codes) + cell - len(codes)])
        return np.arange(codes[cell]) + sum(codes[:cell])

    def _value(self, cell: int, coordinates: Floats) -> float:
        """Return the label or the number of a cell that has these coordinates, or is near them."""
        frame, at = self.frame, self._of_cell(cell)
        if cell < len(frame.num_codes):
            return float(coordinates[at].argmax() + 1)
        return float((frame.low + frame.span * coordinates)[at[0]])

    def _strongest(self, x: Tensor, row: Batch, before: list[str]) -> tuple[float, str, float]:
        """Return what x costs, nats, and which column makes it how much cheaper."""
        names = [name for name in self.columns if name not in before]
        changed = torch.cat([self._as_expected(x, row, [[name] for name in names]), x])
        batch = self._batch(changed, row, [*([*before, name] for name in names), before])
        cost = cost_at_mean(self.trained.vae, self.frame, batch).cpu().numpy()
        best = int(cost[:-1].argmin())
        return float(cost[-1]), names[best], float(cost[-1] - cost[best])

    def _as_expected(self, x: Tensor, row: Batch, unknown: Sequence[Sequence[str]]) -> Tensor:
        """For each of some sets of columns x with what the model expects there of the rest."""
        vae, rows = self.trained.vae, x.expand(len(unknown), -1)
        there = self._places(unknown, x.shape[1])
        context = None if row.context is None else row.context.expand(len(rows), -1)
        # 0 is the mean of a number, and a label that is not known
        expected = vae.show(vae.encode(rows.masked_fill(there, 0.0), context), context)
        return torch.where(there, expected, rows)

    def _batch(self, x: Tensor, row: Batch, replaced: Sequence[Sequence[str]]) -> Batch:
        """The changed rows: replaced cells are known; numbers are, where the code says so."""
        context = None if row.context is None else row.context.expand(len(x), -1)
        if row.observed is None:
            return Batch(x, context)
        observed = row.observed | self._places(replaced, x.shape[1])
        return Batch(x, context, self.trained.domain.observed_after(x, observed))

    def _places(self, names: Sequence[Sequence[str]], width: int) -> Tensor:
        """True at the cells of some columns, for each of some sets of them."""
        found = torch.zeros(len(names), width, dtype=torch.bool)
        for row, chosen in zip(found, names, strict=True):
            row[[cell for name in chosen for cell in self.columns[name]]] = True
        return found.to(self.trained.device)


def _row(batch: Batch, place: int) -> Batch:
    """Return one row of a batch, as a batch."""
    context = None if batch.context is None else batch.context[place : place + 1]
    observed = None if batch.observed is None else batch.observed[place : place + 1]
    return Batch(batch.x[place : place + 1], context, observed)


def _cell(rows: Any, row: int, name: str, place: int) -> Any:
    value = rows[name].iloc[row] if is_frame(rows) else rows[row][place]
    return value.item() if isinstance(value, np.generic | Tensor) else value


_BLUR = 1 / 28  # of the shorter side: a fault is larger than a pixel, the noise of one is not


@torch.no_grad()
def cell_costs(vae: VAE, batch: Batch) -> Tensor:
    """-log p(x | z) of each value at the posterior mean, nats, shape (batch, *event).

    Missing cells cost nothing.

    Raises:
        CompositionError: The likelihood has no costs of single values.
    """
    px = vae.decode(vae.encode(batch.x, batch.context), batch.context)
    if not vae.likelihood.normalized or px.event_shape:
        raise CompositionError(
            f"{type(vae.likelihood).__name__} tells values together, not one by one. Use another "
            "likelihood."
        )
    cost = -px.log_prob(batch.visible).squeeze(0)
    return cost if batch.observed is None else cost.where(batch.observed, 0.0)


def usual_heat(trained: TrainedModel, items: Items) -> Floats | None:
    """Return the mean cost of each pixel over training images, shape (height, width).

    ``None`` where items are no images.
    """
    if not trained.domain.draws_images:
        return None
    sums = [cell_costs(trained.vae, b).sum((0, 1)) for b in batches_of(items, trained.device)]
    return torch.stack(sums).sum(0).double().cpu().numpy() / len(items)


def heat_maps(trained: TrainedModel, usual: Floats | None, X: Any) -> Floats:
    """See `Detector.heat_maps`."""
    if usual is None:
        raise CompositionError(
            "heat maps show where images are unusual; these items are no images. Use "
            "explain for rows."
        )
    from scipy.ndimage import gaussian_filter

    costs = [cell_costs(trained.vae, batch).sum(1) for batch in trained.batches(X)]
    excess = torch.cat(costs).double().cpu().numpy() - usual
    sigma = max(0.5, min(usual.shape) * _BLUR)
    found: Floats = np.maximum(0.0, gaussian_filter(excess, (0, sigma, sigma)))
    return found


def region_reasons(maps: Floats, usual: float, top: int = 3) -> list[list[Reason]]:
    """Return the regions of each image that are unusual, the strongest first.

    A region is what hangs together above half of the image's peak, or above what is usual if that
    is more; one at least.

    Args:
        maps: Of the images, shape (images, height, width), in deviations.
        usual: The peak of the map of a usual image.
        top: How many regions at most.

    Returns:
        Of each image its regions: the first and the last row and column, the peak, the usual peak,
        and the share of what is above half of the image's peak.

    Example:
        >>> maps = np.zeros((1, 8, 8))
        >>> maps[0, 2:4, 5] = 9.0
        >>> region_reasons(maps, 3.0)[0][0].column
        'rows 2-3, columns 5-5: deviation'
    """
    return [_regions(heat, usual, top) for heat in maps]


def _regions(heat: Floats, usual: float, top: int) -> list[Reason]:
    from scipy.ndimage import find_objects, label, maximum, sum_labels

    peak = float(heat.max())
    level = max(peak / 2, min(usual, peak))
    parts, count = label(heat >= level)
    places = np.arange(1, count + 1)
    peaks = np.atleast_1d(maximum(heat, parts, places))
    shares = np.atleast_1d(sum_labels(heat, parts, places)) / heat[parts > 0].sum()
    boxes = find_objects(parts)
    reasons = []
    for place in np.argsort(-peaks, kind="stable")[:top]:
        rows, columns = boxes[place]
        where = f"rows {rows.start}-{rows.stop - 1}, columns {columns.start}-{columns.stop - 1}"
        found, share = float(peaks[place]), float(shares[place])
        reasons.append(Reason(f"{where}: deviation", found, float(usual), share))
    return reasons


def reason_words(reason: Reason) -> str:
    """Return a reason in a few words.

    Example:
        >>> reason_words(Reason("age", 130.0, 41.256, 0.8))
        'age 130, expected 41.26'
    """
    found, expected = (_short(value) for value in (reason.found, reason.expected))
    return f"{reason.column} {found}, expected {expected}"


def _short(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
