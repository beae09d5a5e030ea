"""Asking for values, once for each molecule and within a budget; the best found so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.molecules.design.measures import Failure, Outcome
from vaekit.molecules.design.objectives import Goal


class Archive:
    """Grows as molecules are told; of each the score."""

    def __init__(self) -> None:
        self.smiles: list[str] = []
        self._scores: list[float] = []

    def __len__(self) -> int:
        """Return how many molecules."""
        return len(self.smiles)

    @property
    def scores(self) -> NDArray[np.float64]:
        """In the order told."""
        return np.array(self._scores, np.float64)

    def add(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Take in molecules that were not there yet."""
        self.smiles += smiles
        self._scores += scores.tolist()

    def best(self, n: int) -> NDArray[np.int64]:
        """Return places of the n highest scores, the highest first; the earlier first of equals."""
        return np.argsort(-self.scores, kind="stable")[:n]

    def among_best(self, smiles: Sequence[str], n: int) -> list[str]:
        """Return those of these molecules that are among the n best."""
        best = {self.smiles[place] for place in self.best(n)}
        return [one for one in smiles if one in best]


_ALL_FAILED = 20  # molecules, after which a run without any value stops


@dataclass(frozen=True)
class Record:
    """What became of one molecule.

    Attributes:
        smiles: Canonical.
        values: One for each objective; NaN where it failed.
        call: Which call it was, from 1.
        reason: Why it failed; ``None`` if it did not.
    """

    smiles: str
    values: tuple[float, ...]
    call: int
    reason: str | None = None


class Assessor:
    """Asks the measures; a molecule costs one call, and nothing when it is asked for again.

    Args:
        goal: Whose measures to ask.
        budget: The most different molecules.
        watch: Called with each record as it comes in.
    """

    def __init__(self, goal: Goal, budget: int, watch: Callable[[Record], None]) -> None:
        self.goal, self.budget, self.watch = goal, budget, watch
        self.records: dict[str, Record] = {}

    @property
    def remaining(self) -> int:
        """Calls that are left."""
        return self.budget - len(self.records)

    @property
    def successes(self) -> list[Record]:
        """Those with values, in the order of the calls."""
        return [record for record in self.records.values() if record.reason is None]

    def ask(self, smiles: Sequence[str]) -> list[Record]:
        """Records of those among these molecules that are new, as far as the budget goes.

        Raises:
            DataError: The first 20 molecules failed, or all of the budget.
        """
        new = [one for one in dict.fromkeys(smiles) if one not in self.records]
        new = new[: self.remaining]
        streams = [each.measure.outcomes(new) for each in self.goal.objectives]
        made = []
        for one, outcomes in zip(new, zip(*streams, strict=True), strict=True):
            record = self._record(one, outcomes)
            self.records[one] = record
            made.append(record)
            self.watch(record)
            self._check(record)
        return made

    def _record(self, smiles: str, outcomes: Sequence[Outcome]) -> Record:
        failures = [
            f"{name} {outcome.reason}"
            for name, outcome in zip(self.goal.names, outcomes, strict=True)
            if isinstance(outcome, Failure)
        ]
        values = tuple(np.nan if isinstance(o, Failure) else o for o in outcomes)
        return Record(smiles, values, len(self.records) + 1, "; ".join(failures) or None)

    def _check(self, record: Record) -> None:
        if record.reason is None or len(self.records) < min(_ALL_FAILED, self.budget):
            return
        if not self.successes:
            raise DataError(
                f"the objectives must give a number for some molecules; all of the first "
                f"{len(self.records)} failed, the last, {record.smiles!r}, because "
                f"{record.reason}. Try the function on that molecule by itself."
            )


def values_of(records: Sequence[Record], goal: Goal) -> NDArray[np.float64]:
    """Return values as an array, shape (molecules, objectives), also of no molecule."""
    values = np.array([record.values for record in records], np.float64)
    return values.reshape(len(records), len(goal.objectives))


Floats = NDArray[np.float64]

_EVERY = 100


def best_so_far(scores: Floats) -> Floats:
    """Return the highest score up to each call; NaN before the first that did not fail.

    Example:
        >>> best_so_far(np.array([np.nan, 1.0, 0.5, 2.0]))
        array([nan,  1.,  1.,  2.])
    """
    best: Floats = np.fmax.accumulate(scores) if len(scores) else scores
    return best


def mean_of_best(scores: Floats, k: int = 10) -> float:
    """Mean of the k highest scores, or of all where there are fewer; NaN of none.

    Example:
        >>> mean_of_best(np.array([1.0, 3.0, np.nan, 2.0]), 2)
        2.5
    """
    there = np.sort(scores[np.isfinite(scores)])[-k:]
    return float(there.mean()) if len(there) else float("nan")


def area_of_best(scores: Floats, budget: int, k: int = 10) -> float:
    """Mean over a budget of calls of the mean of the k best so far, read every 100 calls.

    A search that stops early keeps what it had. Failed calls count.

    Args:
        scores: In the order of the calls; NaN where one failed.
        budget: Calls that there were to spend, at least as many as scores.
        k: How many of the best.

    Source: Gao et al. 2022, "Sample efficiency matters: a benchmark for practical molecular
    optimization", section 3.3 (area under the curve of the ten best).

    Example:
        >>> area_of_best(np.ones(100), 200)
        0.75
    """
    if not len(scores):
        return float("nan")
    marks = [*range(_EVERY, len(scores), _EVERY), len(scores)]
    heights = [mean_of_best(scores[:mark], k) for mark in marks]
    heights = [0.0 if np.isnan(height) else height for height in heights]
    area = float(np.trapezoid([0.0, *heights], [0, *marks]))
    return (area + heights[-1] * (budget - len(scores))) / budget


def pareto_set(welcome: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return rows that no other row equals or exceeds in all columns, and exceeds in one.

    Args:
        welcome: The larger the better, shape (molecules, objectives).

    Example:
        >>> pareto_set(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0]]))
        array([ True,  True, False])
    """
    chosen = np.zeros(len(welcome), bool)
    front = np.empty((0, welcome.shape[1]))
    for place in np.lexsort(-welcome.T[::-1]):  # after those that may beat it
        row = welcome[place]
        beaten = (front >= row).all(1) & (front > row).any(1)
        if not beaten.any():
            chosen[place] = True
            front = np.vstack([front, row])
    return chosen
