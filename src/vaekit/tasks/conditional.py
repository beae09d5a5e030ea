"""Items that meet conditions, drawn from what the model knows under those conditions."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from vaekit.distributions import as_row, drawn
from vaekit.domains import TableDomain
from vaekit.domains.tables import Allowed, Condition
from vaekit.errors import unknown_name
from vaekit.randomness import seeded
from vaekit.tasks.distinct import distinct_items
from vaekit.tasks.molecules import AimedMolecules
from vaekit.tasks.trained import Trained

__all__ = ["sample_where"]

_AT_ONCE = 4096
_SPARE = 1.3
_SMALLEST = 1e-30


@torch.no_grad()
def sample_where(
    trained: Trained,
    n: int,
    where: Mapping[str, Any],
    context: Any = None,
    seed: int | None = None,
    prior: str = "fitted",
) -> Any:
    """Generate items that meet conditions.

    Rows of tables meet them on any of their columns, without exception. They are made as always,
    but for the cells asked for: those are drawn from what the conditions leave of their
    distribution. Each row is then kept as often as the conditions were probable on the way to it
    (importance sampling), which makes its other cells those of the model's distribution given the
    conditions.

    Molecules meet ranges of the targets that a model was taught (`MoleculeDomain(targets=...)`) as
    far as it knows: each is kept as often as its latents make the ranges probable. Judge what comes
    out by properties that are computed or measured.

    Args:
        trained: A model of a table, or of molecules with targets.
        n: How many.
        where: By column a value, a list of values, or a pair (low, high) with ``None`` for an open
            end; of dates also as text. By target a pair.
        context: Labels or properties, for conditional models.
        seed: Of the draws; ``None`` for fresh ones.
        prior: ``"fitted"`` or ``"model"``.

    Returns:
        A data frame, or SMILES.

    Raises:
        CompositionError: The model is of other data, or was taught no targets.
        SpecError: No column, target or label has that name; suggests the nearest.
        DataError: A condition that can never hold.

    Example:
        >>> import pandas as pd
        >>> from vaekit import Autoencoder
        >>> frame = pd.DataFrame({"size": [1.5, 2.0, 2.5, 4.0] * 9, "kind": list("aabb") * 9})
        >>> model = Autoencoder(domain="table", max_epochs=2, progress=False).fit(frame)
        >>> rows = sample_where(model.trained_, 5, {"kind": "b", "size": (2.0, None)}, seed=0)
        >>> set(rows["kind"]), rows["size"].min() >= 2.0
        ({'b'}, np.True_)
    """
    rows = trained.rows(context, _AT_ONCE)
    proposals = _proposals(trained, rows, prior == "fitted", where)

    def draw(places: Tensor) -> Tensor:
        found, log_w = _candidates(proposals, len(places))
        return found[_chosen(log_w, len(places))]

    with seeded(seed):
        return distinct_items(trained.domain, n, draw)


class _Proposals(Protocol):
    """Candidates with their weights."""

    most: ClassVar[int]
    """Candidates to try before it is said that a condition is too rare."""

    def propose(self, count: int) -> tuple[Tensor, Tensor]: ...


def _proposals(
    trained: Trained, rows: Tensor | None, fitted: bool, where: Mapping[str, Any]
) -> _Proposals:
    domain = trained.domain
    if isinstance(domain, TableDomain):
        return _GuidedRows(trained, rows, fitted, _limits(domain, where))
    return AimedMolecules.of(trained, rows, fitted, where)


def _candidates(proposals: _Proposals, n: int) -> tuple[Tensor, Tensor]:
    """Enough to choose from, and their log weights."""
    found, weights = [], []
    while True:
        some, log_w = proposals.propose(_AT_ONCE)
        found.append(some)
        weights.append(log_w)
        log_w = torch.cat(weights)
        if _expected(log_w) > _SPARE * n or len(log_w) >= proposals.most:
            return torch.cat(found), log_w


def _expected(log_w: Tensor) -> float:
    """How many rows remain if each is kept as often as its weight says."""
    return float((log_w - log_w.max()).exp().sum())


def _chosen(log_w: Tensor, n: int) -> Tensor:
    """Places of rows kept by their weight: none twice if there are enough, else some again."""
    weights = (log_w - log_w.max()).exp()
    if (kept := (torch.rand_like(weights) < weights).nonzero().squeeze(1)).numel() >= n:
        return kept[:n]
    effective = float(weights.sum() ** 2 / weights.square().sum())
    if effective < n:
        warnings.warn(
            f"the conditions are so rare that {n} rows come from about {effective:.0f} different "
            "ones: they are less varied than they should be. Ask for fewer rows, or for less.",
            stacklevel=3,
        )
    return torch.multinomial(weights, n, replacement=True)


def _limits(domain: TableDomain, where: Mapping[str, Any]) -> dict[int, Allowed]:
    """What is allowed, by the places of code and number of each column among the cells."""
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

    trained: Trained
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
        """A number in the range, by the inverse of the distribution function."""
        if allowed.number is None:
            return drawn(0, cell)
        low, high = (cell.mean.new_tensor(end) for end in (allowed.low, allowed.high))
        start, share = cell.cdf(low), (cell.cdf(high) - cell.cdf(low)).clamp_min(_SMALLEST)
        there = self._numbered[id(allowed)]
        self.log_w = self.log_w + torch.where(there, share.log(), 0.0)
        rank: Tensor = start + share * torch.rand_like(share)
        value: Tensor = cell.icdf(rank).clamp(low, high)
        return value
