"""Whether the items of today are like those of training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vaekit.anomalies.reasons import columns_of
from vaekit.domains.base import Domain
from vaekit.domains.checks import check_least

Floats = NDArray[np.float64]

_FEWEST = 20
_SURE, _NOTABLE = 0.01, 0.05


@dataclass(frozen=True)
class Moved:
    """A column that is not as it was.

    Attributes:
        column: Its name.
        difference: The largest difference between the cumulative shares of numbers, or half the
            summed differences between the shares of labels: from 0, the same, to 1.
        p_value: Of a Kolmogorov-Smirnov or chi-squared test, times the number of columns.
    """

    column: str
    difference: float
    p_value: float


@dataclass(frozen=True)
class Drift:
    """How today's items differ from those of training.

    Attributes:
        higher: The probability that an item of today is more unusual than one of training; one
            half is none.
        p_value: Of the rank test of that.
        columns: Those that moved beyond chance, the most first; of rows only.
    """

    higher: float
    p_value: float
    columns: tuple[Moved, ...]

    @property
    def alarm(self) -> bool:
        """Whether scores moved beyond chance and by enough to matter, or a column did.

        A model knows its training items a little better than new ones, and among many items any
        difference is beyond chance; so the odds must also be off by .05.
        """
        scores = self.p_value < _SURE and abs(self.higher - 0.5) > _NOTABLE
        return scores or bool(self.columns)

    def _repr_html_(self) -> str:
        """Return the columns that moved in a table for notebooks, and the sentence above it."""
        from vaekit.reports import notebook_table

        rows = [(moved.column, f"{moved.difference:.2f}") for moved in self.columns]
        return notebook_table(("column", "moved by"), rows, str(self))

    def __str__(self) -> str:
        """In a sentence."""
        scores = f"an item of today is more unusual than one of training in {self.higher:.0%}"
        moved = ", ".join(f"{m.column} ({m.difference:.2f})" for m in self.columns[:5])
        verdict = "drift" if self.alarm else "no drift"
        return f"{verdict}: {scores} of cases; columns that moved: {moved or 'none'}"


def find_drift(domain: Domain, before: Tensor, now: Tensor, known: Floats, scores: Floats) -> Drift:
    """Compare scores and columns.

    Args:
        domain: What was learned about the data.
        before: Training items, as the domain prepared them.
        now: The items of today, prepared alike.
        known: Scores to compare with.
        scores: Of the items of today.

    Raises:
        DataError: Fewer than 20 items.
    """
    from scipy.stats import mannwhitneyu  # slow to import

    check_least(scores, _FEWEST, "drift needs more items to tell it from chance")
    test = mannwhitneyu(scores, known)
    odds = float(test.statistic) / (len(scores) * len(known))
    return Drift(odds, float(test.pvalue), _moved(domain, before, now))


def _moved(domain: Domain, before: Tensor, now: Tensor) -> tuple[Moved, ...]:
    if len(domain.event_shape) != 1:
        return ()
    columns = columns_of(domain)
    labels = len(domain.category_counts)
    found = []
    for name, positions in columns.items():
        pairs = [(before[:, place].numpy(), now[:, place].numpy()) for place in positions]
        parts = [_compared(*p, place < labels) for p, place in zip(pairs, positions, strict=True)]
        difference, p = max(d for d, _ in parts), min(p for _, p in parts) * len(parts)
        found.append(Moved(name, difference, min(1.0, p * len(columns))))
    moved = [m for m in found if m.p_value < _SURE and m.difference > _NOTABLE]
    return tuple(sorted(moved, key=lambda m: -m.difference))


def _compared(a: NDArray[Any], b: NDArray[Any], labels: bool) -> tuple[float, float]:
    """Return a difference and its p-value; cells that are not there do not count."""
    from scipy.stats import chi2_contingency, ks_2samp  # slow to import

    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    if not (len(a) and len(b)):
        return 0.0, 1.0
    if not labels:
        test = ks_2samp(a, b, method="asymp")
        return float(test.statistic), float(test.pvalue)
    kinds = np.union1d(a, b)
    counts = np.array([[(part == kind).sum() for kind in kinds] for part in (a, b)])
    shares = counts / counts.sum(1, keepdims=True)
    p = 1.0 if len(kinds) == 1 else float(chi2_contingency(counts).pvalue)
    return float(np.abs(shares[0] - shares[1]).sum() / 2), p
