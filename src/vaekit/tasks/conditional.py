"""Rows of a table that meet conditions, drawn from what the model knows under those conditions."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical

from vaekit.distributions import Cells
from vaekit.domains import TableDomain
from vaekit.domains.tables import Allowed, Condition
from vaekit.errors import CompositionError, unknown_name
from vaekit.randomness import seeded
from vaekit.tasks.trained import Trained

__all__ = ["sample_where"]

_AT_ONCE = 4096
_MOST = 400_000  # latents tried before it is said that a condition is too rare
_WANTED = 2.0  # effective latents for each row
_SMALLEST, _EDGE = 1e-30, 1e-6


@torch.no_grad()
def sample_where(
    trained: Trained,
    n: int,
    where: Mapping[str, Any],
    context: Any = None,
    seed: int | None = None,
    prior: str = "fitted",
) -> Any:
    """Generate rows that meet conditions on any of their columns.

    Latents are drawn from the prior and kept as often as the conditions are probable under them;
    the cells asked for are drawn from what is left of their distribution, and the others as
    always. That is the model's distribution given the conditions, not a filter: each latent counts,
    and rows meet the conditions without exception.

    Args:
        trained: A model of a table.
        n: How many rows.
        where: By column a value, a list of values, or a pair (low, high) with ``None`` for an open
            end; of dates also as text.
        context: Labels or properties, for conditional models.
        seed: Of the draws; ``None`` for fresh ones.
        prior: ``"fitted"`` or ``"model"``.

    Returns:
        A data frame.

    Raises:
        CompositionError: The model is not of a table.
        SpecError: No column, or no label, has that name; suggests the nearest.
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
    domain = trained.domain
    if not isinstance(domain, TableDomain):
        raise CompositionError("conditions are of tables; this model is of other data.")
    limits = _Limits(domain, where)
    with seeded(seed):
        z, rows = _latents(trained, n, limits, context, prior)
        px = trained.vae.decode(z, rows)
        x = px.sample().squeeze(0)
        limits.impose(x, px)
    return domain.decode(x)


def _latents(
    trained: Trained, n: int, limits: "_Limits", context: Any, prior: str
) -> tuple[Tensor, Tensor | None]:
    """Latents under the conditions, by importance resampling, and a context for each."""
    rows = trained.rows(context, _AT_ONCE)
    kept, weights = [], []
    while True:
        z = trained.vae.generate(_AT_ONCE, rows, fitted=prior == "fitted")
        kept.append(z)
        weights.append(limits.log_probability(trained.vae.decode(z, rows)))
        log_w = torch.cat(weights)
        effective = float(2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0))
        if effective > math.log(_WANTED * n) or len(log_w) >= _MOST:
            break
    if effective < math.log(n):
        warnings.warn(
            f"the conditions are so rare that {n} rows come from about {math.exp(effective):.0f} "
            "different places in latent space: they are less varied than they should be. Ask for "
            "fewer rows, or for less.",
            stacklevel=3,
        )
    places = torch.multinomial((log_w - log_w.max()).exp(), n, replacement=True)
    return torch.cat(kept)[places], None if rows is None else rows[:1].expand(n, -1)


class _Limits:
    """The conditions, by the places of code and number of their column among the cells."""

    def __init__(self, domain: TableDomain, where: Mapping[str, Any]) -> None:
        columns = {column.name: column for column in domain.columns or ()}
        learnt = [column.name for column in domain.learnt]
        numbers = [column.name for column in domain.learnt if column.has_number]
        self._limits: list[tuple[int, int | None, Allowed]] = []
        for name, given in where.items():
            if name not in columns:
                raise unknown_name("column", name, list(columns))
            allowed = columns[name].allow(Condition.of(given))
            number = numbers.index(name) if name in numbers else None
            self._limits.append((learnt.index(name), number, allowed))

    def log_probability(self, px: Any) -> Tensor:
        """log P(conditions | z) of each latent, nats."""
        odds = [_log_odds(px, *limit).logsumexp(-1) for limit in self._limits]
        return torch.stack(odds).sum(0).squeeze(0)

    def impose(self, x: Tensor, px: Any) -> None:
        """Draw the cells asked for anew, from what is left of their distributions."""
        for place, number, allowed in self._limits:
            odds = _log_odds(px, place, number, allowed).squeeze(0)
            x[:, place] = Categorical(logits=odds).sample() + 1.0
            if number is not None:
                low, high = (share.squeeze(0) for share in _shares(px, number, allowed))
                share = low + (high - low) * torch.rand_like(low)
                mean, scale = px.numbers.mean[0, :, number], px.numbers.scale[0, :, number]
                score = mean + scale * torch.special.ndtri(share.clamp(_EDGE, 1 - _EDGE))
                bounds = (torch.tensor(end, dtype=x.dtype) for end in (allowed.low, allowed.high))
                x[:, len(px.num_codes) + number] = score.clamp(*bounds)


def _log_odds(px: Cells, place: int, number: int | None, allowed: Allowed) -> Tensor:
    """Log probabilities of the codes that are allowed, with a number in the range."""
    start = sum(px.num_codes[:place])
    odds = px.log_odds[..., start : start + px.num_codes[place]]
    odds = odds.masked_fill(~torch.from_numpy(allowed.codes).to(odds.device), -torch.inf)
    if number is None or allowed.number is None:
        return odds
    low, high = _shares(px, number, allowed)
    inside = torch.zeros_like(odds)
    inside[..., allowed.number] = (high - low).clamp_min(_SMALLEST).log()
    return odds + inside


def _shares(px: Cells, number: int, allowed: Allowed) -> tuple[Tensor, Tensor]:
    """Shares of the distribution of a number below its range, and up to its end."""
    mean, scale = px.numbers.mean[..., number], px.numbers.scale[..., number]
    low, high = (
        torch.special.ndtr((torch.full_like(mean, end) - mean) / scale)
        for end in (allowed.low, allowed.high)
    )
    return low, high
